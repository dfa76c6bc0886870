//! Talking to a server.

mod stream;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bailey_api::Problem;
use bailey_core::Secret;
use bailey_runtime::config::env;
use bailey_runtime::http::{Client, ClientOptions, StreamClient, client, stream_client};
use clap::Args;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use crate::credentials::{Credentials, save};
use crate::failure::{Explain, Failure};

pub(crate) use stream::NoStream;

/// Where a server is unless something else is said.
const DEFAULT_URL: &str = "http://127.0.0.1:7080";
/// The longest time for one answer.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The longest time for one that takes an archive there or brings one.
const ARCHIVE_TIMEOUT: Duration = Duration::from_mins(6);
/// The most items that one page is asked for.
const PAGE: u32 = 500;
/// The most rows that one page of CSV is asked for.
const CSV_PAGE: u32 = 10_000;
/// The header with the next page's cursor, where the answer is CSV.
const NEXT_CURSOR: &str = "x-bailey-next-cursor";

/// Which server a command talks to. The token comes from `BAILEY_TOKEN`, or from `bailey login`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Remote {
    /// The server's address [default: `$BAILEY_URL`, that of `bailey login`, or `http://127.0.0.1:7080`]
    #[arg(long, global = true, value_name = "URL", help_heading = "Server")]
    url: Option<String>,
    /// File with the API token [default: `$BAILEY_TOKEN`, or the token of `bailey login`]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Server")]
    token_file: Option<PathBuf>,
    /// File with certificates trusted besides the system's, PEM [default: `$BAILEY_CA_FILE`]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Server")]
    ca_file: Option<PathBuf>,
}

/// A server's API, with the token to use it.
pub(crate) struct Api {
    client: Client,
    streams: StreamClient,
    url: String,
    token: Secret<String>,
}

/// The body of a request: its type and its bytes.
type Content = (&'static str, Vec<u8>);

const JSON: &str = "application/json";

/// What a server answered.
struct Answer {
    status: http::StatusCode,
    headers: HeaderMap,
    body: bytes::Bytes,
}

impl Remote {
    /// The server that was named, with the token for it: of the file that was named, else of the environment, else of
    /// `bailey login`.
    pub(crate) fn api(&self, environment: &BTreeMap<String, String>) -> Result<Api, Failure> {
        let kept = Credentials::of(environment);
        let named = match &self.token_file {
            Some(path) => Some(std::fs::read_to_string(path).doing(|| format!("cannot read {}", path.display()))?),
            None => environment.get(env::TOKEN).cloned(),
        };
        let named = named
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty());
        // A token that was named is for a server that was named, or the one on this machine.
        let url = self.server(environment, kept.as_ref().filter(|_| named.is_none()))?;
        let token = match (named, kept) {
            (Some(token), _) => Some(token),
            (None, Some(kept)) => kept.token(&url)?.map(|token| token.expose().clone()),
            (None, None) => None,
        };
        let token = token.ok_or_else(|| Failure::new("there is no API token").hint(no_token()))?;
        self.with_token(environment, &url, &token)
    }

    /// The server that was named, without a token, and its address.
    pub(crate) fn anonymous(&self, environment: &BTreeMap<String, String>) -> Result<(Api, String), Failure> {
        let url = self.server(environment, Credentials::of(environment).as_ref())?;
        Ok((self.with_token(environment, &url, "")?, url))
    }

    /// The server at this address, with this token.
    pub(crate) fn with_token(
        &self,
        environment: &BTreeMap<String, String>,
        url: &str,
        token: &str,
    ) -> Result<Api, Failure> {
        let named = environment.get(env::CA_FILE).filter(|path| !path.is_empty());
        let options = ClientOptions {
            ca_file: self.ca_file.clone().or_else(|| named.map(PathBuf::from)),
            ..ClientOptions::default()
        };
        Api::new(&options, url, token)
    }

    /// Puts another token where the one came from that commands present: into the file that was named, or that of
    /// `bailey login`. `false` = it came from the environment, which nobody can write to.
    pub(crate) fn save(&self, environment: &BTreeMap<String, String>, token: &str) -> Result<bool, Failure> {
        if let Some(path) = &self.token_file {
            save(path, &format!("{token}\n"))?;
            return Ok(true);
        }
        let from_environment = environment
            .get(env::TOKEN)
            .is_some_and(|token| !token.trim().is_empty());
        match Credentials::of(environment).filter(|_| !from_environment) {
            Some(kept) => {
                let url = self.server(environment, Some(&kept))?;
                kept.replace(&url, token).map(|()| true)
            }
            None => Ok(false),
        }
    }

    fn server(&self, environment: &BTreeMap<String, String>, kept: Option<&Credentials>) -> Result<String, Failure> {
        let named = self.url.as_ref().or_else(|| environment.get(env::URL)).cloned();
        let url = match (named, kept) {
            (Some(url), _) => Some(url),
            (None, Some(kept)) => kept.current()?,
            (None, None) => None,
        };
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned());
        Ok(url.trim_end_matches('/').to_owned())
    }
}

