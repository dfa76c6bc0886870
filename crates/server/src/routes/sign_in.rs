//! Signing in and out.

pub(super) mod accept;
pub(super) mod claim;
pub(super) mod login_code;
pub(super) mod login_redeem;
pub(super) mod options;
pub(super) mod out;
pub(super) mod password;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::SET_COOKIE;

use crate::app::Began;

/// An answer that sets a cookie, if there is one to set.
pub(super) fn with_cookie(answer: impl IntoResponse, cookie: Option<HeaderValue>) -> Response {
    let mut response = answer.into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

impl IntoResponse for Began {
    fn into_response(self) -> Response {
        with_cookie(Json(self.answer), self.cookie)
    }
}
