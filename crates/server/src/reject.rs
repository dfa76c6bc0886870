//! Problem documents as answers.

use axum::response::{IntoResponse, Response};
use bailey_api::{Code, FieldError, Problem};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

/// The media type of problem documents.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem on its way out. [`crate::envelope`] adds the request's id to it.
#[derive(Debug, Clone)]
pub struct Reject(Box<Problem>);

impl Reject {
    /// A problem of `code` that says `detail`.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(code).detail(detail)))
    }

    /// The same, naming the parts of the request that are at fault.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// The same, saying when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The problem.
    pub const fn problem(&self) -> &Problem {
        &self.0
    }

    /// The whole answer, naming the request it is for.
    pub(crate) fn respond(mut self, instance: Option<String>) -> Response {
        self.0.instance = instance;
        // A problem is strings and numbers; it always has a JSON form.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = Response::new(axum::body::Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        if let Some(seconds) = self.0.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.0.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bailey\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Reject {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}