/// Between two tries to reach a server.
const AGAIN: Duration = Duration::from_millis(200);
const NO_HEADER: &str = "the API token has characters that no header can carry";

/// What can be done about a server that cannot be reached.
fn unreachable(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    if chain.map(ToString::to_string).any(|text| text.contains("certificate")) {
        return format!(
            "if that is the right server, name the certificate authority that vouches for it with --ca-file or {}",
            env::CA_FILE
        );
    }
    format!(
        "start one with `bailey server`, or name another with --url or {}",
        env::URL
    )
}

fn no_token() -> String {
    format!(
        "run `bailey login`, or set {}; on the server's machine `bailey admin token create --user owner --data-dir DIR` makes one",
        env::TOKEN
    )
}

impl Api {
    /// A server with a token for it.
    fn new(options: &ClientOptions, url: &str, token: &str) -> Result<Self, Failure> {
        Ok(Self {
            client: client(options)?,
            streams: stream_client(options)?,
            url: url.to_owned(),
            token: Secret::new(token.to_owned()),
        })
    }

    /// Reads one thing.
    pub(crate) async fn get(&self, path: &str, query: &impl Serialize) -> Result<Value, Failure> {
        let answer = self.send(Method::GET, path, query, None).await?;
        parse(&answer)
    }

    /// Reads one thing that may not be there. A server that cannot be reached is waited for as long as `patience`.
    pub(crate) async fn get_if_there(&self, path: &str, patience: Duration) -> Result<Option<Value>, Failure> {
        let since = Instant::now();
        let answer = loop {
            match self.answer(Method::GET, path, &(), None).await {
                Ok(answer) => break answer,
                Err(_) if since.elapsed() < patience => tokio::time::sleep(AGAIN).await,
                Err(failure) => return Err(failure),
            }
        };
        if answer.status == http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        parse(&self.good(answer)?).map(Some)
    }

