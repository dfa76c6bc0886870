//! What must not work.

use std::time::{Duration, Instant};

use bailey_core::authz::Role;
use bailey_core::people::Person;
use bailey_core::template::Sharing;
use tokio::io::AsyncReadExt;

use super::rig::{ECHO, OPEN, Rig, SHARED, suspend, test};
use super::ways::read_until;
use crate::apps::TERMINAL;

#[test]
fn nothing_of_baileys_reaches_an_app_and_nothing_of_an_apps_a_sibling() {
    test(Sharing::Public, async |rig| {
        let (cookie, origin) = (rig.session(&rig.ann, ECHO).await, rig.origin(ECHO));
        let token = format!("Bearer bly_{}_{}", "a".repeat(16), "b".repeat(64));
        let cookies = format!("own=1; {cookie}; other=2");
        let headers = [
            ("cookie", cookies.as_str()),
            ("origin", &origin),
            ("authorization", &token),
            ("x-forwarded-for", "6.6.6.6"),
            ("X_Forwarded_Host", "evil.example"),
            ("x-forwarded-user", "root"),
        ];
        let reply = rig.get(ECHO, "/", &headers).await;
        let (head, mut stream) = rig.upgrade(ECHO, "/", &headers).await;
        for said in [reply.body.clone(), read_until(&mut stream, b"\n\n").await] {
            assert!(!said.contains("bailey-app") && !said.contains("bly_"), "{said}");
            assert!(said.contains("cookie: own=1; other=2\n"), "{said}");
            assert!(said.contains("x-forwarded-for: 127.0.0.1\n"), "{said}");
            assert!(
                !said.contains("6.6.6.6") && !said.contains("evil") && !said.contains("root"),
                "{said}"
            );
        }
        for head in [reply.head.to_ascii_lowercase(), head.to_ascii_lowercase()] {
            assert!(head.contains("set-cookie: own=1"), "{head}");
            assert!(
                !head.contains("tossed") && !head.contains("bailey-app") && !head.contains("keep-alive"),
                "{head}"
            );
        }
    });
}

#[test]
fn a_code_is_good_once_and_for_its_app() {
    test(Sharing::Public, async |rig| {
        let code = rig.code(&rig.ann, ECHO);
        assert_eq!(
            rig.ask("HEAD", &rig.host(ECHO), &format!("/.bailey/open?code={code}"), &[])
                .await
                .status,
            405
        );
        assert_eq!(rig.enter(ECHO, &code).await.status, 303);
        let again = rig.enter(ECHO, &code).await;
        assert!(again.status == 401 && again.header("set-cookie").is_none(), "{again:?}");
        let code = rig.code(&rig.ann, ECHO);
        assert_eq!(rig.enter(SHARED, &code).await.status, 401);
        assert_eq!(rig.enter(ECHO, &code).await.status, 401, "it was tried elsewhere");
        let code = rig.code(&rig.ann, ECHO);
        assert_eq!(rig.enter(ECHO, &format!("{code}&code={code}")).await.status, 401);
        assert_eq!(rig.enter(ECHO, "").await.status, 401);
    });
}

#[test]
fn a_session_of_one_app_opens_no_other() {
    test(Sharing::Public, async |rig| {
        let cookie = rig.session(&rig.ann, ECHO).await;
        for app in [SHARED, TERMINAL] {
            assert_eq!(rig.get(app, "/", &[("cookie", &cookie)]).await.status, 401, "{app}");
        }
        let twice = format!("{cookie}; __Host-bailey-app=tossed");
        assert_eq!(rig.get(ECHO, "/", &[("cookie", &twice)]).await.status, 401);
        assert_eq!(
            rig.get(ECHO, "/", &[("cookie", "__Host-bailey-app=x")]).await.status,
            401
        );
    });
}

#[test]
fn what_is_not_there_looks_like_what_is_not_open() {
    test(Sharing::Public, async |rig| {
        let closed = rig.get(ECHO, "/", &[]).await;
        let port = rig.port;
        for host in [
            "none--work--ann",
            "echo--none--ann",
            "echo--work--none",
            "echo--00000000000000000000000000000000",
        ] {
            let reply = rig.ask("GET", &format!("{host}.localhost:{port}"), "/", &[]).await;
            assert_eq!((reply.status, &reply.body), (401, &closed.body), "{host}");
        }
        for host in ["echo--work", "x.echo--work--ann", "a--b--c--d", "app"] {
            let reply = rig.ask("GET", &format!("{host}.localhost:{port}"), "/", &[]).await;
            assert_eq!(reply.status, 404, "{host}");
        }
        for host in [
            "localhost",
            "127.0.0.1",
            "bailey.localhost",
            "echo--work--ann.localhost.evil.example",
        ] {
            let reply = rig.ask("GET", &format!("{host}:{port}"), "/", &[]).await;
            assert_eq!(reply.body, "bailey itself", "{host}");
        }
        let forwarded = [("x-forwarded-host", rig.host(OPEN))];
        let forwarded = forwarded.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(
            rig.ask("GET", &format!("localhost:{port}"), "/", &forwarded).await.body,
            "bailey itself"
        );
    });
}

