//! What is recorded of one request.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::{IntoResponse as _, Response};
use bailey_api::Code;
use bailey_core::RequestId;
use bailey_core::audit::Outcome;
use bailey_runtime::failpoint;
use http::{Method, StatusCode};

use super::draft::{Draft, Opened, Subject, Verdict};
use super::{AuditError, AuditLog, Change, Resource, Who};
use crate::reject::Reject;

/// The id of the request that causes what is recorded. [`crate::envelope`] puts it into each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Causal(pub(crate) RequestId);

/// What is recorded of one request. Cheap to clone; all clones are of the same request.
#[derive(Clone, Default)]
pub(crate) struct Trail(Option<Arc<Inner>>);

struct Inner {
    log: AuditLog,
    address: IpAddr,
    causal: Option<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Intents whose outcome is that of the request.
    opened: Vec<Opened>,
    /// Whether anything was recorded.
    recorded: bool,
    /// What was tried, for the record if it is refused.
    attempt: Option<(Who, Change)>,
}

/// What is asked, for the record if it is refused.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The action that the address needs, or that it changes something.
    pub(crate) action: &'static str,
}

impl Asked {
    /// Whether it is asked to change something.
    pub(crate) fn changes(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("watched", &self.0.is_some()).finish()
    }
}

impl Trail {
    pub(super) fn new(log: AuditLog, address: IpAddr, causal: Option<Causal>) -> Self {
        Self(Some(Arc::new(Inner {
            log,
            address,
            causal: causal.map(|causal| causal.0.to_string()),
            state: Mutex::default(),
        })))
    }

    fn inner(&self) -> Result<&Arc<Inner>, AuditError> {
        self.0.as_ref().ok_or(AuditError::Silent)
    }

    /// Records what is about to be done. Its outcome is that of the request.
    pub(crate) async fn record(&self, who: Who, change: Change) -> Result<(), AuditError> {
        let inner = self.inner()?;
        let opened = inner.open(who, change).await?;
        inner.state().opened.push(opened);
        Ok(())
    }

    /// Records what begins now and outlasts the request, such as a terminal.
    pub(crate) async fn open(&self, who: Who, change: Change) -> Result<Entry, AuditError> {
        let inner = self.inner()?;
        let opened = inner.open(who, change).await?;
        Ok(Entry::new(inner.log.clone(), opened))
    }

    /// Says what is tried, for the record if it is refused or fails before anything is recorded.
    pub(crate) fn attempt(&self, who: Who, change: Change) {
        if let Some(inner) = &self.0 {
            inner.state().attempt = Some((who, change));
        }
    }

    /// Says that what was asked is kept elsewhere, and recorded when it is worked on.
    pub(crate) fn kept(&self) {
        if let Some(inner) = &self.0 {
            inner.state().recorded = true;
        }
    }

    /// Records what came of what was recorded, where no request is answered.
    pub(crate) async fn conclude(&self, error: Option<&crate::app::AppError>) {
        let Some(inner) = &self.0 else { return };
        let opened = std::mem::take(&mut inner.state().opened);
        let verdict = error.map_or(Verdict::DONE, |error| Verdict {
            outcome: Outcome::Failed,
            code: None,
            reason: Some(error.to_string()),
        });
        for opened in &opened {
            inner.log.conclude(opened, verdict.clone()).await;
        }
    }

    /// Records what came of the request, or that it was refused. Answers instead if it changed something and recorded nothing.
    pub(crate) async fn finish(&self, who: Option<Who>, asked: Asked, response: Response) -> Response {
        let Some(inner) = &self.0 else { return response };
        let (opened, recorded, attempt) = {
            let mut state = inner.state();
            (std::mem::take(&mut state.opened), state.recorded, state.attempt.take())
        };
        let verdict = verdict(&response);
        for opened in &opened {
            inner.log.conclude(opened, verdict.clone()).await;
        }
        if recorded {
            return response;
        }
        if verdict.outcome == Outcome::Done {
            return if asked.changes() {
                forgotten(&asked, response)
            } else {
                response
            };
        }
        let refused = verdict.outcome == Outcome::Denied
            || (response.status() == StatusCode::NOT_FOUND && asked.changes() && who.is_some());
        match (attempt, who) {
            // There are as many of these as somebody likes to make.
            (Some(_) | None, _) if response.status() == StatusCode::TOO_MANY_REQUESTS => {
                inner
                    .log
                    .count_refusal(verdict.code.as_deref().unwrap_or("too_many_requests"));
            }
            (Some((who, change)), _) => inner.refuse(who, change, verdict),
            (None, Some(who)) if refused => {
                let resource = Resource::new("address", format!("{} {}", asked.method, asked.path));
                let verdict = Verdict {
                    outcome: Outcome::Denied,
                    ..verdict
                };
                inner.refuse(who, Change::new(asked.action, resource), verdict);
            }
            (None, None) if refused => inner.log.count_refusal(verdict.code.as_deref().unwrap_or("refused")),
            (None, _) => {}
        }
        response
    }
}

