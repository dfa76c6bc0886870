//! What works.

use std::time::Duration;

use bailey_core::template::Sharing;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::rig::{DEAD, ECHO, OPEN, SHARED, T0, test};
use crate::apps::{TERMINAL, session};
use crate::streams::{Inside, Kind};

#[test]
fn a_code_becomes_a_session_that_opens_the_app() {
    test(Sharing::Public, async |rig| {
        let entered = rig.enter(ECHO, &rig.code(&rig.ann, ECHO)).await;
        assert_eq!((entered.status, entered.header("location")), (303, Some("/")));
        assert_eq!(entered.header("referrer-policy"), Some("no-referrer"));
        let set = entered.header("set-cookie").unwrap();
        assert!(set.starts_with("__Host-bailey-app="), "{set}");
        for attribute in [
            "; Path=/",
            "; Secure",
            "; HttpOnly",
            "; SameSite=Lax",
            "; Max-Age=28800",
        ] {
            assert!(set.contains(attribute), "{set}");
        }
        let cookie = entered.cookie();
        let reply = rig.get(ECHO, "/a/b?c=%2F&d", &[("cookie", &cookie)]).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.body.starts_with("GET /a/b?c=%2F&d\n"), "{}", reply.body);
        assert!(
            reply.body.contains(&format!("host: {}\n", rig.host(ECHO))),
            "{}",
            reply.body
        );
        assert_eq!(*rig.noted.lock().unwrap(), [rig.workspace]);
    });
}

#[test]
fn bodies_pass_and_connections_to_an_app_are_used_again() {
    test(Sharing::Public, async |rig| {
        let (cookie, origin) = (rig.session(&rig.ann, ECHO).await, rig.origin(ECHO));
        for body in ["", "one", &"x".repeat(300_000)] {
            let (host, length) = (rig.host(ECHO), body.len());
            let head = format!("POST / HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\norigin: {origin}\r\n");
            let reply = rig
                .raw(&format!(
                    "{head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                ))
                .await;
            assert!(
                reply.status == 200 && reply.body.ends_with(&format!("\n\n{body}")),
                "{}",
                reply.head
            );
        }
        let chunked = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\norigin: {origin}\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            rig.host(ECHO)
        );
        let reply = rig.raw(&chunked).await;
        assert!(reply.body.ends_with("\n\nabc"), "{reply:?}");
        assert_eq!(*rig.connections.lock().unwrap(), 1);
    });
}

#[test]
fn sharing_opens_an_app_to_those_it_names() {
    test(Sharing::Public, async |rig| {
        assert_eq!(rig.get(OPEN, "/", &[]).await.status, 200);
        assert_eq!(rig.get(SHARED, "/", &[]).await.status, 401);
        let bob = rig.session(&rig.bob, SHARED).await;
        assert_eq!(rig.get(SHARED, "/", &[("cookie", &bob)]).await.status, 200);
        // A code that should never have been made opens nothing.
        assert_eq!(rig.enter(ECHO, &rig.code(&rig.bob, ECHO)).await.status, 401);
        assert_eq!(rig.enter(TERMINAL, &rig.code(&rig.bob, TERMINAL)).await.status, 401);
    });
}

#[test]
fn the_deployment_limits_sharing() {
    test(Sharing::Owner, async |rig| {
        assert_eq!(rig.get(OPEN, "/", &[]).await.status, 401);
        assert_eq!(rig.enter(SHARED, &rig.code(&rig.bob, SHARED)).await.status, 401);
        let ann = rig.session(&rig.ann, SHARED).await;
        assert_eq!(rig.get(SHARED, "/", &[("cookie", &ann)]).await.status, 200);
    });
}

#[test]
fn a_session_ends_after_eight_hours() {
    test(Sharing::Public, async |rig| {
        let cookie = rig.session(&rig.ann, ECHO).await;
        rig.clock.set(T0.plus_seconds(session::LIFETIME - 1));
        assert_eq!(rig.get(ECHO, "/", &[("cookie", &cookie)]).await.status, 200);
        rig.clock.set(T0.plus_seconds(session::LIFETIME));
        assert_eq!(rig.get(ECHO, "/", &[("cookie", &cookie)]).await.status, 401);
    });
}

#[test]
fn a_dead_app_is_told_apart_from_a_workspace_that_is_away() {
    test(Sharing::Public, async |rig| {
        let cookie = rig.session(&rig.ann, DEAD).await;
        let reply = rig.get(DEAD, "/", &[("cookie", &cookie)]).await;
        assert_eq!(reply.status, 502);
        assert!(
            reply.body.contains("&lt;nothing&gt; listens on port 8080"),
            "{}",
            reply.body
        );
        rig.disconnect();
        let reply = rig.get(DEAD, "/", &[("cookie", &cookie)]).await;
        assert_eq!(reply.status, 503);
        assert!(reply.body.contains("bailey start work"), "{}", reply.body);
    });
}

#[test]
fn an_upgrade_carries_bytes_both_ways() {
    test(Sharing::Public, async |rig| {
        let (cookie, origin) = (rig.session(&rig.ann, ECHO).await, rig.origin(ECHO));
        let (head, mut stream) = rig
            .upgrade(ECHO, "/ws", &[("cookie", &cookie), ("origin", &origin)])
            .await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.to_ascii_lowercase().contains("upgrade: websocket\r\n"), "{head}");
        let said = read_until(&mut stream, b"\n\n").await;
        assert!(
            said.contains("connection: upgrade\n") && said.contains("upgrade: websocket\n"),
            "{said}"
        );
        let sent: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let (mut read, mut write) = stream.split();
        let mut back = vec![0; sent.len()];
        let (put, got) = tokio::join!(write.write_all(&sent), read.read_exact(&mut back));
        put.unwrap();
        got.unwrap();
        assert_eq!(back, sent);
        write.shutdown().await.unwrap();
        assert_eq!(read.read(&mut [0; 1]).await.unwrap(), 0, "the end passes too");
    });
}

