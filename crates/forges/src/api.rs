//! Requests to one forge: bound to its address, with its token, within limits, repeated where that is safe.

mod links;
mod wait;

use std::error::Error;
use std::time::Duration;

use bailey_core::Secret;
use bailey_runtime::Clock;
use bailey_runtime::http::Client;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use crate::base::{BaseUrl, Target};
use crate::error::{Cause, ForgeError};
use crate::markdown::one_line;

/// The longest word of the forge's that is kept, in characters.
const LONGEST_WORD: usize = 300;

/// Limits of requests to a forge.
#[derive(Debug, Clone, Copy)]
pub struct ApiOptions {
    /// For one attempt, its answer included.
    pub attempt: Duration,
    /// For all attempts of one request and the pauses between them.
    pub patience: Duration,
    /// Attempts at one request.
    pub attempts: u32,
    /// The longest answer, in bytes.
    pub longest: usize,
    /// The most pages of one list.
    pub pages: usize,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(15),
            patience: Duration::from_secs(45),
            attempts: 4,
            longest: 16 * 1024 * 1024,
            pages: 100,
        }
    }
}

/// The text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a forge's token is 1 to 4,096 visible ASCII characters")]
pub struct TokenError;

/// What sends requests to one forge with one token.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    base: BaseUrl,
    authorization: Secret<HeaderValue>,
    clock: Clock,
    options: ApiOptions,
}

/// An answer with a good status.
struct Answer {
    headers: HeaderMap,
    body: Bytes,
}

/// How an attempt ended, if not well.
enum Ended {
    /// It can be tried again after at least this long.
    Again(Cause, Option<Duration>),
    /// It cannot.
    Failed(Cause),
}

