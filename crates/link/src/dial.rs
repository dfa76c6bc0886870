//! The agent's side: dialling the server.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Uri};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::connection::Connection;
use crate::websocket::{Messages, websocket_config};

/// How long connecting and upgrading may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The server cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is none.
    #[error("`{0}` is not an address of a server")]
    Address(String),
    /// TLS is not there yet.
    #[error(
        "links over https come with the drivers of remote machines; give the server's http address on this machine"
    )]
    Tls,
    /// No connection comes about.
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    /// The server took too long.
    #[error("the server does not answer")]
    TimedOut,
    /// The server refuses the link.
    #[error("the server refuses the link with status {status}")]
    Refused {
        /// The HTTP status: 401 and 403 mean that the token is not good.
        status: u16,
    },
    /// The server does not speak WebSocket.
    #[error("the server does not speak WebSocket: {0}")]
    Upgrade(String),
}

/// Dials a server: `http://host:port/path?query`, with the token as a bearer token.
///
/// # Errors
/// Where it cannot be reached or refuses.
pub async fn dial(url: &str, token: &str) -> Result<Connection, DialError> {
    let malformed = || DialError::Address(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| malformed())?;
    let authority = match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(authority)) => authority,
        (Some("https"), Some(_)) => return Err(DialError::Tls),
        _ => return Err(malformed()),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = format!("ws://{authority}{path}")
        .into_client_request()
        .map_err(|_| malformed())?;
    // The token is not part of the message: errors are logged.
    let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| DialError::Upgrade("the token cannot be a header".to_owned()))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(80);
    let dialled = timeout(CONNECT, async {
        let stream = TcpStream::connect((host, port)).await.map_err(DialError::Connect)?;
        stream.set_nodelay(true).map_err(DialError::Connect)?;
        tokio_tungstenite::client_async_with_config(request, stream, Some(websocket_config()))
            .await
            .map_err(|error| match error {
                tungstenite::Error::Http(response) => DialError::Refused {
                    status: response.status().as_u16(),
                },
                other => DialError::Upgrade(other.to_string()),
            })
    });
    let (websocket, _) = dialled.await.map_err(|_| DialError::TimedOut)??;
    Ok(Connection::client(Messages(websocket)))
}
