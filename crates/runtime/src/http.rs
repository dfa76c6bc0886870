//! The one place where HTTP clients are made.
//!
//! A client follows no redirect and keeps its connections per origin. The one for providers is handed out inside a gate's
//! grant only; Bailey's own calls use a client of their own that never sees a provider's credential.

mod body;
mod connector;
mod socket;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use bailey_egress::Hosts;
use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
pub use hyper::body::Incoming;
use hyper::client::conn::http1;
pub use hyper::client::conn::http1::SendRequest;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncWrite};

pub use body::{StreamBody, channel};
pub use connector::{Connector, port};
pub use socket::{Arrived, Opened, Reader, SocketError, Writer, websocket};

/// A client whose bodies are streams, and whose connections can be upgraded: HTTP/1.1 alone.
pub type StreamClient = Legacy<HttpsConnector<Connector>, StreamBody>;
/// A client with a pool of connections.
pub type Client = Legacy<HttpsConnector<Connector>, Full<Bytes>>;

/// How a client connects.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The longest time for TCP and TLS together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub pool_idle: Duration,
    /// Certificates trusted besides the system's, PEM.
    pub ca_file: Option<std::path::PathBuf>,
    /// Names that the deployment resolves itself.
    pub hosts: Hosts,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            pool_idle: Duration::from_mins(1),
            ca_file: None,
            hosts: Hosts::default(),
        }
    }
}

/// A client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file holds no certificates.
    #[error("cannot read certificates from {path}")]
    Certificates {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// A client for https and plain http; HTTP/2 where the server offers it by ALPN.
pub fn client(options: &ClientOptions) -> Result<Client, ClientError> {
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls(options.ca_file.as_deref())?);
    let https = tls.https_or_http().enable_all_versions().wrap_connector(tcp(options));
    Ok(pooled(options, https))
}

/// A client whose bodies are streams.
pub fn stream_client(options: &ClientOptions) -> Result<StreamClient, ClientError> {
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls(options.ca_file.as_deref())?);
    let https = tls.https_or_http().enable_http1().wrap_connector(tcp(options));
    Ok(pooled(options, https))
}

fn tcp(options: &ClientOptions) -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(options.connect_timeout));
    tcp.set_keepalive(Some(Duration::from_mins(1)));
    Connector::new(tcp, options.hosts.clone())
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that makes HTTP clients")]
fn pooled<B>(options: &ClientOptions, https: HttpsConnector<Connector>) -> Legacy<HttpsConnector<Connector>, B>
where
    B: Body<Data: Send> + Send,
{
    Legacy::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(options.pool_idle)
        .http1_max_buf_size(64 * 1024)
        .http1_title_case_headers(false)
        .build(https)
}

fn tls(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    // A machine without system certificates can still talk plain http, or to a configured authority.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let error = |source| ClientError::Certificates {
            path: path.display().to_string(),
            source,
        };
        let certificates: Result<Vec<CertificateDer<'static>>, _> =
            CertificateDer::pem_file_iter(path).map_err(error)?.collect();
        roots.add_parsable_certificates(certificates.map_err(error)?);
    }
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
/// An HTTP/1.1 client on a stream that leads to one server already, and what drives it: a future that ends with the
/// connection, upgrades included. An answer's head has at most `head` bytes.
///
/// # Errors
/// Where the stream is broken.
pub async fn over<S, B>(
    stream: S,
    head: usize,
) -> Result<(SendRequest<B>, impl Future<Output = Result<(), hyper::Error>> + Send), hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(head)
        .handshake(TokioIo::new(stream))
        .await?;
    Ok((sender, connection.with_upgrades()))
}