impl Api {
    /// Requests to the forge at `base` with `token`, through a client that knows no credential.
    pub(crate) fn new(
        client: Client,
        base: BaseUrl,
        token: &Secret<String>,
        clock: Clock,
        options: ApiOptions,
    ) -> Result<Self, TokenError> {
        let text = token.expose();
        if !(1..=4_096).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TokenError);
        }
        let mut value = HeaderValue::try_from(format!("Bearer {text}")).map_err(|_| TokenError)?;
        value.set_sensitive(true);
        let authorization = Secret::new(value);
        Ok(Self {
            client,
            base,
            authorization,
            clock,
            options,
        })
    }

    pub(crate) const fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, doing: &'static str, target: &Target) -> Result<T, ForgeError> {
        let answer = self.exchange(doing, &Method::GET, target, None).await?;
        shaped(doing, &answer.body)
    }

    /// Reads something that may not be there.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        target: &Target,
    ) -> Result<Option<T>, ForgeError> {
        match self.get(doing, target).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes something. It is tried again only where the forge has not begun to do it.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        target: &Target,
        body: &impl Serialize,
    ) -> Result<T, ForgeError> {
        self.write(doing, &Method::POST, target, body).await
    }

    /// Changes something to a state that is the same however often it is done.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        target: &Target,
        body: &impl Serialize,
    ) -> Result<T, ForgeError> {
        self.write(doing, &Method::PUT, target, body).await
    }

    /// Reads a list page by page until `take` has what it wants.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        root: &str,
        first: Target,
        mut take: impl FnMut(Vec<T>) -> Paging + Send,
    ) -> Result<(), ForgeError> {
        let mut target = first;
        for _ in 0..self.options.pages {
            let answer = self.exchange(doing, &Method::GET, &target, None).await?;
            if take(shaped(doing, &answer.body)?) == Paging::Enough {
                return Ok(());
            }
            let Some(next) = links::next(&answer.headers) else {
                return Ok(());
            };
            let cause = || ForgeError {
                doing,
                cause: Cause::Link,
            };
            target = self.base.below(&next, root).ok_or_else(cause)?;
        }
        let cause = Cause::TooManyPages(self.options.pages);
        Err(ForgeError { doing, cause })
    }

    async fn write<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        method: &Method,
        target: &Target,
        body: &impl Serialize,
    ) -> Result<T, ForgeError> {
        let body = serde_json::to_vec(body).map_err(|error| ForgeError {
            doing,
            cause: Cause::Request(error.into()),
        })?;
        let answer = self.exchange(doing, method, target, Some(body.into())).await?;
        shaped(doing, &answer.body)
    }

    async fn exchange(
        &self,
        doing: &'static str,
        method: &Method,
        target: &Target,
        body: Option<Bytes>,
    ) -> Result<Answer, ForgeError> {
        let begun = Instant::now();
        let mut attempt = 1;
        loop {
            let (cause, asked) = match self.attempt(method, target, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Ended::Failed(cause)) => return Err(ForgeError { doing, cause }),
                Err(Ended::Again(cause, asked)) => (cause, asked),
            };
            let pause = asked.unwrap_or_else(|| wait::backoff(attempt, self.clock.now()));
            let left = self.options.patience.saturating_sub(begun.elapsed());
            if attempt >= self.options.attempts || pause >= left {
                return Err(ForgeError { doing, cause });
            }
            tracing::debug!(forge.host = self.base.host(), doing, attempt, pause_ms = pause.as_millis(), error = %cause, "a forge is asked again");
            sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, method: &Method, target: &Target, body: Option<Bytes>) -> Result<Answer, Ended> {
        let request = self.request(method, target, body);
        let request = request.map_err(|error| Ended::Failed(Cause::Request(error.into())))?;
        let once = *method == Method::POST;
        // Nobody knows whether it was done.
        let unanswered = |error: Box<dyn Error + Send + Sync>| {
            if once {
                Ended::Failed(Cause::Unknown(Some(error)))
            } else {
                Ended::Again(Cause::Unreachable(error), None)
            }
        };
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| {
                // Without a connection nothing has been sent.
                if error.is_connect() {
                    Ended::Again(Cause::Unreachable(error.into()), None)
                } else {
                    unanswered(error.into())
                }
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, self.options.longest)
                .collect()
                .await
                .map_err(|error| {
                    if error.is::<LengthLimitError>() {
                        return Ended::Failed(Cause::TooLong(self.options.longest));
                    }
                    if once && !head.status.is_success() {
                        // What the status says is known, the words are not.
                        return Ended::Failed(Cause::Unavailable(head.status.as_u16()));
                    }
                    unanswered(error)
                })?;
            Ok((head, body.to_bytes()))
        };
        let (head, body) = match timeout(self.options.attempt, exchange).await {
            Ok(exchanged) => exchanged?,
            Err(_) if once => return Err(Ended::Failed(Cause::Unknown(None))),
            Err(_) => return Err(Ended::Again(Cause::Timeout(self.options.attempt), None)),
        };
        if head.status.is_success() {
            let headers = head.headers;
            return Ok(Answer { headers, body });
        }
        Err(self.refused(head.status, &head.headers, &body, once))
    }

    fn request(
        &self,
        method: &Method,
        target: &Target,
        body: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.base.uri(target)?)
            .header(AUTHORIZATION, self.authorization.expose())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("bailey/", env!("CARGO_PKG_VERSION")));
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(body.unwrap_or_default()))
    }

    /// What a status that is not good means.
    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], once: bool) -> Ended {
        let asked = wait::asked(headers, self.clock.now());
        let said = || self.said(status, body);
        match status.as_u16() {
            300..=399 => Ended::Failed(Cause::Moved),
            401 => Ended::Failed(Cause::Token),
            // GitHub says so with 403 and a header.
            403 | 429 if status.as_u16() == 429 || wait::is_limited(headers) => {
                let pause = asked.unwrap_or(Duration::from_secs(1));
                Ended::Again(Cause::RateLimited(pause), Some(pause))
            }
            403 => match scope(body) {
                Some(needed) => Ended::Failed(Cause::Scope { needed }),
                None => Ended::Failed(Cause::Forbidden { said: said() }),
            },
            404 | 410 => Ended::Failed(Cause::NotFound),
            409 => Ended::Failed(Cause::Conflict { said: said() }),
            // With a time it has not begun; without one a proxy may have given up on a request that goes on.
            503 if asked.is_some() => Ended::Again(Cause::Unavailable(503), asked),
            500..=599 if once => Ended::Failed(Cause::Unknown(Some(format!("status {status}").into()))),
            code @ 500..=599 => Ended::Again(Cause::Unavailable(code), asked),
            _ => Ended::Failed(Cause::Invalid { said: said() }),
        }
    }

    /// The forge's own words, short and without the token.
    fn said(&self, status: StatusCode, body: &[u8]) -> String {
        let words = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|body| {
            let message = ["message", "error_description", "error"]
                .iter()
                .find_map(|name| body.get(name))?;
            Some(message.as_str().map_or_else(|| message.to_string(), str::to_owned))
        });
        let words = one_line(&words.unwrap_or_default(), LONGEST_WORD);
        let authorization = self.authorization.expose().to_str().unwrap_or_default();
        let token = authorization.trim_start_matches("Bearer ");
        match words.replace(token, "[redacted]") {
            words if words.is_empty() => format!("status {status}"),
            words => words,
        }
    }
}

/// Whether more pages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// All there are.
    More,
    /// No more.
    Enough,
}

fn shaped<T: DeserializeOwned>(doing: &'static str, body: &[u8]) -> Result<T, ForgeError> {
    serde_json::from_slice(body).map_err(|error| ForgeError {
        doing,
        cause: Cause::Shape(error),
    })
}

/// The scope that a token lacks, as GitLab says it.
fn scope(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    if body.get("error")?.as_str()? != "insufficient_scope" {
        return None;
    }
    let scope = body.get("scope").and_then(serde_json::Value::as_str).unwrap_or("api");
    Some(one_line(scope, 60))
}