impl Inner {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subject(&self, who: Who, change: &Change) -> Arc<Subject> {
        Arc::new(Subject::new(who, change, Some(self.address), self.causal.clone()))
    }

    async fn open(&self, who: Who, change: Change) -> Result<Opened, AuditError> {
        let draft = Draft::intent(self.subject(who, &change), change);
        let opened = self.log.append(draft).await?;
        // The change is made after this; a test ends the process here.
        failpoint::hit("audit.intent");
        self.state().recorded = true;
        Ok(opened)
    }

    fn refuse(&self, who: Who, change: Change, verdict: Verdict) {
        let subject = self.subject(who, &change);
        self.log.append_later(Draft::event(subject, change, verdict));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let opened = std::mem::take(&mut self.state().opened);
        for opened in &opened {
            let verdict = Verdict::unknown("whoever asked went away before it was done");
            self.log.conclude_later(opened, verdict);
        }
    }
}

/// Something that lasts, and is recorded as begun.
#[derive(Debug)]
pub struct Entry(Option<(AuditLog, Opened)>);

impl Entry {
    pub(super) const fn new(log: AuditLog, opened: Opened) -> Self {
        Self(Some((log, opened)))
    }

    /// It ended as it should.
    pub fn end(self) {
        self.conclude(Verdict::DONE);
    }

    /// It failed.
    pub fn fail(self, reason: impl Into<String>) {
        self.conclude(Verdict {
            outcome: Outcome::Failed,
            code: None,
            reason: Some(reason.into()),
        });
    }

    fn conclude(mut self, verdict: Verdict) {
        if let Some((log, opened)) = self.0.take() {
            log.conclude_later(&opened, verdict);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some((log, opened)) = self.0.take() {
            log.conclude_later(&opened, Verdict::unknown("it was given up"));
        }
    }
}

/// Put into an answer that leads a browser to a page which says why nothing came of what it asked.
#[derive(Debug, Clone)]
pub(crate) struct TurnedAway {
    pub(crate) code: String,
    pub(crate) reason: String,
}

/// What came of a request, by its answer.
fn verdict(response: &Response) -> Verdict {
    if let Some(TurnedAway { code, reason }) = response.extensions().get() {
        return Verdict {
            outcome: Outcome::Denied,
            code: Some(code.clone()),
            reason: Some(reason.clone()),
        };
    }
    let status = response.status();
    if status.as_u16() < 400 {
        return Verdict::DONE;
    }
    let outcome = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Denied,
        _ => Outcome::Failed,
    };
    let problem = response.extensions().get::<Reject>().map(Reject::problem);
    Verdict {
        outcome,
        code: problem.map(|p| p.code.clone()),
        reason: problem
            .and_then(|p| p.detail.clone())
            .or_else(|| Some(status.to_string())),
    }
}

/// Something was changed and nothing recorded: a fault of ours, which no test passes over.
fn forgotten(asked: &Asked, response: Response) -> Response {
    tracing::error!(method = %asked.method, path = asked.path, "a change was not recorded in the audit log");
    if ENFORCED && cfg!(debug_assertions) {
        return Reject::new(
            Code::Internal,
            "this changed something and recorded nothing in the audit log",
        )
        .into_response();
    }
    response
}

/// Whether a change that was not recorded is an error, where this is built for tests.
const ENFORCED: bool = true;