    /// Reads a list page by page: at most `limit` items, all of them without one. Answers like one page.
    pub(crate) async fn list(&self, path: &str, query: &impl Serialize, limit: Option<u32>) -> Result<Value, Failure> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor = None;
        loop {
            let page = page_size(limit, items.len());
            let mut answer = self.get(path, &with_page(query, page, cursor.take())?).await?;
            if let Some(Value::Array(more)) = answer.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            let full = limit.is_some_and(|limit| items.len() >= usize::try_from(limit).unwrap_or(usize::MAX));
            if cursor.is_none() || full {
                return Ok(serde_json::json!({ "items": items, "next_cursor": cursor }));
            }
        }
    }

    /// Reads CSV, page by page where the answer has pages: at most `limit` rows, all of them without one. `each` gets the
    /// text of a page; the line of names is in the first alone.
    pub(crate) async fn csv(
        &self,
        path: &str,
        query: &impl Serialize,
        limit: Option<u32>,
        each: fn(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut query = object(query)?;
        let mut left = limit;
        loop {
            if let Some(left) = left {
                query.insert("limit".to_owned(), left.min(CSV_PAGE).into());
            }
            let first = !query.contains_key("cursor");
            let answer = self.send(Method::GET, path, &query, None).await?;
            let text = std::str::from_utf8(&answer.body)?;
            let rows = if first {
                text
            } else {
                text.split_once('\n').map_or("", |(_, rows)| rows)
            };
            each(rows)?;
            left = left.map(|left| left.saturating_sub(CSV_PAGE));
            match answer.headers.get(NEXT_CURSOR).and_then(|value| value.to_str().ok()) {
                Some(next) if left != Some(0) => query.insert("cursor".to_owned(), next.into()),
                _ => return Ok(()),
            };
        }
    }

    /// Makes something, or does something to it.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.change(Method::POST, path, body).await
    }

    /// Does something that needs no words.
    pub(crate) async fn post_nothing(&self, path: &str) -> Result<Value, Failure> {
        parse(&self.send(Method::POST, path, &(), None).await?)
    }

    /// Sends an archive.
    pub(crate) async fn upload(
        &self,
        path: &str,
        query: &impl Serialize,
        media_type: &'static str,
        bytes: Vec<u8>,
    ) -> Result<Value, Failure> {
        let content = Some((media_type, bytes));
        parse(&self.send(Method::POST, path, query, content).await?)
    }

    /// Fetches an archive.
    pub(crate) async fn download(&self, path: &str) -> Result<bytes::Bytes, Failure> {
        Ok(self.send(Method::GET, path, &(), None).await?.body)
    }

    /// Changes something.
    pub(crate) async fn patch(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.change(Method::PATCH, path, body).await
    }

    /// Puts something in the place of what is there.
    pub(crate) async fn put_json(&self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.change(Method::PUT, path, body).await
    }

    /// Puts something where it belongs.
    pub(crate) async fn put(&self, path: &str) -> Result<(), Failure> {
        self.send(Method::PUT, path, &(), None).await.map(|_| ())
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.send(Method::DELETE, path, &(), None).await.map(|_| ())
    }

    /// Deletes something, and says what became of it.
    pub(crate) async fn remove(&self, path: &str, query: &impl Serialize) -> Result<Value, Failure> {
        parse(&self.send(Method::DELETE, path, query, None).await?)
    }

    async fn change(&self, method: Method, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        let body = serde_json::to_vec(body)?;
        let answer = self.send(method, path, &(), Some((JSON, body))).await?;
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        parse(&answer)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &impl Serialize,
        body: Option<Content>,
    ) -> Result<Answer, Failure> {
        self.good(self.answer(method, path, query, body).await?)
    }

    /// The answer, if it is one of success.
    fn good(&self, answer: Answer) -> Result<Answer, Failure> {
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(self.refused(answer.status, &answer.body))
        }
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        query: &impl Serialize,
        body: Option<Content>,
    ) -> Result<Answer, Failure> {
        let query = serde_urlencoded::to_string(query)?;
        let separator = if query.is_empty() { "" } else { "?" };
        let mut request = self.request(method, &format!("{path}{separator}{query}"))?.header(
            ACCEPT,
            "application/json, application/problem+json, text/csv, application/gzip",
        );
        let archive = path.ends_with("/archive")
            || path.ends_with("/verify")
            || body.as_ref().is_some_and(|(media_type, _)| *media_type != JSON);
        let timeout = if archive { ARCHIVE_TIMEOUT } else { TIMEOUT };
        if let Some((media_type, _)) = body {
            request = request.header(CONTENT_TYPE, media_type);
        }
        let bytes = body.map(|(_, bytes)| bytes).unwrap_or_default();
        let request = request.body(Full::from(bytes)).doing(|| NO_HEADER.to_owned())?;
        let answer = tokio::time::timeout(timeout, self.exchange(request)).await;
        answer.map_err(|_| Failure::new(format!("the server at {} did not answer within {timeout:?}", self.url)))?
    }

    /// A request for a path of the API, its query included.
    fn request(&self, method: Method, path: &str) -> Result<http::request::Builder, Failure> {
        let uri: Uri = format!("{}/api/v1{path}", self.url)
            .parse()
            .doing(|| format!("`{}` is no address of a server", self.url))
            .hint(|| "write it as http://HOST:PORT".to_owned())?;
        Ok(Request::builder()
            .method(method)
            .uri(uri)
            .header(USER_AGENT, concat!("bailey/", env!("CARGO_PKG_VERSION")))
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose())))
    }

    /// Reads an answer of any length in pieces, each of which may take a minute.
    pub(crate) async fn pour(
        &self,
        path: &str,
        query: &impl Serialize,
        mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let query = serde_urlencoded::to_string(query)?;
        let request = self.request(Method::GET, &format!("{path}?{query}"))?;
        let request = request.body(Full::default()).doing(|| NO_HEADER.to_owned())?;
        let late = |_| Failure::new(format!("the server at {} did not answer within {TIMEOUT:?}", self.url));
        let answered = tokio::time::timeout(TIMEOUT, self.client.request(request)).await;
        let (head, mut body) = answered.map_err(late)?.map_err(|e| self.unreached(e))?.into_parts();
        if !head.status.is_success() {
            let explained = body.collect().await.map(http_body_util::Collected::to_bytes);
            return Err(self.refused(head.status, &explained.unwrap_or_default()));
        }
        loop {
            let frame = tokio::time::timeout(TIMEOUT, body.frame()).await;
            match frame.map_err(late)? {
                None => return Ok(()),
                Some(frame) => {
                    let frame = frame.doing(|| "the server's answer broke off: what came is not whole".to_owned())?;
                    if let Some(bytes) = frame.data_ref() {
                        each(bytes)?;
                    }
                }
            }
        }
    }

    async fn exchange(&self, request: Request<Full<bytes::Bytes>>) -> Result<Answer, Failure> {
        let response = self.client.request(request).await;
        let response = response.map_err(|error| self.unreached(error))?;
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .doing(|| "the server's answer broke off".to_owned())?
            .to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn unreached(&self, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
        let hint = unreachable(&error);
        let error = anyhow::Error::new(error).context(format!("cannot reach a server at {}", self.url));
        Failure::from(error).hint(hint)
    }

    fn refused(&self, status: http::StatusCode, body: &[u8]) -> Failure {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            return Failure::new(format!("the server at {} answered {status}", self.url))
                .hint("is it Bailey's address? Bailey explains what it refuses");
        };
        let mut text = problem.detail.unwrap_or(problem.title);
        for error in &problem.errors {
            text = match error.place().as_str() {
                "" => format!("{text}\n  {}", error.detail),
                place => format!("{text}\n  {place}: {}", error.detail),
            };
        }
        let failure = Failure::new(text);
        match problem.code.as_str() {
            "token_missing" | "token_invalid" => failure.hint(no_token()),
            "https_required" => failure.hint(format!("name the server with https:// in --url or {}", env::URL)),
            _ => failure.hint(format!("{}{} explains `{}`", self.url, problem.kind, problem.code)),
        }
    }
}

/// A piece of a path, such as a name or an id.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn parse(answer: &Answer) -> Result<Value, Failure> {
    serde_json::from_slice(&answer.body).doing(|| "the server's answer is no JSON".to_owned())
}

fn object(query: &impl Serialize) -> Result<serde_json::Map<String, Value>, Failure> {
    match serde_json::to_value(query)? {
        Value::Object(object) => Ok(object),
        _ => Ok(serde_json::Map::new()),
    }
}

fn with_page(query: &impl Serialize, page: u32, cursor: Option<String>) -> Result<Value, Failure> {
    let mut query = object(query)?;
    query.insert("limit".to_owned(), page.into());
    if let Some(cursor) = cursor {
        query.insert("cursor".to_owned(), cursor.into());
    }
    Ok(Value::Object(query))
}

fn page_size(limit: Option<u32>, had: usize) -> u32 {
    let had = u32::try_from(had).unwrap_or(u32::MAX);
    limit.map_or(PAGE, |limit| limit.saturating_sub(had).clamp(1, PAGE))
}
