//! Keys, and signatures made with them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use ring::{digest, hmac};
use serde_json::{Map, Value, json};

/// A private RSA key that opens nothing: making one takes long.
const RSA: &str = include_str!("rsa.b64");

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alg {
    /// ECDSA on P-256.
    Es256,
    /// RSA, PKCS #1.
    Rs256,
    /// RSA, PSS.
    Ps256,
    /// Ed25519.
    EdDsa,
    /// HMAC with the bytes of the RSA key's public part: what a verifier that confuses the two would take.
    HmacWithPublicKey,
    /// HMAC with the client's secret.
    HmacWithSecret,
    /// Not at all.
    None,
}

impl Alg {
    /// The name in a token's header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
            Self::HmacWithPublicKey | Self::HmacWithSecret => "HS256",
            Self::None => "none",
        }
    }
}

/// The keys of one generation.
pub(super) struct Keys {
    generation: u32,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    rsa: RsaKeyPair,
    random: SystemRandom,
}

pub(super) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// The left half of a text's hash, as `at_hash` and `c_hash` have it: the hash is that of the token's algorithm.
pub(super) fn half(alg: Alg, text: &str) -> String {
    let algorithm = match alg {
        Alg::EdDsa => &digest::SHA512,
        _ => &digest::SHA256,
    };
    let hash = digest::digest(algorithm, text.as_bytes());
    let hash = hash.as_ref();
    base64url(hash.get(..hash.len() / 2).unwrap_or_default())
}

#[expect(clippy::unwrap_used, reason = "a test without its keys is over")]
impl Keys {
    pub(super) fn new(generation: u32) -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let rsa = STANDARD.decode(RSA.split_whitespace().collect::<String>()).unwrap();
        Self {
            generation,
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            rsa: RsaKeyPair::from_pkcs8(&rsa).unwrap(),
            random,
        }
    }

    /// The name of a key.
    pub(super) fn kid(&self, alg: Alg) -> String {
        format!("{}-{}", alg.name().to_lowercase(), self.generation)
    }

    /// The public keys, as a provider publishes them.
    pub(super) fn published(&self) -> Vec<Value> {
        let point = self.ec.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap().split_at(32);
        let rsa = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let (n, e) = (base64url(rsa.n), base64url(rsa.e));
        vec![
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid(Alg::Es256), "x": base64url(x), "y": base64url(y)}),
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid(Alg::EdDsa),
                "x": base64url(self.ed.public_key())}),
            json!({"kty": "RSA", "use": "sig", "kid": self.kid(Alg::Rs256), "n": n, "e": e}),
            json!({"kty": "RSA", "use": "sig", "kid": self.kid(Alg::Ps256), "n": n, "e": e}),
            // One that nobody knows what to do with.
            json!({"kty": "future", "kid": "unheard-of"}),
        ]
    }

    /// A token.
    pub(super) fn sign(
        &self,
        alg: Alg,
        header: &Map<String, Value>,
        claims: &Map<String, Value>,
        secret: &str,
    ) -> String {
        let text = |map: &Map<String, Value>| base64url(serde_json::to_vec(map).unwrap());
        let input = format!("{}.{}", text(header), text(claims));
        let bytes = input.as_bytes();
        let rsa = |padding: &'static dyn ring::signature::RsaEncoding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(padding, &self.random, bytes, &mut signature).unwrap();
            signature
        };
        let hmac = |key: &[u8]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes)
                .as_ref()
                .to_vec()
        };
        let signature = match alg {
            Alg::Es256 => self.ec.sign(&self.random, bytes).unwrap().as_ref().to_vec(),
            Alg::EdDsa => self.ed.sign(bytes).as_ref().to_vec(),
            Alg::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Alg::Ps256 => rsa(&RSA_PSS_SHA256),
            Alg::HmacWithPublicKey => hmac(self.rsa.public_key().as_ref()),
            Alg::HmacWithSecret => hmac(secret.as_bytes()),
            Alg::None => Vec::new(),
        };
        format!("{input}.{}", base64url(signature))
    }
}
