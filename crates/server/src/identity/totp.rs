//! Time-based one-time passwords (RFC 6238) as every authenticator makes them: SHA-1, six digits, thirty seconds; and the
//! recovery codes that stand in for them.

use bailey_core::{Secret, Timestamp};
use bailey_runtime::ids::{self, RandomError};
use ring::hmac;
use sha2::{Digest, Sha256};

const PERIOD: i64 = 30;
const MODULUS: u32 = 1_000_000;
const DIGITS: usize = 6;
/// Bytes of a secret: as many as the hash has.
const SECRET: usize = 20;
/// Bytes of a recovery code. With 120 random bits, a plain hash of one tells nothing.
const RECOVERY: usize = 15;
/// Recovery codes that a person gets.
pub(crate) const RECOVERY_CODES: usize = 10;

/// The secret of an authenticator.
pub(crate) struct Totp(Secret<Vec<u8>>);

impl Totp {
    /// A new secret.
    pub(crate) fn new() -> Result<Self, RandomError> {
        Ok(Self::from_bytes(ids::random::<SECRET>()?.to_vec()))
    }

    /// A secret that was kept.
    pub(crate) const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Secret::new(bytes))
    }

    /// The secret itself.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// The secret as authenticators take it.
    pub(crate) fn base32(&self) -> String {
        base32(self.bytes())
    }

    /// The address that authenticators read. `name` has no character that an address would need escaped.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!(
            "otpauth://totp/Bailey:{name}?secret={}&issuer=Bailey&algorithm=SHA1&digits={DIGITS}&period={PERIOD}",
            self.base32()
        )
    }

    /// The time step whose code this is: the one of `now`, or one beside it, since clocks differ.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code = code.trim();
        if !is_code(code) {
            return None;
        }
        let code: u32 = code.parse().ok()?;
        let current = u64::try_from(now.seconds() / PERIOD).ok()?;
        [current, current.saturating_sub(1), current.saturating_add(1)]
            .into_iter()
            .find(|step| self.code(*step) == code)
    }

    fn code(&self, step: u64) -> u32 {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.bytes());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let at = usize::from(bytes.last().copied().unwrap_or_default() & 0xf);
        let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let word = word.map_or(0, |word| u32::from_be_bytes(*word));
        (word & 0x7fff_ffff) % MODULUS
    }

    /// The code at `now`.
    #[cfg(test)]
    pub(crate) fn at(&self, now: Timestamp) -> String {
        let step = u64::try_from(now.seconds() / PERIOD).unwrap_or_default();
        format!("{:06}", self.code(step))
    }
}

/// Whether this can be an authenticator's code; a recovery code cannot.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

/// A new recovery code.
pub(crate) fn recovery_code() -> Result<Secret<String>, RandomError> {
    let text = base32(&ids::random::<RECOVERY>()?).to_ascii_lowercase();
    let parts: Vec<&str> = text
        .as_bytes()
        .chunks(4)
        .filter_map(|c| std::str::from_utf8(c).ok())
        .collect();
    Ok(Secret::new(parts.join("-")))
}

/// The hash of a recovery code, however it is typed.
pub(crate) fn recovery_hash(code: &str) -> [u8; 32] {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Sha256::digest(plain.as_bytes()).into()
}

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut letter = |value: u32| text.push(char::from(LETTERS.get(value as usize & 31).copied().unwrap_or(b'A')));
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            letter(bits >> held);
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        letter(bits << (5 - held));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc() -> Totp {
        Totp::from_bytes(b"12345678901234567890".to_vec())
    }

    #[test]
    fn the_vectors_of_the_rfc() {
        // RFC 6238, appendix B: the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().at(Timestamp::from_seconds(seconds)), code);
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_the_ones_beside() {
        let now = Timestamp::from_seconds(1_111_111_109);
        let step = 1_111_111_109 / 30;
        for apart in [-1_i64, 0, 1] {
            let code = rfc().at(now.plus_seconds(apart * PERIOD));
            let found = rfc().step_of(&code, now).unwrap();
            assert_eq!(i64::try_from(found).unwrap(), step + apart);
        }
        for apart in [-2, 2] {
            assert_eq!(rfc().step_of(&rfc().at(now.plus_seconds(apart * PERIOD)), now), None);
        }
        for bad in ["", "81804", "0081804", "08180a", "+81804", "08180\u{664}"] {
            assert_eq!(rfc().step_of(bad, now), None, "{bad}");
        }
        assert!(rfc().step_of(" 081804 ", now).is_some());
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        for (text, encoded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(text.as_bytes()), encoded);
        }
        assert!(
            rfc()
                .uri("ada")
                .starts_with("otpauth://totp/Bailey:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&")
        );
    }

    #[test]
    fn a_recovery_code_may_be_typed_in_any_way() {
        let code = recovery_code().unwrap();
        let text = code.expose();
        assert_eq!((text.len(), text.matches('-').count()), (29, 5), "{text}");
        let typed = format!(" {} ", text.to_uppercase().replace('-', " "));
        assert_eq!(recovery_hash(text), recovery_hash(&typed));
        assert_ne!(recovery_hash(text), recovery_hash(recovery_code().unwrap().expose()));
        assert!(!is_code(text));
    }
}
