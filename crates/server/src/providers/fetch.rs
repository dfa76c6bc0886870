//! Asks providers over HTTP: with a client of their own that has no credential of anybody's, follows no redirect, and reads
//! a bounded answer in a bounded time.

use std::path::Path;
use std::time::Duration;

use bailey_runtime::config::is_loopback;
use bailey_runtime::http::{self as web, Client, ClientError, ClientOptions, Hosts, client};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde::de::DeserializeOwned;

/// The longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of one answer.
const MOST: usize = 1024 * 1024;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer did not come, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Somebody in between could read and change it.
    #[error("{0} is not https")]
    Plain(String),
    /// It is no address.
    #[error("{0} is no address")]
    Address(String),
    /// The connection failed.
    #[error("{0} does not answer: {1}")]
    Connect(String, String),
    /// It took too long.
    #[error("{0} did not answer within 10 s")]
    Slow(String),
    /// It is too large, or was cut.
    #[error("the answer of {0} cannot be read: {1}")]
    Body(String, String),
    /// It is no success.
    #[error("{0} answered with status {1}")]
    Status(String, u16),
    /// It is not what was asked for.
    #[error("the answer of {0} is not what it should be: {1}")]
    Form(String, String),
}

/// Asks one provider.
pub(super) struct Fetcher {
    client: Client,
    hosts: Hosts,
}

impl Fetcher {
    /// Trusts the certificates of `ca_file` besides the system's; `hosts` are names that the deployment resolves itself.
    pub(super) fn new(ca_file: Option<&Path>, hosts: &Hosts) -> Result<Self, ClientError> {
        let options = ClientOptions {
            ca_file: ca_file.map(Path::to_owned),
            hosts: hosts.clone(),
            ..ClientOptions::default()
        };
        Ok(Self {
            client: client(&options)?,
            hosts: hosts.clone(),
        })
    }

    /// Sends a request, and reads the whole answer.
    pub(super) async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FetchError> {
        let place = check_with(request.uri(), &self.hosts)?;
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(USER_AGENT, HeaderValue::from_static("bailey"));
        let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
        let whole = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| FetchError::Connect(place.clone(), chain(&error)))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, MOST).collect().await;
            let body = body.map_err(|error| FetchError::Body(place.clone(), error.to_string()))?;
            Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
        };
        let answered = tokio::time::timeout(PATIENCE, whole).await;
        answered.map_err(|_| FetchError::Slow(place.clone()))?
    }

    /// Reads a JSON document.
    pub(super) async fn json<T: DeserializeOwned>(&self, url: &str, bearer: Option<&str>) -> Result<T, FetchError> {
        let mut request = Request::get(url).header(ACCEPT, JSON);
        if let Some(bearer) = bearer {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let request = request.body(Vec::new());
        self.read(url, request.map_err(|_| FetchError::Address(url.to_owned()))?)
            .await
    }

    /// Sends a form, and reads a JSON document.
    pub(super) async fn form<T: DeserializeOwned>(&self, url: &str, form: String) -> Result<T, FetchError> {
        let request = Request::post(url)
            .header(ACCEPT, JSON)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes());
        self.read(url, request.map_err(|_| FetchError::Address(url.to_owned()))?)
            .await
    }

    async fn read<T: DeserializeOwned>(&self, url: &str, request: Request<Vec<u8>>) -> Result<T, FetchError> {
        let answer = self.send(request).await?;
        if !answer.status().is_success() {
            return Err(FetchError::Status(url.to_owned(), answer.status().as_u16()));
        }
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") && !kind.eq_ignore_ascii_case("application/jwk-set+json") {
            return Err(FetchError::Form(url.to_owned(), format!("it is {kind:?}, not JSON")));
        }
        serde_json::from_slice(answer.body()).map_err(|error| FetchError::Form(url.to_owned(), error.to_string()))
    }
}

/// The place that an address leads to, if it is one that providers are asked at.
pub(super) fn check(uri: &Uri) -> Result<String, FetchError> {
    check_with(uri, &Hosts::default())
}

/// The same; `hosts` are names that may be this machine's as well.
fn check_with(uri: &Uri, hosts: &Hosts) -> Result<String, FetchError> {
    let place = || format!("{}{}", uri.authority().map_or("", |a| a.as_str()), uri.path());
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => Ok(place()),
        (Some("http"), Some(host)) if is_loopback(host) => Ok(place()),
        (Some("http"), Some(host)) if web::port(uri).is_some_and(|port| hosts.is_loopback(host, port)) => Ok(place()),
        (Some("http"), Some(_)) => Err(FetchError::Plain(uri.to_string())),
        _ => Err(FetchError::Address(uri.to_string())),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in [
            "https://id.example.com/x",
            "http://localhost:9/x",
            "http://127.0.0.1:9",
            "http://[::1]:9/x",
        ] {
            assert!(check(&good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example.com/",
            "http://10.0.0.1/",
            "ftp://localhost/",
            "/path",
            "http://localhost.evil.example/",
        ] {
            assert!(check(&bad.parse().unwrap()).is_err(), "{bad}");
        }
        let hosts = Hosts::new([("forge.test:7070", "127.0.0.1"), ("far.test:7070", "10.0.0.1")]).unwrap();
        assert!(check_with(&"http://forge.test:7070/x".parse().unwrap(), &hosts).is_ok());
        for bad in [
            "http://forge.test/x",
            "http://forge.test:7071/",
            "http://far.test:7070/",
            "http://a.forge.test:7070/",
        ] {
            assert!(check_with(&bad.parse().unwrap(), &hosts).is_err(), "{bad}");
        }
    }
}
