//! Lists that are sent as server-sent events to whoever asks for it.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::{ACCEPT, HeaderName};
use http::request::Parts;

/// Where a reader was when its connection was lost.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Whether events are asked for, and behind which one they go on.
pub(crate) struct Events {
    /// `Accept` names `text/event-stream`.
    pub(crate) wanted: bool,
    last: Option<u64>,
}

impl Events {
    /// The number behind which they begin: that of `Last-Event-ID`, or of the query, or the first.
    pub(crate) fn after(&self, query: Option<u64>) -> u64 {
        self.last.or(query).unwrap_or(0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Events {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let values = parts.headers.get_all(ACCEPT).iter();
        let mut kinds = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let wanted = kinds.any(|kind| {
            let kind = kind.split(';').next();
            kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
        });
        let last = parts.headers.get(LAST_EVENT_ID);
        let last = last.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Self { wanted, last })
    }
}
