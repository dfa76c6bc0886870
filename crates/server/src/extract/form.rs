//! Bodies as HTML forms send them.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bailey_api::Code;
use serde::de::DeserializeOwned;

use super::body::{collect, declared};
use super::plain;
use crate::reject::Reject;

/// The most bytes of a form.
const LIMIT: usize = 64 * 1024;
/// The longest time that one may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A form as `T`. A field that is given twice is refused.
pub(crate) struct Form<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Reject;

    async fn from_request(request: Request, _: &S) -> Result<Self, Reject> {
        let (parts, body) = request.into_parts();
        if !declared(&parts.headers, &["application/x-www-form-urlencoded"]) {
            let detail = "send the header `Content-Type: application/x-www-form-urlencoded`";
            return Err(Reject::new(Code::UnsupportedMediaType, detail));
        }
        let bytes = collect(body, LIMIT, TIMEOUT).await?;
        let read = serde_urlencoded::from_bytes(&bytes);
        read.map(Self)
            .map_err(|error| Reject::new(Code::InvalidFields, plain(&error)))
    }
}
