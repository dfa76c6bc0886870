//! Bodies that are archives.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bailey_api::Code;
use bailey_workspaces::template::MAX_PACKED;
use bytes::Bytes;

use super::body::{collect, declared};
use crate::reject::Reject;

/// The longest time that an archive may take.
const TIMEOUT: Duration = Duration::from_mins(5);
const TYPES: [&str; 3] = ["application/x-tar", "application/gzip", "application/x-gzip"];

/// The bytes of an archive, not looked into yet.
pub(crate) struct Archive(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Archive {
    type Rejection = Reject;

    async fn from_request(request: Request, _: &S) -> Result<Self, Reject> {
        let (parts, body) = request.into_parts();
        if !declared(&parts.headers, &TYPES) {
            let detail = "send the header `Content-Type: application/x-tar`, or `application/gzip`";
            return Err(Reject::new(Code::UnsupportedMediaType, detail));
        }
        collect(body, MAX_PACKED, TIMEOUT).await.map(Self)
    }
}
