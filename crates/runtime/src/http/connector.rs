//! How clients connect: by the system's resolver, but to where the deployment says for names that it resolves itself.

use std::task::{Context, Poll};

use bailey_egress::Hosts;
use http::Uri;
use http::uri::Authority;
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

/// Makes connections. TLS is spoken above it, with the name that was asked for.
#[derive(Debug, Clone)]
pub struct Connector {
    tcp: HttpConnector,
    hosts: Hosts,
}

impl Connector {
    pub(super) const fn new(tcp: HttpConnector, hosts: Hosts) -> Self {
        Self { tcp, hosts }
    }
}

impl Service<Uri> for Connector {
    type Response = <HttpConnector as Service<Uri>>::Response;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = <HttpConnector as Service<Uri>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.tcp.call(led(&self.hosts, uri))
    }
}

/// The address that a web address leads to: with the deployment's own for a name that it resolves itself, else as it is.
fn led(hosts: &Hosts, uri: Uri) -> Uri {
    let port = port(&uri);
    let (Some(host), Some(port)) = (uri.host(), port) else {
        return uri;
    };
    let Some(address) = hosts.address_of(host, port) else {
        return uri;
    };
    let authority: Result<Authority, _> = std::net::SocketAddr::new(address, port).to_string().parse();
    let mut parts = uri.clone().into_parts();
    parts.authority = authority.ok();
    Uri::from_parts(parts).unwrap_or(uri)
}

/// The port of a web address: its own, or its scheme's.
pub fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_deployment_leads_to_its_address_and_nothing_else_does() {
        let hosts = Hosts::new([
            ("forge.test:7070", "127.0.0.1"),
            ("forge.test:443", "::1"),
            ("plain.test:80", "10.0.0.1"),
        ])
        .unwrap();
        for (uri, leads) in [
            ("http://forge.test:7070/a?b", "http://127.0.0.1:7070/a?b"),
            ("http://FORGE.test.:7070/", "http://127.0.0.1:7070/"),
            ("https://forge.test/a", "https://[::1]:443/a"),
            ("http://plain.test/a", "http://10.0.0.1:80/a"),
            ("http://forge.test/a", "http://forge.test/a"),
            ("https://forge.test:7071/a", "https://forge.test:7071/a"),
            ("http://a.forge.test:7070/", "http://a.forge.test:7070/"),
            ("http://127.0.0.1:7070/", "http://127.0.0.1:7070/"),
            ("https://plain.test/", "https://plain.test/"),
        ] {
            assert_eq!(led(&hosts, uri.parse().unwrap()).to_string(), leads, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_client_asks_by_the_name_at_the_address() {
        use http_body_util::{BodyExt as _, Full};
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = format!("forge.test:{}", listener.local_addr().unwrap().port());
        let served = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                .await
                .unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        };
        let options = super::super::ClientOptions {
            hosts: Hosts::new([(name.as_str(), "127.0.0.1")]).unwrap(),
            ..Default::default()
        };
        let client = super::super::client(&options).unwrap();
        let request = http::Request::get(format!("http://{name}/"))
            .body(Full::default())
            .unwrap();
        let (answer, head) = tokio::join!(client.request(request), served);
        assert_eq!(answer.unwrap().into_body().collect().await.unwrap().to_bytes(), "ok");
        assert!(head.to_ascii_lowercase().contains(&format!("host: {name}")), "{head}");
    }
}
