//! Somebody who is signed in, as their browser would be: a cookie, and requests from Bailey's own pages.

use std::collections::BTreeMap;
use std::time::Duration;

use bailey_api::Problem;
use bailey_runtime::http::{Client, ClientOptions, client};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

use crate::failure::{Explain, Failure};

/// The longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
const JSON: &str = "application/json";

/// A browser.
pub(super) struct Session {
    client: Client,
    base: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: Bytes,
}

/// Headers and body of a request.
type Content<'a> = (&'a [(http::HeaderName, &'a str)], Vec<u8>);

impl Session {
    /// A browser in which nobody is signed in.
    pub(super) fn nobody(base: &str) -> Result<Self, Failure> {
        Ok(Self {
            client: client(&ClientOptions::default())?,
            base: base.to_owned(),
            cookies: Mutex::default(),
        })
    }

    /// Signs somebody in.
    pub(super) async fn sign_in(base: &str, name: &str, password: &str) -> Result<Self, Failure> {
        let session = Self::nobody(base)?;
        let asked = json!({ "name": name, "password": password });
        session
            .post("/sign-in/password", &asked)
            .await
            .doing(|| format!("{name} cannot sign in"))
            .hint(|| "if the password was changed, `bailey demo reset` begins anew".to_owned())?;
        Ok(session)
    }

    /// Whether the server takes requests.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self
            .send(Method::GET, &format!("{}/readyz", self.base), (&[], Vec::new()))
            .await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }

    /// Reads something of the API.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.api(Method::GET, path, (&[], Vec::new())).await
    }

    /// Does or makes something over the API.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.api(Method::POST, path, (&[(CONTENT_TYPE, JSON)], serde_json::to_vec(body)?))
            .await
    }

    /// Does something that needs no words.
    pub(super) async fn post_nothing(&self, path: &str) -> Result<Value, Failure> {
        self.api(Method::POST, path, (&[], Vec::new())).await
    }

    /// Deletes something.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.api(Method::DELETE, path, (&[], Vec::new())).await
    }

    /// Sends an archive.
    pub(super) async fn upload(&self, path: &str, archive: Vec<u8>) -> Result<Value, Failure> {
        self.api(Method::POST, path, (&[(CONTENT_TYPE, "application/gzip")], archive))
            .await
    }

    async fn api(&self, method: Method, path: &str, content: Content<'_>) -> Result<Value, Failure> {
        let asked = format!("{method} {path}");
        let answer = self
            .send(method, &format!("{}/api/v1{path}", self.base), content)
            .await?;
        if !answer.status.is_success() {
            let problem: Option<Problem> = serde_json::from_slice(&answer.body).ok();
            let why = problem.map(|problem| {
                let details = problem.errors.iter().map(|error| error.detail.clone());
                let all: Vec<String> = problem.detail.into_iter().chain(details).collect();
                format!("{}: {}", problem.title, all.join("; "))
            });
            let why = why.unwrap_or_else(|| answer.status.to_string());
            return Err(Failure::new(format!("{asked}: {why}")));
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).doing(|| format!("{asked}: the answer is no JSON"))
    }

    /// Follows a link to an address of Bailey's, as a browser does that comes from another site.
    pub(super) async fn come_back(&self, url: &str) -> Result<Answer, Failure> {
        let name = |text: &'static str| http::HeaderName::from_static(text);
        let headers = [
            (name("sec-fetch-site"), "cross-site"),
            (name("sec-fetch-mode"), "navigate"),
            (name("sec-fetch-dest"), "document"),
        ];
        self.send(Method::GET, url, (&headers, Vec::new())).await
    }

    async fn send(&self, method: Method, url: &str, (headers, body): Content<'_>) -> Result<Answer, Failure> {
        let own = method != Method::GET;
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if own {
            request = request.header(ORIGIN, &self.base);
        }
        let cookies: Vec<String> = {
            let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        let (answer, set) = exchange(&self.client, request.body(Full::from(body))?).await?;
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for cookie in set {
            let pair = cookie.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        Ok(answer)
    }
}

/// Sends a request; answers with what came back, and the cookies that came with it.
pub(super) async fn exchange(client: &Client, request: Request<Full<Bytes>>) -> Result<(Answer, Vec<String>), Failure> {
    let place = request.uri().to_string();
    let whole = async {
        let (head, body) = client.request(request).await?.into_parts();
        let text = |name| {
            head.headers
                .get(name)
                .and_then(|value: &http::HeaderValue| value.to_str().ok())
        };
        let set = head.headers.get_all(SET_COOKIE).iter();
        let set = set.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
        let answer = Answer {
            status: head.status,
            location: text(LOCATION).map(str::to_owned),
            body: body.collect().await?.to_bytes(),
        };
        Ok::<_, Failure>((answer, set))
    };
    let answered = tokio::time::timeout(PATIENCE, whole).await;
    answered
        .map_err(|_| Failure::new("no answer in time"))
        .and_then(|answered| answered)
        .doing(|| format!("{place} does not answer"))
}