#[test]
fn a_request_that_names_two_hosts_reaches_neither() {
    test(Sharing::Public, async |rig| {
        let (open, echo) = (rig.host(OPEN), rig.host(ECHO));
        for head in [
            format!("GET http://{open}/ HTTP/1.1\r\nhost: {echo}"),
            format!("GET http://{open}/ HTTP/1.1\r\nhost: localhost:{}", rig.port),
            format!("GET http://localhost:{}/ HTTP/1.1\r\nhost: {open}", rig.port),
            format!("GET / HTTP/1.1\r\nhost: {open}\r\nhost: {echo}"),
        ] {
            let reply = rig.raw(&format!("{head}\r\nconnection: close\r\n\r\n")).await;
            assert_eq!(reply.status, 404, "{head}");
        }
    });
}

#[test]
fn pages_of_others_open_no_socket_and_change_nothing() {
    test(Sharing::Public, async |rig| {
        for app in [ECHO, TERMINAL] {
            let cookie = rig.session(&rig.ann, app).await;
            let path = if app == TERMINAL { "/.bailey/terminal" } else { "/" };
            let sibling = rig.origin(OPEN);
            for origin in [
                Some(sibling.as_str()),
                Some("null"),
                Some("http://localhost:7080"),
                None,
            ] {
                let mut headers = vec![("cookie", cookie.as_str())];
                headers.extend(origin.map(|origin| ("origin", origin)));
                let (head, _) = rig.upgrade(app, path, &headers).await;
                assert!(head.starts_with("HTTP/1.1 403 "), "{origin:?}: {head}");
                let reply = rig.ask("POST", &rig.host(app), "/", &headers).await;
                assert_eq!(reply.status, 403, "{origin:?}");
            }
            let script = [
                ("cookie", cookie.as_str()),
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "script"),
            ];
            assert_eq!(rig.get(app, "/", &script).await.status, 403);
        }
    });
}

#[test]
fn open_connections_end_with_the_person() {
    test(Sharing::Public, async |rig| {
        ends(&rig, async |rig| suspend(&rig.store, &rig.ann).await).await;
    });
}

#[test]
fn open_connections_end_with_the_role() {
    test(Sharing::Public, async |rig| {
        ends(&rig, async |rig| {
            // Nobody goes into a workspace by this role.
            let auditor = Person {
                role: Role::Auditor,
                ..rig.ann.clone()
            };
            rig.store.person_update(&auditor).await.unwrap();
        })
        .await;
    });
}

#[test]
fn open_connections_end_with_the_token() {
    test(Sharing::Public, async |rig| {
        ends(&rig, async |rig| {
            assert!(rig.store.token_revoke(rig.token, super::rig::T0).await.unwrap());
        })
        .await;
    });
}

/// Opens what lasts, takes the right to it away, and sees that everything ends in time.
async fn ends(rig: &Rig, take: impl AsyncFnOnce(&Rig)) {
    let (cookie, origin) = (rig.session(&rig.ann, ECHO).await, rig.origin(ECHO));
    let own = [("cookie", cookie.as_str()), ("origin", &origin)];
    let (_, mut socket) = rig.upgrade(ECHO, "/", &own).await;
    read_until(&mut socket, b"\n\n").await;
    let (cookie, origin) = (rig.session(&rig.ann, TERMINAL).await, rig.origin(TERMINAL));
    let (_, mut terminal) = rig
        .upgrade(
            TERMINAL,
            "/.bailey/terminal",
            &[("cookie", &cookie), ("origin", &origin)],
        )
        .await;
    terminal.read_exact(&mut [0; 7]).await.unwrap();
    // A right that stays keeps them open longer than one look at it takes.
    let early = tokio::time::timeout(Duration::from_secs(4), socket.read(&mut [0; 1])).await;
    assert!(early.is_err(), "it ended by itself");
    take(rig).await;
    let taken = Instant::now();
    let (slow, ended, closed) = tokio::join!(
        rig.get(ECHO, "/slow", &own),
        async { tokio::time::timeout(Duration::from_secs(6), socket.read(&mut [0; 1])).await },
        async {
            let mut bytes = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(6), terminal.read_to_end(&mut bytes)).await;
            read.map(|_| bytes)
        }
    );
    assert_eq!(slow.status, 401);
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    // 4401, as the payload of a closing frame.
    assert_eq!(closed.unwrap().get(..4), Some(&b"\x88\x02\x11\x31"[..]));
    assert!(taken.elapsed() < Duration::from_secs(5), "{:?}", taken.elapsed());
}
