//! What the door answers with.

use std::pin::Pin;
use std::task::{Context, Poll};

use bailey_llm::{Refusal, Vendor};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// How many pieces of an answer wait for the client at most. A piece is what one read of the provider's answer brought,
/// at most 16 KiB, so that not more than 64 KiB wait.
const PIECES: usize = 4;

/// An answer's body.
#[derive(Debug)]
pub enum Body {
    /// All of it at once.
    Full(Option<Bytes>),
    /// Piece by piece, as the provider sends it. Without [`Piece::End`] it ends in an error, and the connection with it:
    /// a client must not take half an answer for a whole one.
    Stream(mpsc::Receiver<Piece>),
}

/// A part of an answer on its way to the client.
#[derive(Debug)]
pub enum Piece {
    /// Bytes.
    Data(Bytes),
    /// The answer is whole.
    End,
}

/// The answer broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off before its end")]
pub struct Broken;

impl Body {
    /// A body that comes piece by piece, and where the pieces go.
    pub(crate) fn channel() -> (mpsc::Sender<Piece>, Self) {
        let (sender, receiver) = mpsc::channel(PIECES);
        (sender, Self::Stream(receiver))
    }

    /// A body that is there already.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Some(bytes.into()))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream(pieces) => pieces.poll_recv(cx).map(|piece| match piece {
                Some(Piece::Data(bytes)) => Some(Ok(Frame::data(bytes))),
                Some(Piece::End) => None,
                None => Some(Err(Broken)),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// The header that carries Bailey's id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-bailey-request-id");

/// A refusal in the shape that the client's SDK expects.
pub(crate) fn refuse(refusal: &Refusal, vendor: Vendor) -> Response<Body> {
    let rendered = refusal.render(vendor);
    let mut response = Response::new(Body::full(rendered.body));
    *response.status_mut() = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in rendered.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    set_id(headers, &refusal.request_id);
    response
}

/// A small JSON answer of our own.
pub(crate) fn json(body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Puts Bailey's id of the request on an answer.
pub(crate) fn set_id(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, value);
    }
}
