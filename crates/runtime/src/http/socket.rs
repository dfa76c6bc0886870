//! `WebSocket` connections to a server.

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{StreamBody, StreamClient};

/// The largest message that is taken.
const MAX_MESSAGE: usize = 8 * 1024 * 1024;

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// There is no WebSocket, or it broke.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The server cannot be reached, or its answer is none.
    #[error("the server cannot be reached")]
    Request(#[from] hyper_util::client::legacy::Error),
    /// It agreed and then did not change the protocol.
    #[error("the server did not change to a WebSocket")]
    Upgrade(#[source] hyper::Error),
    /// It changed to something else.
    #[error("the server changed to another protocol")]
    Protocol,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] tungstenite::Error),
}

/// What a server answered.
pub enum Opened {
    /// A WebSocket.
    Socket(Reader, Writer),
    /// Anything else: it refuses.
    Refused(Response<Incoming>),
}

/// What has come over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// A binary message.
    Binary(Bytes),
    /// Something that only says that the other side is there.
    Alive,
    /// The other side has closed it, with this code where it gave one.
    Closed(Option<u16>),
}

/// The reading half.
pub struct Reader(SplitStream<Stream>);

/// The writing half.
pub struct Writer(SplitSink<Stream, Message>);

/// Asks for a WebSocket. `request` has address and headers, but for those of the handshake.
///
/// # Errors
/// Where the server cannot be reached, or does not do as it says.
pub async fn websocket(client: &StreamClient, request: Request<()>) -> Result<Opened, SocketError> {
    let key = generate_key();
    let mut request = request.map(|()| StreamBody::empty());
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    let value = HeaderValue::from_str(&key).map_err(|_| SocketError::Protocol)?;
    headers.insert(SEC_WEBSOCKET_KEY, value);
    let response = client.request(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Opened::Refused(response));
    }
    let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|value| value.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(SocketError::Protocol);
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(SocketError::Upgrade)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await;
    let (writer, reader) = stream.split();
    Ok(Opened::Socket(Reader(reader), Writer(writer)))
}

impl Reader {
    /// What comes next. Nothing is lost when this is dropped halfway.
    ///
    /// # Errors
    /// Where the connection broke.
    pub async fn next(&mut self) -> Result<Arrived, SocketError> {
        Ok(match self.0.next().await.transpose()? {
            Some(Message::Binary(bytes)) => Arrived::Binary(bytes),
            Some(Message::Close(frame)) => Arrived::Closed(frame.map(|frame| frame.code.into())),
            None => Arrived::Closed(None),
            Some(_) => Arrived::Alive,
        })
    }
}

impl Writer {
    /// Sends a binary message.
    ///
    /// # Errors
    /// Where the connection broke.
    pub async fn send(&mut self, bytes: impl Into<Bytes>) -> Result<(), SocketError> {
        Ok(self.0.send(Message::Binary(bytes.into())).await?)
    }

    /// Asks the other side for a sign of life.
    ///
    /// # Errors
    /// Where the connection broke.
    pub async fn ping(&mut self) -> Result<(), SocketError> {
        Ok(self.0.send(Message::Ping(Bytes::new())).await?)
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// Where the connection broke.
    pub async fn close(&mut self) -> Result<(), SocketError> {
        Ok(self.0.close().await?)
    }
}
