//! Apps of workspaces: each on a host name of its own, reached through the workspace's link.
//!
//! A browser comes with a one-time code and gets a session for the one app ([`codes`], [`session`]). Each request is held
//! to what the app's sharing, its owner and the visitor are now ([`access`]), and to where it comes from ([`origin`]);
//! nothing of Bailey's reaches the app ([`headers`]).

mod access;
mod body;
mod cache;
mod codes;
mod crowd;
mod headers;
mod host;
mod pages;
mod pool;
mod proxy;
mod session;
mod terminal;
mod tunnel;

use std::net::IpAddr;
use std::sync::Arc;

use bailey_core::workspace::Workspace;
use bailey_core::{Secret, WorkspaceId};
use bailey_runtime::config::AppsConfig;
use bailey_runtime::ids::RandomError;
use bailey_runtime::{Clock, Tasks};
use bailey_store::Store;
use http::header::{HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::app::Caller;
use crate::audit::{AuditLog, Change};
use crate::links::Links;
use crate::origin::{self, Asked};
use crate::streams::Open;
use access::Access;
use codes::Codes;
use crowd::Crowd;
use host::Label;
use pool::Pool;
use session::{Seal, Session};
use tunnel::Noting;

pub(crate) use access::{TERMINAL, Visit, site};
pub(crate) use body::AppBody;
pub(crate) use codes::Grant;
pub(crate) use pages::not_yours;

/// Paths below this are Bailey's at every app's address.
const OWN_PATHS: &str = "/.bailey/";
const OPEN_PATH: &str = "/.bailey/open";

/// What apps are served with.
#[derive(Debug, Clone)]
pub struct AppsOptions {
    /// `[apps]`.
    pub config: AppsConfig,
    /// The port in apps' addresses; `None` = the scheme's own.
    pub port: Option<u16>,
    /// Where Bailey's own pages are: whoever is not signed in to an app is sent there.
    pub platform: String,
    /// What sessions are sealed with. It outlives the process, and so do they.
    pub key: Secret<[u8; 32]>,
}

/// A connection's place among those that the server holds; kept for as long as the connection lives, whatever its protocol.
#[derive(Clone)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
    /// Closes the connection, if it has not changed its protocol.
    pub(crate) cut: CancellationToken,
}

impl Place {
    pub(crate) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: Arc::new(permit),
            cut: CancellationToken::new(),
        }
    }
}

/// The apps of all workspaces. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Apps(Arc<Inner>);

struct Inner {
    config: AppsConfig,
    port: Option<u16>,
    platform: String,
    access: Access,
    codes: Codes,
    seal: Seal,
    pool: Pool,
    crowd: Crowd,
    streams: Open,
    links: Links,
    note: Note,
    clock: Clock,
    tasks: Tasks,
    closing: CancellationToken,
    audit: AuditLog,
}

/// Notes that somebody does something in a workspace.
pub(crate) type Note = Arc<dyn Fn(WorkspaceId) + Send + Sync>;

/// What apps work with.
pub(crate) struct AppsParts {
    /// Where it is recorded that somebody opens one.
    pub(crate) audit: AuditLog,
    /// How they are served.
    pub(crate) options: AppsOptions,
    /// The way to them.
    pub(crate) links: Links,
    /// The streams that are open into workspaces; a terminal is one.
    pub(crate) streams: Open,
    /// Who is told that somebody uses one.
    pub(crate) note: Note,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
}

/// A label in a request's host, and whether it can be one of an app.
pub(crate) struct AppHost(Option<Label>);

impl Apps {
    pub(crate) fn new(parts: AppsParts) -> Self {
        let AppsParts {
            audit,
            options,
            links,
            streams,
            note,
            store,
            clock,
            tasks,
        } = parts;
        Self(Arc::new(Inner {
            access: Access::new(store, options.config.max_sharing),
            config: options.config,
            port: options.port,
            platform: options.platform,
            codes: Codes::default(),
            seal: Seal::new(options.key),
            pool: Pool::new(links.clone(), tasks.clone()),
            crowd: Crowd::default(),
            streams,
            links,
            note,
            clock,
            tasks,
            closing: CancellationToken::new(),
            audit,
        }))
    }

    /// Ends connections that have no end of their own: the server stops.
    pub(crate) fn close(&self) {
        self.0.closing.cancel();
    }

