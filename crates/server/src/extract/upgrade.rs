//! Requests that become a WebSocket.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use http::request::Parts;

use crate::app::AppError;
use crate::apps::Place;
use crate::streams::StreamError;

/// A WebSocket, if the request asks for one: whether it may is judged before it is told to. And the connection's place
/// among the server's, which is kept for as long as the WebSocket lives.
pub(crate) struct Upgrade {
    upgrade: Option<WebSocketUpgrade>,
    connection: Option<Place>,
}

impl Upgrade {
    /// The WebSocket that must be there.
    pub(crate) fn wanted(self) -> Result<(WebSocketUpgrade, Option<Place>), AppError> {
        let upgrade = self.upgrade.ok_or(StreamError::Upgrade)?;
        Ok((upgrade, self.connection))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await.ok();
        let connection = parts.extensions.get::<Place>().cloned();
        Ok(Self { upgrade, connection })
    }
}
