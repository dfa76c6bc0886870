//! Bodies that are kept as they came, to be verified byte by byte.

use std::time::Duration;

use axum::body::Body;
use bailey_forges::webhook::LONGEST_BODY;
use bytes::Bytes;

use super::body::collect;
use crate::reject::Reject;

/// The longest time that a body may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The bytes of a body, not looked into yet.
pub(crate) struct Payload(pub(crate) Bytes);

impl Payload {
    /// Reads a body, as long as a delivery may be.
    pub(crate) async fn read(body: Body) -> Result<Self, Reject> {
        collect(body, LONGEST_BODY, TIMEOUT).await.map(Self)
    }
}
