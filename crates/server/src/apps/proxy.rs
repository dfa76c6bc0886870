//! A request's way to an app and the answer's way back.

use std::net::IpAddr;
use std::sync::Arc;

use bailey_core::workspace::WorkspaceStatus;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::access::Visit;
use super::body::{AppBody, FromApp};
use super::crowd::Seat;
use super::headers::{self, Way};
use super::pages;
use super::pool::{Lent, PoolError, ToApp};
use super::tunnel::tunnel;
use super::{Apps, Place};
use crate::links::LinkError;
use crate::streams;

/// Why an app did not answer.
#[derive(Debug, thiserror::Error)]
enum ProxyError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("the visit is over")]
    Over,
}

/// What a visit holds for as long as it lasts.
struct Held {
    seat: Seat,
    open: streams::Place,
    _place: Option<Place>,
}

impl Apps {
    /// Passes a request on that was let through.
    pub(super) async fn forward(
        &self,
        peer: IpAddr,
        mut visit: Visit,
        mut request: Request<Incoming>,
    ) -> Response<AppBody> {
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            let heading = "This method does not lead to apps";
            return pages::page(StatusCode::METHOD_NOT_ALLOWED, heading, &[]);
        }
        let seat = match self.crowd().enter(&visit, peer) {
            Ok(seat) => seat,
            Err(full) => {
                let heading = format!("Too much is open at the app {}", visit.label.app());
                return pages::page(StatusCode::TOO_MANY_REQUESTS, &heading, &[&full.to_string()]);
            }
        };
        self.note(&visit);
        let upgrade = headers::upgrade(request.headers());
        let client = upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
        let place = request.extensions_mut().remove::<Place>();
        let person = visit.session.as_ref().map(|session| session.person);
        let open = self.streams().enter_app(visit.site.owner, person);
        // A connection that changes its protocol is not this server's to close any more: what carries it ends.
        let open = open.over(place.as_ref().filter(|_| upgrade.is_none()));
        visit.end = open.end();
        let held = Held {
            seat,
            open,
            _place: place,
        };
        let outgoing = self.outgoing(peer, request, upgrade.as_ref());
        match self.exchange(&visit, outgoing).await {
            Ok((lent, response)) => self.answer(visit, lent, response, client, held),
            Err(error) => failed(&visit, &error),
        }
    }

    fn outgoing(&self, peer: IpAddr, request: Request<Incoming>, upgrade: Option<&HeaderValue>) -> Request<ToApp> {
        let (parts, body) = request.into_parts();
        let host = parts.headers.get(HOST).cloned().unwrap_or(HeaderValue::from_static(""));
        let way = Way {
            peer,
            scheme: self.scheme(),
            host: &host,
        };
        let mut outgoing = Request::new(Either::Left(body));
        *outgoing.headers_mut() = headers::to_app(parts.headers, way, upgrade);
        *outgoing.method_mut() = parts.method;
        let path = parts.uri.into_parts().path_and_query;
        *outgoing.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        outgoing
    }

    /// Sends a request over a connection that waits, or over a new one.
    async fn exchange(&self, visit: &Visit, request: Request<ToApp>) -> Result<(Lent, Response<Incoming>), ProxyError> {
        let app = visit.label.app();
        let work = async {
            let mut lent = self.pool().get(visit.site.workspace, app).await?;
            let again = repeatable(&request);
            match lent.sender.try_send_request(request).await {
                Ok(response) => Ok((lent, response)),
                Err(mut failed) => {
                    // An app may close a connection that waits at any time: what it has not seen is sent again, and so is
                    // what changes nothing.
                    let request = failed.take_message().or(again).filter(|_| lent.used);
                    let Some(request) = request else {
                        return Err(PoolError::Http(failed.into_error()).into());
                    };
                    let mut lent = self.pool().fresh(visit.site.workspace, app).await?;
                    let response = lent.sender.send_request(request).await.map_err(PoolError::Http)?;
                    Ok((lent, response))
                }
            }
        };
        tokio::select! {
            done = work => done,
            () = self.until_over(visit) => Err(ProxyError::Over),
        }
    }

    fn answer(
        &self,
        visit: Visit,
        lent: Lent,
        mut response: Response<Incoming>,
        client: Option<OnUpgrade>,
        held: Held,
    ) -> Response<AppBody> {
        let changes = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let protocol = headers::upgrade(response.headers()).filter(|_| changes);
        match (changes, client, &protocol) {
            (false, ..) => {}
            (true, Some(client), Some(_)) => {
                let app = hyper::upgrade::on(&mut response);
                let apps = self.clone();
                self.tasks().spawn(async move {
                    let noting = apps.noting(&visit);
                    tunnel(client, app, noting, apps.until_over(&visit)).await;
                    drop(held);
                });
                let (mut parts, _) = response.into_parts();
                parts.headers = headers::from_app(parts.headers, protocol.as_ref());
                return Response::from_parts(parts, AppBody::full(""));
            }
            (true, ..) => {
                let heading = "The app changes to a protocol that it was not asked for";
                return pages::page(StatusCode::BAD_GATEWAY, heading, &[]);
            }
        }
        let (mut parts, body) = response.into_parts();
        parts.headers = headers::from_app(parts.headers, None);
        parts.extensions.clear();
        let apps = self.clone();
        let visit = Arc::new(visit);
        let from = FromApp {
            body,
            connection: Some(lent),
            whole: false,
            _held: (held.seat, held.open),
            over: Box::pin(async move { apps.until_over(&visit).await }),
        };
        Response::from_parts(parts, AppBody::App(Box::new(from)))
    }
}

/// A copy of a request that may be sent twice.
fn repeatable(request: &Request<ToApp>) -> Option<Request<ToApp>> {
    let safe = *request.method() == Method::GET || *request.method() == Method::HEAD;
    (safe && request.body().is_end_stream()).then(|| {
        let mut copy = Request::new(Either::Right(Empty::new()));
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        copy
    })
}

fn failed(visit: &Visit, error: &ProxyError) -> Response<AppBody> {
    let (app, workspace) = (visit.label.app(), &visit.site.name);
    let stopped = visit.site.status != WorkspaceStatus::Running;
    match error {
        ProxyError::Over => pages::sign_in(),
        ProxyError::Pool(PoolError::Link(LinkError::NotConnected)) if stopped => pages::page(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!("The workspace {workspace} is {}", visit.site.status),
            &[&format!(
                "Start it with `bailey start {workspace}`, then load this page again."
            )],
        ),
        ProxyError::Pool(PoolError::Link(LinkError::NotConnected | LinkError::Broken(_) | LinkError::Busy)) => {
            pages::page(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("The workspace {workspace} is not connected"),
                &["It connects again by itself within seconds. If it does not, look at `bailey logs` and restart it."],
            )
        }
        ProxyError::Pool(PoolError::Link(LinkError::Refused(why))) => pages::page(
            StatusCode::BAD_GATEWAY,
            &format!("The app {app} does not answer"),
            &[why, &format!("`bailey logs {workspace}` shows what it printed.")],
        ),
        ProxyError::Pool(error @ (PoolError::Slow | PoolError::Http(_))) => pages::page(
            StatusCode::BAD_GATEWAY,
            &format!("The app {app} does not answer"),
            &[
                &error.to_string(),
                &format!("`bailey logs {workspace}` shows what it printed."),
            ],
        ),
    }
}
