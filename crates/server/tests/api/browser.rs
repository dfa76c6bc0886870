//! Browsers, and what they are given when somebody signs in with them.

use std::net::IpAddr;

use axum::body::Body;
use bailey_core::SessionId;
use bailey_core::identity::{Session, SignInMethod};
use bailey_gate::token::{self, Kind};
use bailey_runtime::ids::NewId;
use http::{HeaderValue, Request};

use crate::harness::{Client, Reply, TestApp};

impl TestApp {
    /// A browser that nobody is signed in with.
    pub(crate) fn browser(&self) -> Client {
        Client {
            browser: true,
            ..self.nobody()
        }
    }

    /// A browser that this person is signed in with.
    pub(crate) async fn browse(&self, client: &Client) -> Client {
        let minted = token::mint(Kind::Session).unwrap();
        let now = self.gate.clock().now();
        let session = Session {
            id: SessionId::new_at(now),
            public_id: minted.public_id,
            hash: minted.hash,
            person: client.id.parse().unwrap(),
            method: SignInMethod::Password,
            address: "192.0.2.1".to_owned(),
            agent: "test".to_owned(),
            created_at: now,
            last_used_at: now,
            expires_at: now.plus_seconds(8 * 3_600),
            ended_at: None,
        };
        self.store.session_insert(&session).await.unwrap();
        Client {
            browser: true,
            cookie: Some(minted.text.expose().clone()),
            token: String::new(),
            ..client.clone()
        }
    }

    /// Everything that the database's files hold.
    pub(crate) fn database(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.db.directory().unwrap()).unwrap();
        let names = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
        names.flat_map(|path| std::fs::read(path).unwrap()).collect()
    }
}

impl Client {
    /// The same browser with the session that an answer gave it.
    #[track_caller]
    pub(crate) fn keep(&self, reply: &Reply) -> Self {
        let line = reply.headers["set-cookie"].to_str().unwrap();
        let value = line.strip_prefix("__Host-bailey-session=").unwrap();
        let (value, attributes) = value.split_once("; ").unwrap();
        let rest = attributes.split_once("; Max-Age=").unwrap();
        assert_eq!(rest.0, "Path=/");
        assert!(rest.1.ends_with("; Secure; HttpOnly; SameSite=Lax"), "{line}");
        Self {
            cookie: Some(value.to_owned()),
            ..self.clone()
        }
    }

    /// The same at another address.
    pub(crate) fn at(&self, last: u8) -> Self {
        Self {
            address: IpAddr::from([192, 0, 2, last]),
            ..self.clone()
        }
    }

    /// Follows a link, which names no origin.
    pub(crate) async fn navigate(&self, mut request: Request<Body>) -> Reply {
        request
            .headers_mut()
            .insert("host", HeaderValue::from_static("localhost:7080"));
        let plain = Self {
            browser: false,
            ..self.clone()
        };
        plain.send(request).await
    }
}
