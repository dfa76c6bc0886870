//! One attempt at one delivery: plain HTTP, to this machine alone.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::HOST;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Delivery;

/// The most of an answer's body that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// Where a webhook leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Target {
    /// Reads an address: `http://` and this machine. A demonstration never talks to anybody else.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        let loopback = host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
        let named = host == "localhost" || host.ends_with(".localhost");
        if uri.scheme_str() != Some("http") || !(loopback || named) || authority.as_str().contains('@') {
            return None;
        }
        // Names below `localhost` are this machine wherever they are known, and here they need not be.
        let host = if named { "localhost".to_owned() } else { host };
        Some(Self {
            authority: authority.to_string(),
            host,
            port: authority.port_u16().unwrap_or(80),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// Sends a delivery once. The status of its answer, if there is one in time.
pub(super) async fn attempt(delivery: &Delivery, patience: Duration) -> Option<u16> {
    timeout(patience, exchange(delivery)).await.ok()?
}

async fn exchange(delivery: &Delivery) -> Option<u16> {
    let target = Target::parse(&delivery.hook.url)?;
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let mut request = Request::post(&target.path)
        .header(HOST, &target.authority)
        .body(Full::new(delivery.body.clone()))
        .ok()?;
    request.headers_mut().extend(delivery.headers());
    let answer = async move {
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        // What it says is of no interest, but a receiver may mind not being listened to.
        let _ = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await;
        Some(status)
    };
    let (mut answer, connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
    tokio::select! {
        biased;
        status = &mut answer => return status,
        _ = connection => {}
    }
    answer.await
}

/// The signature of Standard Webhooks over `id.timestamp.body`, with a key given as `whsec_<base64>`.
pub(crate) fn signature(token: &str, id: &str, seconds: &str, body: &Bytes) -> Option<String> {
    let key = STANDARD.decode(token.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_lead_to_this_machine_alone() {
        for good in [
            "http://127.0.0.1:7080/hooks/1",
            "http://localhost/hooks",
            "http://bailey.localhost:7080/x?y=1",
            "http://[::1]:80/",
        ] {
            assert!(Target::parse(good).is_some(), "{good}");
        }
        for bad in [
            "https://127.0.0.1/",
            "http://example.com/",
            "http://169.254.169.254/latest",
            "http://127.0.0.1@evil.example/",
            "http://localhost.evil.example/",
            "http://10.0.0.1/",
            "ftp://localhost/",
            "/hooks",
            "",
        ] {
            assert!(Target::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example of the Standard Webhooks specification's libraries.
        let body = Bytes::from_static(br#"{"test": 2432232314}"#);
        let made = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            &body,
        );
        assert_eq!(made.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(signature("secret", "a", "1", &body), None);
    }
}