    /// The app's host that a request names; `None` = it is for Bailey itself.
    pub(crate) fn host(&self, hosts: Option<&[String]>, uri: &Uri, headers: &HeaderMap) -> Option<AppHost> {
        let mut named = headers.get_all(HOST).iter();
        let host = named.next().and_then(|host| host.to_str().ok());
        let target = uri.authority().map(http::uri::Authority::as_str);
        let below = |name: &str| host::below(name, &self.0.config.domain);
        let label = target.or(host).and_then(below).or_else(|| host.and_then(below))?;
        let is_own = |allowed: &String| host.is_some_and(|h| h.eq_ignore_ascii_case(allowed)) || is_name(allowed, host);
        if hosts.is_some_and(|hosts| hosts.iter().any(is_own)) {
            return None;
        }
        // Whoever names two hosts may mean two things: it is no app's.
        let one = named.next().is_none() && host.is_some() && target.is_none_or(|t| Some(t) == host);
        Some(AppHost(Label::parse(&label).filter(|_| one)))
    }

    /// Answers a request at an app's host.
    pub(crate) async fn serve(&self, peer: IpAddr, host: AppHost, request: Request<Incoming>) -> Response<AppBody> {
        let Some(label) = host.0 else {
            return pages::no_such_app();
        };
        if request.uri().path() == OPEN_PATH {
            return self.enter(peer, &label, &request).await;
        }
        let session = self.0.seal.of(request.headers(), self.now());
        let visit = match self.admit(label.clone(), session).await {
            Ok(Some(visit)) => visit,
            Ok(None) => return self.sign_in(&label, &request),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "who may open an app cannot be looked up"
                );
                return pages::unavailable();
            }
        };
        let own = self.origin(request.headers());
        let asked = Asked {
            own: &own,
            method: request.method(),
            headers: request.headers(),
            upgrade: headers::upgrade(request.headers()).is_some(),
            session: visit.session.is_some(),
        };
        if !origin::allowed(asked) {
            return pages::foreign();
        }
        if visit.label.app() == TERMINAL {
            return self.terminal(peer, visit, request).await;
        }
        if request.uri().path().starts_with(OWN_PATHS) {
            return pages::page(StatusCode::NOT_FOUND, "There is nothing at this address", &[]);
        }
        self.forward(peer, visit, request).await
    }

    /// The visit, if the app is there and open to this session.
    async fn admit(&self, label: Label, session: Option<Session>) -> Result<Option<Visit>, bailey_store::StoreError> {
        let Some(site) = self.0.access.site(&label).await? else {
            return Ok(None);
        };
        // A cookie that is not for this app says nothing about who asks.
        let session = session.filter(|s| s.is_for(site.workspace, label.app()));
        let may = self
            .0
            .access
            .may(&site, label.app(), session.as_ref(), self.now())
            .await?;
        Ok(may.then(|| Visit {
            label,
            site,
            session,
            end: CancellationToken::new(),
        }))
    }

    /// The answer to whoever is not let in: a person who opens a page is sent to sign in, whether there is an app or not.
    fn sign_in(&self, label: &Label, request: &Request<Incoming>) -> Response<AppBody> {
        if !origin::is_page(request.method(), request.headers()) {
            return pages::sign_in();
        }
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("app", &label.text())
            .append_pair("return", path)
            .finish();
        let mut response = pages::page(StatusCode::SEE_OTHER, "Sign in to open this app", &[]);
        match HeaderValue::try_from(format!("{}/apps/open?{query}", self.0.platform)) {
            Ok(location) => {
                response.headers_mut().insert(LOCATION, location);
                response
            }
            Err(_) => pages::sign_in(),
        }
    }

    /// The workspace and the name of the app that a label names.
    pub(crate) async fn named(&self, label: &str) -> Result<Option<(WorkspaceId, String)>, bailey_store::StoreError> {
        let Some(label) = Label::parse(label) else {
            return Ok(None);
        };
        let site = self.0.access.site(&label).await?;
        Ok(site.map(|site| (site.workspace, label.app().to_owned())))
    }

    /// Swaps a code for a session.
    async fn enter(&self, peer: IpAddr, label: &Label, request: &Request<Incoming>) -> Response<AppBody> {
        if *request.method() != Method::GET {
            return pages::page(StatusCode::METHOD_NOT_ALLOWED, "A link is opened with GET", &[]);
        }
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let back = form_urlencoded::parse(query).find(|(name, _)| name == "return");
        let mut codes = form_urlencoded::parse(query)
            .filter(|(name, _)| name == "code")
            .map(|(_, value)| value);
        let grant = match (codes.next(), codes.next()) {
            (Some(code), None) => self.0.codes.take(&code),
            _ => None,
        };
        let Some(grant) = grant.filter(|grant| grant.app == label.app()) else {
            return pages::code_over();
        };
        let issued = self.0.seal.issue(&grant, self.now());
        let (session, value) = match issued {
            Ok(issued) => issued,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a session cannot be made");
                return pages::unavailable();
            }
        };
        match self.admit(label.clone(), Some(session)).await {
            Ok(Some(visit @ Visit { session: Some(_), .. })) => {
                let change = Change::new("apps.open", visit.resource()).after(&json!({ "app": label.app() }));
                if let Err(error) = self.0.audit.event(visit.who(), peer, change).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "an app is not opened");
                    return pages::unavailable();
                }
            }
            Ok(_) => return pages::code_over(),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "who may open an app cannot be looked up"
                );
                return pages::unavailable();
            }
        }
        let cookie = format!(
            "{}={value}; Path=/; Max-Age={}; Secure; HttpOnly; SameSite=Lax",
            session::COOKIE_NAME,
            session::LIFETIME
        );
        let mut response = pages::page(StatusCode::SEE_OTHER, "The app is open", &[]);
        let headers = response.headers_mut();
        let path = back
            .as_ref()
            .and_then(|(_, path)| origin::own_path(path))
            .unwrap_or("/");
        let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
        headers.insert(LOCATION, location);
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            headers.insert(SET_COOKIE, cookie);
        }
        response
    }

    /// An address that opens an app once, at `path`; `None` = its name does not fit into a host name.
    pub(crate) fn link(
        &self,
        workspace: &str,
        owner: &str,
        grant: Grant,
        path: Option<&str>,
    ) -> Result<Option<Secret<String>>, RandomError> {
        let Some(label) = host::label(&grant.app, workspace, owner, grant.workspace) else {
            return Ok(None);
        };
        let code = self.0.codes.issue(grant)?;
        let AppsConfig { domain, .. } = &self.0.config;
        let port = self.0.port.map(|port| format!(":{port}")).unwrap_or_default();
        let scheme = self.scheme();
        let mut url = format!("{scheme}://{label}.{domain}{port}{OPEN_PATH}?code={}", code.expose());
        if let Some(path) = path.and_then(origin::own_path) {
            url.push_str("&return=");
            url.extend(form_urlencoded::byte_serialize(path.as_bytes()));
        }
        Ok(Some(Secret::new(url)))
    }

    /// The widest sharing there is.
    pub(crate) fn max_sharing(&self) -> bailey_core::template::Sharing {
        self.0.config.max_sharing
    }

    /// A visit of somebody whose API token or session leads into a workspace of their own. It is held to what a visit to the
    /// terminal in the browser is held to.
    pub(crate) fn visit(&self, caller: &Caller, workspace: Workspace) -> Option<Visit> {
        let label = Label::Numbered {
            app: TERMINAL.to_owned(),
            workspace: workspace.id,
        };
        let session = Session::of_actor(&caller.actor, workspace.id, TERMINAL);
        let site = Arc::new(site(workspace, TERMINAL, self.max_sharing())?);
        let session = Some(session);
        Some(Visit {
            label,
            site,
            session,
            end: CancellationToken::new(),
        })
    }

    /// Waits until a visit is over, or the server stops.
    pub(crate) async fn until_over(&self, visit: &Visit) {
        tokio::select! {
            () = visit.end.cancelled() => {}
            () = self.0.access.until_over(visit, || self.now()) => {}
            () = self.0.closing.cancelled() => {}
        }
    }

    fn audit(&self) -> &AuditLog {
        &self.0.audit
    }

    fn note(&self, visit: &Visit) {
        (self.0.note)(visit.site.workspace);
    }

    /// The origin that an app's own pages have: as the browser names it.
    fn origin(&self, headers: &HeaderMap) -> String {
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        format!("{}://{}", self.scheme(), host.to_ascii_lowercase())
    }

    /// Whether browsers come over https.
    pub(crate) fn https(&self) -> bool {
        self.0.config.https
    }

    fn scheme(&self) -> &'static str {
        if self.https() { "https" } else { "http" }
    }

    fn now(&self) -> bailey_core::Timestamp {
        self.0.clock.now()
    }

    fn pool(&self) -> &Pool {
        &self.0.pool
    }

    fn crowd(&self) -> &Crowd {
        &self.0.crowd
    }

    fn streams(&self) -> &Open {
        &self.0.streams
    }

    fn links(&self) -> &Links {
        &self.0.links
    }

    fn noting(&self, visit: &Visit) -> Noting {
        Noting::new(Arc::clone(&self.0.note), visit.site.workspace)
    }

    fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }
}

/// Whether `host` is the name `allowed`, with any port.
fn is_name(allowed: &str, host: Option<&str>) -> bool {
    host.and_then(|host| host.rsplit_once(':'))
        .is_some_and(|(name, _)| name.eq_ignore_ascii_case(allowed))
}

#[cfg(test)]
mod tests;
