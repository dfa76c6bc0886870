//! Real connections to a whole server.

mod rig;
mod walk;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::IntoResponse as _;
use axum::routing::get;
use bailey_api::agent::LINK_PATH;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::*;
use rig::{NAME, Rig, SECURE, Wanted, reply, test};

const LIVE: &str = "GET /livez HTTP/1.1\r\nhost: bailey.example\r\nconnection: close\r\n\r\n";

fn ask(path: &str) -> Request<Full<bytes::Bytes>> {
    let uri = format!("https://{NAME}{path}");
    Request::builder().uri(uri).body(Full::default()).unwrap()
}

#[test]
fn http_2_and_http_1_are_spoken_over_tls() {
    test(SECURE, async |rig: Rig| {
        assert_eq!(rig.raw(LIVE).await.status, 200);
        let mut sender = rig.http2().await;
        for _ in 0..3 {
            let answer = reply(sender.send_request(ask("/livez")).await.unwrap()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        // Without ALPN it is HTTP/1.1, and with neither of ours there is no connection.
        let mut stream = rig.connect(&[]).await.unwrap();
        stream.write_all(LIVE.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(rig.connect(&[b"spdy/3"]).await.is_err());
    });
}

#[test]
fn a_host_is_judged_the_same_over_http_2() {
    test(SECURE, async |rig: Rig| {
        let mut sender = rig.http2().await;
        let mut status = async |uri: &str, host: Option<&str>| {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let request = request.body(Full::default()).unwrap();
            sender.send_request(request).await.unwrap().status().as_u16()
        };
        assert_eq!(status("https://bailey.example/livez", None).await, 200);
        assert_eq!(
            status("https://bailey.example/livez", Some("bailey.example")).await,
            200
        );
        assert_eq!(status("https://evil.example/livez", None).await, 421);
        assert_eq!(status("https://bailey.example/livez", Some("evil.example")).await, 400);
        for request in [
            "GET http://evil.example/livez HTTP/1.1\r\nhost: bailey.example\r\nconnection: close\r\n\r\n",
            "GET https://bailey.example/livez HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n",
            "GET /livez HTTP/1.1\r\nhost: bailey.example\r\nhost: bailey.example\r\nconnection: close\r\n\r\n",
            "GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n",
            "CONNECT bailey.example:443 HTTP/1.1\r\nhost: bailey.example:443\r\nconnection: close\r\n\r\n",
        ] {
            assert_eq!(rig.raw(request).await.status, 400, "{request}");
        }
    });
}

#[test]
fn a_websocket_runs_over_tls() {
    async fn echo(upgrade: WebSocketUpgrade) -> axum::response::Response {
        let repeat = async |mut socket: WebSocket| {
            while let Some(Ok(Message::Binary(bytes))) = socket.recv().await {
                if socket.send(Message::Binary(bytes)).await.is_err() {
                    break;
                }
            }
        };
        upgrade.on_upgrade(repeat).into_response()
    }
    let wanted = Wanted {
        router: |router| router.route("/api/echo", get(echo)),
        ..SECURE
    };
    test(wanted, async |rig: Rig| {
        let stream = rig.connect(&[b"http/1.1"]).await.unwrap();
        let request = format!("wss://{NAME}/api/echo");
        let (mut socket, answer) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        assert!(answer.headers().contains_key("strict-transport-security"));
        for n in 0..100_u8 {
            let sent = tokio_tungstenite::tungstenite::Message::binary(vec![n; 1000]);
            socket.send(sent.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), sent);
        }
    });
}

#[test]
fn plain_http_at_the_tls_port_is_told_so_but_for_agents_of_this_machine() {
    test(SECURE, async |rig: Rig| {
        for path in ["/livez", "/", "/api/v1/me", "/v1/models"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: bailey.example\r\n\r\n");
            let answer = rig.plain(&request).await;
            assert_eq!(answer.status, 400);
            assert!(answer.body.contains("this port speaks https"), "{answer:?}");
            assert!(!answer.headers.contains_key("strict-transport-security"));
        }
        // No agent's token: but it was asked for one.
        let link = format!(
            "GET {LINK_PATH}?class=bulk HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            rig.address
        );
        let answer = rig.plain(&link).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        // Nonsense is closed.
        let mut stream = rig.tcp().await;
        stream.write_all(b"\x00\x01nonsense\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest))
            .await
            .expect("closed");
    });
}

#[test]
fn handshakes_that_do_not_end_are_ended_and_block_nobody() {
    test(SECURE, async |rig: Rig| {
        let mut slow = Vec::new();
        for n in 0..60 {
            let mut stream = rig.tcp().await;
            // Nothing at all, the first byte of a record, or half a record.
            let begun: &[u8] = [&b""[..], &b"\x16"[..], &b"\x16\x03\x01\x02\x00\x01"[..]][n % 3];
            stream.write_all(begun).await.unwrap();
            slow.push(stream);
        }
        let began = Instant::now();
        assert_eq!(rig.raw(LIVE).await.status, 200);
        assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
        for mut stream in slow {
            let mut rest = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "a slow handshake is still open");
        }
    });
}

#[test]
fn tls_1_1_is_refused() {
    test(SECURE, async |rig: Rig| {
        // A ClientHello of TLS 1.1 as OpenSSL sends it, its session and extensions left out.
        let mut hello = vec![0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 2];
        hello.extend([7; 32]);
        hello.extend([0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0]);
        let mut stream = rig.tcp().await;
        stream.write_all(&hello).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        // A fatal alert, and no ServerHello.
        assert_eq!((answer.len(), answer[0], answer[5]), (7, 21, 2), "{answer:?}");
    });
}

#[test]
fn a_certificate_is_renewed_under_load_without_a_failed_request() {
    test(SECURE, async |rig: Rig| {
        let before = rig.connect(&[b"http/1.1"]).await.unwrap();
        let first = before.get_ref().1.peer_certificates().unwrap()[0].clone();
        let began = Instant::now();
        let mut kept = rig.http2().await;
        let load = async {
            let (mut done, mut renewed) = (0, 0);
            while began.elapsed() < Duration::from_secs(8) && renewed < 20 {
                let stream = rig.connect(&[b"http/1.1"]).await.expect("a handshake failed");
                renewed += usize::from(stream.get_ref().1.peer_certificates().unwrap()[0] != first);
                let answer = reply(kept.send_request(ask("/livez")).await.expect("a request failed")).await;
                assert_eq!((answer.status, rig.raw(LIVE).await.status), (200, 200));
                done += 1;
            }
            (done, renewed)
        };
        let renewal = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            rig.renew();
        };
        let ((done, renewed), ()) = tokio::join!(load, renewal);
        assert_eq!(renewed, 20, "of {done} connections none had the new certificate");
    });
}

#[test]
fn a_connection_over_http_2_ends_when_the_server_stops() {
    test(SECURE, async |rig: Rig| {
        let mut sender = rig.http2().await;
        assert_eq!(sender.send_request(ask("/livez")).await.unwrap().status(), 200);
        rig.stop.cancel();
        let ended = async {
            while !sender.is_closed() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended)
            .await
            .expect("the connection is still open");
    });
}