#[test]
fn a_terminal_in_the_browser_takes_a_place_among_the_streams() {
    test(Sharing::Public, async |rig| {
        let cookie = rig.session(&rig.ann, TERMINAL).await;
        let origin = rig.origin(TERMINAL);
        let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
        let path = "/.bailey/terminal?name=main&columns=80&rows=24";
        let inside = Inside {
            workspace: rig.workspace,
            owner: rig.ann.id,
        };
        let places: Vec<_> = (0..64)
            .map(|_| rig.apps.streams().enter(inside, rig.bob.id, Kind::Terminal).unwrap())
            .collect();
        let (head, _) = rig.upgrade(TERMINAL, path, &headers).await;
        assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
        drop(places);
        let (head, _open) = rig.upgrade(TERMINAL, path, &headers).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let taken = (0..64).take_while(|_| {
            let place = rig.apps.streams().enter(inside, rig.bob.id, Kind::Terminal);
            place.map(std::mem::forget).is_ok()
        });
        assert_eq!(taken.count(), 63, "it has one while it is open");
    });
}

#[test]
fn the_terminal_is_a_page_and_a_socket() {
    test(Sharing::Public, async |rig| {
        assert_eq!(rig.get(TERMINAL, "/", &[]).await.status, 401);
        let (cookie, origin) = (rig.session(&rig.ann, TERMINAL).await, rig.origin(TERMINAL));
        let page = rig.get(TERMINAL, "/", &[("cookie", &cookie)]).await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(!page.body.contains("<script>") && !page.body.contains("onload"));
        // Every file that the page names is there.
        let named = page.body.split('"').filter(|part| part.starts_with("/.bailey/"));
        for path in named.chain(["/.bailey/xterm.mjs", "/.bailey/addon-fit.mjs"]) {
            assert_eq!(
                rig.get(TERMINAL, path, &[("cookie", &cookie)]).await.status,
                200,
                "{path}"
            );
            assert_eq!(rig.get(TERMINAL, path, &[]).await.status, 401, "{path}");
        }
        let path = "/.bailey/terminal?name=main&columns=80&rows=24";
        let (head, mut stream) = rig
            .upgrade(TERMINAL, path, &[("cookie", &cookie), ("origin", &origin)])
            .await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let mut greeting = [0; 7];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"\x82\x05Omain");
        // A masked frame of the WebSocket, with the mask 0.
        stream.write_all(b"\x82\x83\0\0\0\0Ils").await.unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"\x82\x03Ils");
    });
}

