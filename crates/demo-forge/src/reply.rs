//! Answers on their way out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::error::ApiError;

/// The rest of an answer does not come; its connection is broken off, so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the rest of the answer does not come")]
pub(crate) struct Broken;

pub(crate) type Body = BoxBody<Bytes, Broken>;
pub(crate) type Reply = Response<Body>;

/// A body that comes in pieces. It ends well when the sender says so with an empty piece, and breaks off when the sender is gone.
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.0.poll_recv(cx).map(|piece| match piece {
            Some(piece) if piece.is_empty() => None,
            Some(piece) => Some(Ok(Frame::data(piece))),
            None => Some(Err(Broken)),
        })
    }
}

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// An answer with a status, a type and a body.
pub(crate) fn reply(status: StatusCode, media_type: &'static str, bytes: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(full(bytes));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    set(&mut reply, "x-content-type-options", "nosniff");
    reply
}

/// JSON.
pub(crate) fn json(status: StatusCode, value: &Value) -> Reply {
    let mut reply = reply(status, "application/json", value.to_string());
    set(&mut reply, "cache-control", "no-store");
    reply
}

/// A refusal, in GitLab's shape.
pub(crate) fn refusal(error: &ApiError) -> Reply {
    json(error.status(), &error.body())
}

/// Sets a header; a value that cannot be sent is left out.
pub(crate) fn set(reply: &mut Reply, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
