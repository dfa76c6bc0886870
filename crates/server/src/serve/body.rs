//! Bodies of answers, whoever gives them.

use std::pin::Pin;
use std::task::{Context, Poll};

use bailey_gateway::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::apps::AppBody;

/// The body of an answer.
pub(super) enum AnyBody {
    /// The model door's, or a text of the server's own.
    Door(Body),
    /// The API's.
    Router(axum::body::Body),
    /// At an app's address.
    App(AppBody),
}

impl http_body::Body for AnyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.get_mut() {
            Self::Door(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|f| f.map_err(axum::Error::new))),
            Self::Router(body) => Pin::new(body).poll_frame(cx),
            Self::App(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Door(body) => body.is_end_stream(),
            Self::Router(body) => body.is_end_stream(),
            Self::App(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Door(body) => body.size_hint(),
            Self::Router(body) => body.size_hint(),
            Self::App(body) => body.size_hint(),
        }
    }
}
