//! Bodies of answers at apps' addresses.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use super::crowd::Seat;
use super::pool::Lent;
use crate::streams;

/// Resolves when a visit is over.
pub(crate) type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The body of an answer.
pub(crate) enum AppBody {
    /// Bailey's own.
    Full(Full<Bytes>),
    /// An app's.
    App(Box<FromApp>),
    /// An answer of the WebSocket's handshake.
    Router(axum::body::Body),
}

impl AppBody {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Full::new(bytes.into()))
    }
}

/// An app's answer as it comes. Its connection is free for the next request once the answer is whole.
pub(crate) struct FromApp {
    pub(super) body: Incoming,
    pub(super) connection: Option<Lent>,
    pub(super) whole: bool,
    pub(super) over: Over,
    pub(super) _held: (Seat, streams::Place),
}

impl Drop for FromApp {
    fn drop(&mut self) {
        if (self.whole || self.body.is_end_stream())
            && let Some(connection) = self.connection.take()
        {
            connection.give_back();
        }
    }
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Full(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Router(body) => Pin::new(body).poll_frame(cx),
            Self::App(from) => {
                if from.over.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(Err(axum::Error::new(Ended))));
                }
                let polled = Pin::new(&mut from.body).poll_frame(cx);
                from.whole |= matches!(polled, Poll::Ready(None));
                polled.map_err(axum::Error::new)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(body) => body.is_end_stream(),
            Self::App(from) => from.body.is_end_stream(),
            Self::Router(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(body) => body.size_hint(),
            Self::App(from) => from.body.size_hint(),
            Self::Router(body) => body.size_hint(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the session is over")]
struct Ended;
