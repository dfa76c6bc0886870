//! The terminal in the browser: a page, and a WebSocket that leads to a terminal of the workspace.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use bailey_api::agent::Purpose;
use bailey_link::Stream;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio::time::timeout;

use super::access::Visit;
use super::pages::{answer, page};
use super::{AppBody, Apps, Place};
use crate::audit::Change;
use crate::bridge::{self, MAX_FRAME, READ_BUFFER};
use crate::streams::{Kind, PATIENCE, query};

/// xterm.js places its rows with inline styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
    img-src data:; font-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! asset {
    ($path:literal) => {
        include_bytes!(concat!("../../assets/", $path))
    };
}

/// The files of the page.
fn asset(path: &str) -> Option<(&'static str, &'static [u8])> {
    Some(match path {
        "/" => (HTML, asset!("terminal/index.html")),
        "/.bailey/terminal.js" => (SCRIPT, asset!("terminal/terminal.js")),
        "/.bailey/terminal.css" => (STYLE, asset!("terminal/terminal.css")),
        "/.bailey/xterm.mjs" => (SCRIPT, asset!("xterm/xterm.mjs")),
        "/.bailey/addon-fit.mjs" => (SCRIPT, asset!("xterm/addon-fit.mjs")),
        "/.bailey/xterm.css" => (STYLE, asset!("xterm/xterm.css")),
        "/.bailey/session" => ("text/plain", b"ok"),
        _ => return None,
    })
}

impl Apps {
    /// Answers at the terminal's address; who asks was let through.
    pub(super) async fn terminal(&self, peer: IpAddr, visit: Visit, request: Request<Incoming>) -> Response<AppBody> {
        if request.uri().path() == "/.bailey/terminal" {
            return self.socket(peer, visit, request).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return page(StatusCode::METHOD_NOT_ALLOWED, "This page is read with GET", &[]);
        }
        match asset(request.uri().path()) {
            Some((kind, bytes)) => answer(StatusCode::OK, kind, POLICY, Bytes::from_static(bytes)),
            None => page(StatusCode::NOT_FOUND, "There is nothing at this address", &[]),
        }
    }

    async fn socket(&self, peer: IpAddr, mut visit: Visit, request: Request<Incoming>) -> Response<AppBody> {
        let (mut parts, _) = request.into_parts();
        let open = match query::terminal(parts.uri.query().unwrap_or_default()) {
            Ok(open) => open,
            Err(wrong) => {
                let why = format!("{} {}", wrong.parameter, wrong.detail);
                return page(StatusCode::BAD_REQUEST, "The query names no terminal", &[&why]);
            }
        };
        let place = parts.extensions.remove::<Place>();
        let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
            return page(StatusCode::UPGRADE_REQUIRED, "This address takes a WebSocket", &[]);
        };
        // Without a session nobody is let in here.
        let person = visit
            .session
            .as_ref()
            .map_or(visit.site.owner, |session| session.person);
        let entered = match self.streams().enter(visit.inside(), person, Kind::Terminal) {
            Ok(entered) => entered,
            Err(full) => return refused(&visit, StatusCode::TOO_MANY_REQUESTS, &full.to_string()),
        };
        visit.end = entered.end();
        let change = Change::new("workspaces.terminal", visit.resource())
            .after(&json!({ "terminal": open.name, "in_browser": true }));
        let entry = match self.audit().open(visit.who(), peer, change).await {
            Ok(entry) => entry,
            Err(error) => return refused(&visit, StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        };
        let opened = self.links().open(visit.site.workspace, Purpose::Terminal(open));
        let stream = match timeout(PATIENCE, opened).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return refused(&visit, StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
            Err(_) => {
                let why = format!("The workspace did not answer within {} s.", PATIENCE.as_secs());
                return refused(&visit, StatusCode::SERVICE_UNAVAILABLE, &why);
            }
        };
        let apps = self.clone();
        let response = upgrade
            .max_message_size(MAX_FRAME)
            .max_frame_size(MAX_FRAME)
            .read_buffer_size(READ_BUFFER)
            .on_upgrade(move |socket| async move {
                apps.carry(&visit, socket, stream).await;
                entry.end();
                drop((entered, place));
            });
        response.map(AppBody::Router)
    }

    /// Carries a terminal's frames until the visit is over. What is typed is activity.
    pub(crate) async fn carry(&self, visit: &Visit, socket: WebSocket, stream: Stream) {
        let mut noting = self.noting(visit);
        let seen = move |frame: &[u8]| {
            if frame.first() == Some(&b'I') {
                noting.note();
            }
        };
        bridge::carry(socket, stream, seen, self.until_over(visit)).await;
    }
}

fn refused(visit: &Visit, status: StatusCode, why: &str) -> Response<AppBody> {
    let heading = format!("The terminal of {} cannot be opened", visit.site.name);
    page(status, &heading, &[why])
}