pub(super) async fn read_until(stream: &mut tokio::net::TcpStream, end: &[u8]) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_u8()).await;
        bytes.push(read.expect("nothing comes").unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn whoever_opens_a_page_is_sent_to_sign_in_and_comes_back_to_it() {
    test(Sharing::Authenticated, async |rig| {
        let page = [
            ("accept", "text/html,*/*"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        let location = |app: &str, path: &str| {
            let path: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
            format!("http://localhost:7080/apps/open?app={app}--work--ann&return={path}")
        };
        for app in [ECHO, "none"] {
            let sent = rig.get(app, "/a?b=c&d", &page).await;
            assert_eq!(
                (sent.status, sent.header("location")),
                (303, Some(location(app, "/a?b=c&d").as_str()))
            );
        }
        // What is no page is told so, as before.
        for other in [
            &[("accept", "*/*")][..],
            &[page[0], ("sec-fetch-mode", "cors")],
            &[page[0], page[1], ("sec-fetch-dest", "iframe")],
        ] {
            assert_eq!(rig.get(ECHO, "/", other).await.status, 401);
        }
        for (path, to) in [
            ("/a?b=c", "/a?b=c"),
            ("//evil.example", "/"),
            ("/.bailey/open?code=x", "/"),
        ] {
            let path: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
            let code = rig.code(&rig.ann, ECHO);
            let entered = rig
                .get(ECHO, &format!("/.bailey/open?code={code}&return={path}"), &[])
                .await;
            assert_eq!((entered.status, entered.header("location")), (303, Some(to)));
        }
    });
}

#[test]
fn an_apps_session_ends_with_the_one_it_was_opened_with() {
    test(Sharing::Authenticated, async |rig| {
        let own = bailey_core::identity::Session {
            id: bailey_core::SessionId::from_uuid(uuid::Uuid::from_u128(9)),
            public_id: "public".to_owned(),
            hash: [1; 32],
            person: rig.ann.id,
            method: bailey_core::identity::SignInMethod::Password,
            address: String::new(),
            agent: String::new(),
            created_at: T0,
            last_used_at: T0,
            expires_at: T0.plus_seconds(28_800),
            ended_at: None,
        };
        rig.store.session_insert(&own).await.unwrap();
        let grant = crate::apps::Grant {
            person: rig.ann.id,
            token: None,
            session: Some(own.id),
            workspace: rig.workspace,
            app: ECHO.to_owned(),
        };
        let link = rig.apps.link("work", "ann", grant, None).unwrap().unwrap();
        let code = link.expose().split_once("code=").unwrap().1.to_owned();
        let cookie = rig.enter(ECHO, &code).await.cookie();
        let (_, mut socket) = rig
            .upgrade(ECHO, "/socket", &[("cookie", &cookie), ("origin", &rig.origin(ECHO))])
            .await;
        assert_eq!(rig.get(ECHO, "/", &[("cookie", &cookie)]).await.status, 200);
        rig.store.session_end(own.id, T0).await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the socket is still open");
        assert_eq!(rig.get(ECHO, "/", &[("cookie", &cookie)]).await.status, 401);
    });
}
