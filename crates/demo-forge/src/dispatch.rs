//! From a request to its answer.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::deliver::Target;
use crate::error::ApiError;
use crate::params::Params;
use crate::path::{git_request, segments};
use crate::reply::{Reply, refusal, set};
use crate::server::Shared;
use crate::{api, auth, oauth, pages, push};

/// Most bytes of a request's body, but for pushes.
const MAX_BODY_BYTES: usize = 8 << 20;

/// A request whose body has arrived.
pub(crate) struct Received {
    pub(crate) method: Method,
    /// The parts of its path, decoded.
    pub(crate) parts: Vec<String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) params: Params,
}

/// Answers a request.
pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let head = request.method() == Method::HEAD;
    let mut answer = route(shared, request).await.unwrap_or_else(|error| refusal(&error));
    if head {
        *answer.body_mut() = crate::reply::full(Bytes::new());
    }
    Ok(answer)
}

/// Whether a request is for this forge by its `Host`: an address or name of this machine, or one of the forge's own. A page elsewhere whose
/// name was made to lead here gets nothing.
fn is_for_us(base: &str, names: &[String], host: &str) -> bool {
    let asked = host.rsplit_once(':').map_or(host, |(asked, _)| asked);
    let listed = names.iter().any(|name| name.eq_ignore_ascii_case(asked));
    let own = base
        .split_once("://")
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    own || listed || Target::parse(&format!("http://{host}/")).is_some()
}

async fn route(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, ApiError> {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    if !is_for_us(&shared.base, &shared.names, host) {
        return Err(ApiError::Bad("this Host is not served here".to_owned()));
    }
    let Some(parts) = segments(request.uri().path()) else {
        return Err(ApiError::NoRoute);
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    if let Some((project, wanted)) = git_request(request.method().as_str(), &parts, &query) {
        let answer = push::serve(&shared, &project, wanted, request).await;
        return Ok(answer.unwrap_or_else(|error| git_refusal(&error)));
    }
    let received = receive(request, parts, &query).await?;
    let first: Vec<&str> = received.parts.iter().map(String::as_str).collect();
    match first.as_slice() {
        ["api", "v4", ..] => {
            let caller = shared.store.read(|state| auth::of_api(state, &received.headers))?;
            api::route(&shared, &received, caller).await
        }
        ["oauth", rest @ ..] => oauth::route(&shared, &received, rest),
        rest => pages::route(&shared, &received, rest).await,
    }
}

/// Git shows a refusal's text, and asks for a credential where there was none.
fn git_refusal(error: &ApiError) -> Reply {
    if matches!(error, ApiError::Unauthorized) {
        let mut answer = crate::reply::reply(
            StatusCode::UNAUTHORIZED,
            "text/plain; charset=utf-8",
            "HTTP Basic: Access denied. Use your user name and a personal access token, or oauth2 and a token of OAuth.\n",
        );
        set(&mut answer, "www-authenticate", "Basic realm=\"GitLab\"");
        return answer;
    }
    let text = format!("{error}\n");
    crate::reply::reply(error.status(), "text/plain; charset=utf-8", text)
}

async fn receive(request: Request<Incoming>, parts: Vec<String>, query: &str) -> Result<Received, ApiError> {
    let (head, body) = request.into_parts();
    let method = if head.method == Method::HEAD {
        Method::GET
    } else {
        head.method
    };
    let collected = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let body = collected.map_err(|error| {
        if error.is::<LengthLimitError>() {
            ApiError::TooLarge
        } else {
            ApiError::Bad("the request broke off".to_owned())
        }
    })?;
    let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let params = Params::read(query, media_type.unwrap_or("application/json"), &body.to_bytes())?;
    Ok(Received {
        method,
        parts,
        headers: head.headers,
        params,
    })
}
