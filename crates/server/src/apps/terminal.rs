//! The terminal in the browser: a page, and a WebSocket that leads to a terminal of the workspace.

use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use bailey_api::agent::{Purpose, TerminalOpen};
use bailey_link::Stream;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::access::Visit;
use super::pages::{answer, page};
use super::{AppBody, Apps, Place};
use crate::bridge::{self, MAX_FRAME};
use crate::links::LinkError;

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
    pub(super) async fn terminal(&self, visit: Visit, request: Request<Incoming>) -> Response<AppBody> {
        if request.uri().path() == "/.bailey/terminal" {
            return self.socket(visit, request).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return page(StatusCode::METHOD_NOT_ALLOWED, "This page is read with GET", &[]);
        }
        match asset(request.uri().path()) {
            Some((kind, bytes)) => answer(StatusCode::OK, kind, POLICY, Bytes::from_static(bytes)),
            None => page(StatusCode::NOT_FOUND, "There is nothing at this address", &[]),
        }
    }

    async fn socket(&self, visit: Visit, request: Request<Incoming>) -> Response<AppBody> {
        let (mut parts, _) = request.into_parts();
        let Some(open) = wanted(parts.uri.query().unwrap_or_default()) else {
            let names = "name (1 to 64 letters, digits, - and _), columns, rows, after, epoch";
            return page(StatusCode::BAD_REQUEST, "The query names no terminal", &[names]);
        };
        let place = parts.extensions.remove::<Place>();
        let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
            return page(StatusCode::UPGRADE_REQUIRED, "This address takes a WebSocket", &[]);
        };
        let stream = match self.links().open(visit.site.workspace, Purpose::Terminal(open)).await {
            Ok(stream) => stream,
            Err(error) => return refused(&visit, &error),
        };
        let apps = self.clone();
        let response = upgrade
            .max_message_size(MAX_FRAME)
            .max_frame_size(MAX_FRAME)
            .on_upgrade(move |socket| async move {
                apps.carry(visit, socket, stream).await;
                drop(place);
            });
        response.map(AppBody::Router)
    }

    async fn carry(&self, visit: Visit, socket: axum::extract::ws::WebSocket, stream: Stream) {
        let mut noting = self.noting(&visit);
        let seen = move |frame: &[u8]| {
            if frame.first() == Some(&b'I') {
                noting.note();
            }
        };
        bridge::carry(socket, stream, seen, self.until_over(&visit)).await;
    }
}

/// The terminal that a query asks for. Everything in it stands there once.
fn wanted(query: &str) -> Option<TerminalOpen> {
    let mut open = TerminalOpen {
        name: "main".to_owned(),
        columns: 80,
        rows: 24,
        after: None,
        epoch: None,
    };
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "name" => open.name = value.into_owned(),
            "columns" => open.columns = value.parse().ok().filter(|n| *n > 0)?,
            "rows" => open.rows = value.parse().ok().filter(|n| *n > 0)?,
            "after" => open.after = Some(value.parse().ok()?),
            "epoch" => open.epoch = Some(value.parse().ok()?),
            _ => return None,
        }
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let good = (1..=64).contains(&open.name.len()) && open.name.bytes().all(plain);
    good.then_some(open)
}

fn refused(visit: &Visit, error: &LinkError) -> Response<AppBody> {
    let heading = format!("The terminal of {} cannot be opened", visit.site.name);
    page(StatusCode::SERVICE_UNAVAILABLE, &heading, &[&error.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_one_terminal() {
        let open = wanted("name=a_b-1&columns=100&rows=40&after=7&epoch=9").unwrap();
        assert_eq!((open.name.as_str(), open.columns, open.rows), ("a_b-1", 100, 40));
        assert_eq!((open.after, open.epoch), (Some(7), Some(9)));
        assert_eq!(wanted("").unwrap().name, "main");
        for bad in [
            "name=",
            "name=a/b",
            "name=a&name=b",
            "columns=0",
            "rows=70000",
            "after=-1",
            "x=1",
        ] {
            assert_eq!(wanted(bad), None, "{bad}");
        }
        assert_eq!(wanted(&format!("name={}", "a".repeat(65))), None);
    }
}
