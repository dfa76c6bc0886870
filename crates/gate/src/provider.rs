//! Providers as the gate knows them: one origin, one credential, one pool of connections.

use std::time::Duration;

use bailey_core::Secret;
use bailey_runtime::http::{Client, ClientError, ClientOptions, client};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// What a provider is made from.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// Its name in the configuration.
    pub name: String,
    /// Scheme, host, port and a path that all requests begin with.
    pub base_url: String,
    /// Headers that carry the credential.
    pub credential: Vec<(HeaderName, Secret<String>)>,
    /// How it is connected to.
    pub client: ClientOptions,
    /// The longest wait for the first byte of an answer.
    pub first_byte_timeout: Duration,
    /// The longest silence within an answer.
    pub idle_timeout: Duration,
    /// Whether an answer whose client has gone is cancelled at once rather than read to its final usage.
    pub cancel_on_hangup: bool,
}

/// A provider cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The address is none.
    #[error("provider `{name}`: base_url is not an http or https address")]
    BaseUrl {
        /// The provider.
        name: String,
    },
    /// The credential has bytes that no header can carry.
    #[error("provider `{name}`: the credential has characters that a header cannot carry")]
    Credential {
        /// The provider.
        name: String,
    },
    /// The client could not be made.
    #[error("provider `{name}`")]
    Client {
        /// The provider.
        name: String,
        /// Why.
        #[source]
        source: ClientError,
    },
}

/// A provider.
pub struct Provider {
    name: String,
    scheme: Scheme,
    authority: Authority,
    prefix: String,
    credential: Vec<(HeaderName, HeaderValue)>,
    pub(crate) client: Client,
    /// The longest wait for the first byte of an answer.
    pub first_byte_timeout: Duration,
    /// The longest silence within an answer.
    pub idle_timeout: Duration,
    /// Whether an answer whose client has gone is cancelled at once.
    pub cancel_on_hangup: bool,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("name", &self.name)
            .field("origin", &self.authority.as_str())
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// Checks the options and makes the client.
    pub fn new(options: ProviderOptions) -> Result<Self, ProviderError> {
        let name = options.name;
        let bad = || ProviderError::BaseUrl { name: name.clone() };
        let uri: Uri = options.base_url.parse().map_err(|_| bad())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(bad());
        };
        if (scheme != Scheme::HTTP && scheme != Scheme::HTTPS) || authority.as_str().contains('@') {
            return Err(bad());
        }
        let prefix = parts
            .path_and_query
            .as_ref()
            .map_or("", PathAndQuery::path)
            .trim_end_matches('/')
            .to_owned();
        let mut credential = Vec::new();
        for (header, secret) in &options.credential {
            let mut value = HeaderValue::from_str(secret.expose().trim())
                .map_err(|_| ProviderError::Credential { name: name.clone() })?;
            value.set_sensitive(true);
            credential.push((header.clone(), value));
        }
        let client = client(&options.client).map_err(|source| ProviderError::Client {
            name: name.clone(),
            source,
        })?;
        Ok(Self {
            name,
            scheme,
            authority,
            prefix,
            credential,
            client,
            first_byte_timeout: options.first_byte_timeout,
            idle_timeout: options.idle_timeout,
            cancel_on_hangup: options.cancel_on_hangup,
        })
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of `path` at this provider's origin: a request cannot name another.
    pub(crate) fn address(&self, path: &str) -> Result<Uri, http::Error> {
        let path = format!("{}{path}", self.prefix);
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }

    /// Puts the credential on a request, in place of whatever the client sent.
    pub(crate) fn sign(&self, headers: &mut HeaderMap) {
        headers.remove(http::header::AUTHORIZATION);
        headers.remove("x-api-key");
        for (name, value) in &self.credential {
            headers.insert(name.clone(), value.clone());
        }
    }
}
