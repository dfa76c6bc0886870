//! Rows that are not in their chain yet.

use std::net::IpAddr;
use std::sync::Arc;

use bailey_core::audit::{Actor, Content, GENESIS, Head, Outcome, Row, RowKind};
use bailey_core::{AuditWriterId, SessionId, Timestamp, TokenId};
use bailey_runtime::ids;
use bailey_store::AuditRecord;
use uuid::Uuid;

use super::{Change, Who};

/// The longest text that is kept of a reason, in characters.
const REASON: usize = 500;

/// What is known of who does what, whatever comes of it.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    actor: Actor,
    actor_name: Option<String>,
    action: String,
    resource_kind: String,
    resource_id: String,
    resource_name: Option<String>,
    session: Option<SessionId>,
    token: Option<TokenId>,
    address: Option<String>,
    causal: Option<String>,
}

impl Subject {
    pub(super) fn new(who: Who, change: &Change, address: Option<IpAddr>, causal: Option<String>) -> Self {
        Self {
            actor: Actor {
                kind: who.kind,
                person: who.person,
            },
            actor_name: who.name,
            action: change.action.to_owned(),
            resource_kind: change.resource.kind.to_owned(),
            resource_id: change.resource.id.clone(),
            resource_name: change.resource.name.clone(),
            session: who.session,
            token: who.token,
            address: address.map(|address| address.to_string()),
            causal,
        }
    }

    /// That of an intent which is in the store.
    fn of(open: AuditRecord) -> Self {
        let content = open.content.unwrap_or_default();
        Self {
            actor: open.row.actor,
            actor_name: content.actor,
            action: open.row.action,
            resource_kind: open.row.resource_kind,
            resource_id: open.row.resource_id,
            resource_name: content.resource,
            session: open.row.session,
            token: open.row.token,
            address: content.address,
            causal: open.row.causal,
        }
    }
}

/// What came of something.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    /// The code of the problem that was answered.
    pub(crate) code: Option<String>,
    /// Why, in words.
    pub(crate) reason: Option<String>,
}

impl Verdict {
    pub(crate) const DONE: Self = Self {
        outcome: Outcome::Done,
        code: None,
        reason: None,
    };

    /// Nobody can say, because of this.
    pub(crate) fn unknown(reason: &str) -> Self {
        Self {
            outcome: Outcome::Unknown,
            code: None,
            reason: Some(reason.to_owned()),
        }
    }
}

/// An intent in its chain.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) seq: u64,
    pub(super) began_at: Timestamp,
    pub(super) subject: Arc<Subject>,
}

impl From<AuditRecord> for Opened {
    fn from(open: AuditRecord) -> Self {
        Self {
            seq: open.row.seq,
            began_at: open.row.began_at,
            subject: Arc::new(Subject::of(open)),
        }
    }
}

/// A row that is not in its chain yet.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: RowKind,
    subject: Arc<Subject>,
    /// For an outcome: the intent's number, and its time.
    pub(super) intent: Option<(u64, Timestamp)>,
    verdict: Option<Verdict>,
    change: Option<Change>,
}

impl Draft {
    pub(super) const fn intent(subject: Arc<Subject>, change: Change) -> Self {
        Self {
            kind: RowKind::Intent,
            subject,
            intent: None,
            verdict: None,
            change: Some(change),
        }
    }

    pub(super) const fn event(subject: Arc<Subject>, change: Change, verdict: Verdict) -> Self {
        Self {
            kind: RowKind::Event,
            subject,
            intent: None,
            verdict: Some(verdict),
            change: Some(change),
        }
    }

    pub(super) fn outcome(of: &Opened, verdict: Verdict) -> Self {
        Self {
            kind: RowKind::Outcome,
            subject: Arc::clone(&of.subject),
            intent: Some((of.seq, of.began_at)),
            verdict: Some(verdict),
            change: None,
        }
    }

    /// The intent that this is, once it is in its chain as `row`.
    pub(super) fn opened(&self, row: &Row) -> Opened {
        Opened {
            seq: row.seq,
            began_at: row.began_at,
            subject: Arc::clone(&self.subject),
        }
    }

    /// The row after `head`, written at `now`, and its content.
    pub(super) fn row(&self, head: &Head, now: Timestamp) -> (Row, Content) {
        let subject = &*self.subject;
        let verdict = self.verdict.as_ref();
        let reason = verdict.and_then(|v| v.reason.as_deref());
        let content = Content {
            salt: salt(now),
            actor: subject.actor_name.clone(),
            resource: subject.resource_name.clone(),
            address: subject.address.clone(),
            reason: reason.map(|text| text.chars().take(REASON).collect()),
            before: self.change.as_ref().and_then(|c| c.before.clone()),
            after: self.change.as_ref().and_then(|c| c.after.clone()),
        };
        let row = Row {
            writer: AuditWriterId::from_uuid(Uuid::nil()),
            seq: 0,
            kind: self.kind,
            at: now,
            began_at: self.intent.map_or(now, |(_, began_at)| began_at),
            refers: self.intent.map(|(seq, _)| seq),
            actor: subject.actor,
            action: subject.action.clone(),
            resource_kind: subject.resource_kind.clone(),
            resource_id: subject.resource_id.clone(),
            session: subject.session,
            token: subject.token,
            causal: subject.causal.clone(),
            outcome: verdict.map(|v| v.outcome),
            code: verdict.and_then(|v| v.code.clone()),
            content: GENESIS,
            previous: GENESIS,
            hash: GENESIS,
        };
        (row.chained(head, &content), content)
    }
}

/// Without random bytes a record is worth more than its salt.
fn salt(now: Timestamp) -> [u8; 16] {
    ids::random().unwrap_or_else(|_| *ids::uuid(now).as_bytes())
}
