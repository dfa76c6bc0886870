//! What every request of the API gets on its way in, and every answer on its way out.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bailey_api::Code;
use bailey_core::RequestId;
use bailey_runtime::ids::NewId;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use tracing::Instrument;

use crate::app::App;
use crate::audit::Causal;
use crate::reject::Reject;

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-bailey-request-id");

/// Gives the request an id, and the answer the id and the headers that all have. A problem document gets the id, too;
/// an error that is no problem document becomes one.
pub(crate) async fn envelope(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new_at(app.now());
    let span = tracing::info_span!("api", request.id = %id, method = %request.method(), path = request.uri().path());
    request.extensions_mut().insert(Causal(id));
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let problem = response.extensions_mut().remove::<Reject>();
    if let Some(problem) = problem.or_else(|| from_framework(status)) {
        let mut renewed = problem.respond(Some(id.to_string()));
        if let Some(allow) = response.headers_mut().remove(http::header::ALLOW) {
            renewed.headers_mut().insert(http::header::ALLOW, allow);
        }
        response = renewed;
    }
    // A failure of ours is logged where it is noticed, within this span.
    span.in_scope(|| tracing::debug!(status = status.as_u16(), "answered"));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers hold secrets that are shown once, and figures that change.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The framework answers some errors by itself, with text or nothing.
fn from_framework(status: StatusCode) -> Option<Reject> {
    let code = match status.as_u16() {
        404 => Code::NoSuchRoute,
        405 => Code::MethodNotAllowed,
        408 => Code::BodyTooSlow,
        413 => Code::BodyTooLarge,
        415 => Code::UnsupportedMediaType,
        503 => return None,
        400..=499 => Code::MalformedJson,
        500..=599 => Code::Internal,
        _ => return None,
    };
    Some(Reject::new(code, code.title()))
}
