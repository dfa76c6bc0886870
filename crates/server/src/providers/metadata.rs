//! What an `OpenID` provider publishes of itself: its addresses and its keys, read when they are needed and kept for a while.

use std::sync::Arc;

use bailey_core::Timestamp;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, JsonWebKeySet, ProviderMetadata};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::ProviderError;
use super::fetch::{Fetcher, check};

/// For how many seconds what was read is taken as it is.
const FRESH: i64 = 15 * 60;
/// For how many seconds it is still good where it cannot be read again.
const STALE: i64 = 60 * 60;
/// After how many seconds an unknown key may have the keys read once more.
const AGAIN: i64 = 60;
/// For how many seconds a provider that does not answer is left alone.
const REST: i64 = 5;

/// What a provider says beyond the basic document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Extra {
    pub(super) end_session_endpoint: Option<String>,
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    pub(super) authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for Extra {}

/// A provider's document.
pub(super) type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Algorithms that tokens may be signed with: public keys alone.
pub(super) const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

#[derive(Default)]
struct Known {
    metadata: Option<(Timestamp, Arc<Metadata>)>,
    keys: Option<(Timestamp, Arc<CoreJsonWebKeySet>)>,
    /// When an unknown key last had the keys read.
    again: Option<Timestamp>,
    failed: Option<(Timestamp, ProviderError)>,
}

/// What is known of one provider. Whoever needs what is not known waits for whoever reads it.
pub(super) struct Published {
    issuer: String,
    known: Mutex<Known>,
}

/// Seconds since then, whichever way the clock was set.
fn since(then: Timestamp, now: Timestamp) -> i64 {
    now.seconds().saturating_sub(then.seconds()).saturating_abs()
}

impl Published {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            known: Mutex::default(),
        }
    }

    /// The provider's document.
    pub(super) async fn metadata(&self, fetcher: &Fetcher, now: Timestamp) -> Result<Arc<Metadata>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((at, metadata)) = &known.metadata
            && since(*at, now) < FRESH
        {
            return Ok(Arc::clone(metadata));
        }
        let read = match known.resting(now) {
            Some(error) => Err(error),
            None => {
                let read = self.read_metadata(fetcher).await.map(Arc::new);
                known.note(&read, now);
                read
            }
        };
        match (read, &known.metadata) {
            (Ok(metadata), _) => {
                known.metadata = Some((now, Arc::clone(&metadata)));
                Ok(metadata)
            }
            (Err(_), Some((at, metadata))) if since(*at, now) < STALE => Ok(Arc::clone(metadata)),
            (Err(error), _) => Err(error),
        }
    }

    /// The provider's keys.
    pub(super) async fn keys(
        &self,
        fetcher: &Fetcher,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Arc<CoreJsonWebKeySet>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((at, keys)) = &known.keys
            && since(*at, now) < FRESH
        {
            return Ok(Arc::clone(keys));
        }
        let read = match known.resting(now) {
            Some(error) => Err(error),
            None => {
                let read = read_keys(fetcher, metadata).await.map(Arc::new);
                known.note(&read, now);
                read
            }
        };
        match (read, &known.keys) {
            (Ok(keys), _) => {
                known.keys = Some((now, Arc::clone(&keys)));
                Ok(keys)
            }
            (Err(_), Some((at, keys))) if since(*at, now) < STALE => Ok(Arc::clone(keys)),
            (Err(error), _) => Err(error),
        }
    }

    /// The provider's keys, read once more since a token names one that is not among them; `None` = that was done a moment ago.
    pub(super) async fn keys_again(
        &self,
        fetcher: &Fetcher,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Option<Arc<CoreJsonWebKeySet>>, ProviderError> {
        let mut known = self.known.lock().await;
        if known.again.is_some_and(|at| since(at, now) < AGAIN) {
            return Ok(None);
        }
        known.again = Some(now);
        let keys = Arc::new(read_keys(fetcher, metadata).await?);
        known.keys = Some((now, Arc::clone(&keys)));
        Ok(Some(keys))
    }

    async fn read_metadata(&self, fetcher: &Fetcher) -> Result<Metadata, ProviderError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let metadata: Metadata = fetcher.json(&url, None).await.map_err(unavailable)?;
        if metadata.issuer().as_str() != self.issuer {
            return Err(ProviderError::Unavailable(format!(
                "it says that its issuer is {}; configured is {}",
                metadata.issuer().as_str(),
                self.issuer
            )));
        }
        let token = metadata.token_endpoint().map(|url| url.as_str());
        let token = token.ok_or_else(|| ProviderError::Unavailable("it names no token endpoint".to_owned()))?;
        let addresses = [
            Some(metadata.authorization_endpoint().as_str()),
            Some(token),
            Some(metadata.jwks_uri().as_str()),
            metadata.userinfo_endpoint().map(|url| url.as_str()),
            metadata.additional_metadata().end_session_endpoint.as_deref(),
        ];
        for address in addresses.into_iter().flatten() {
            let uri = address
                .parse()
                .map_err(|_| unavailable(format!("{address} is no address")))?;
            check(&uri).map_err(unavailable)?;
        }
        Ok(metadata)
    }
}

impl Known {
    /// What went wrong a moment ago.
    fn resting(&self, now: Timestamp) -> Option<ProviderError> {
        let failed = self.failed.as_ref().filter(|(at, _)| since(*at, now) < REST);
        failed.map(|(_, error)| error.clone())
    }

    fn note<T>(&mut self, read: &Result<T, ProviderError>, now: Timestamp) {
        self.failed = read.as_ref().err().map(|error| (now, error.clone()));
    }
}

async fn read_keys(fetcher: &Fetcher, metadata: &Metadata) -> Result<CoreJsonWebKeySet, ProviderError> {
    let keys: JsonWebKeySet<CoreJsonWebKey> = fetcher
        .json(metadata.jwks_uri().as_str(), None)
        .await
        .map_err(unavailable)?;
    Ok(keys)
}

fn unavailable(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::Unavailable(error.to_string())
}

/// The algorithms that this provider may sign with.
pub(super) fn algorithms(metadata: &Metadata) -> Vec<CoreJwsSigningAlgorithm> {
    let said = metadata.id_token_signing_alg_values_supported();
    ALGORITHMS.into_iter().filter(|known| said.contains(known)).collect()
}
