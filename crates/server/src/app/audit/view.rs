//! The audit log as the API shows it.

use bailey_api::Named;
use bailey_api::audit::{
    AuditActor, AuditActorKind, AuditAnchor, AuditEntry, AuditFault, AuditFaultKind, AuditHead, AuditOutcome,
    AuditReached, AuditReport, AuditResource,
};
use bailey_core::audit::{ActorKind, FaultKind, Outcome, Report, hex};
use bailey_store::{AuditAnchor as StoredAnchor, AuditEntry as StoredEntry};

pub(super) fn entry(entry: StoredEntry) -> AuditEntry {
    let row = entry.head.row;
    let content = entry.head.content.unwrap_or_default();
    let name = content.actor.clone();
    let person = row.actor.person.map(|id| Named {
        id: id.to_string(),
        name: name.clone().unwrap_or_default(),
    });
    let tail = entry.tail;
    AuditEntry {
        id: format!("{}:{}", row.writer, row.seq),
        at: row.at.into(),
        actor: AuditActor {
            kind: match row.actor.kind {
                ActorKind::Person => AuditActorKind::Person,
                ActorKind::System => AuditActorKind::System,
                ActorKind::Anonymous => AuditActorKind::Anonymous,
            },
            name: name.filter(|_| person.is_none()),
            person,
        },
        action: row.action,
        resource: AuditResource {
            kind: row.resource_kind,
            id: row.resource_id,
            name: content.resource,
        },
        before: content.before,
        after: content.after,
        address: content.address,
        session: row.session,
        token: row.token,
        causal: row.causal,
        outcome: tail
            .as_ref()
            .map_or(AuditOutcome::Pending, |tail| outcome(tail.outcome)),
        ended_at: tail.as_ref().map(|tail| tail.at.into()),
        code: tail.as_ref().and_then(|tail| tail.code.clone()),
        reason: tail.and_then(|tail| tail.reason),
        hash: hex(&row.hash),
    }
}

const fn outcome(outcome: Outcome) -> AuditOutcome {
    match outcome {
        Outcome::Done => AuditOutcome::Done,
        Outcome::Failed => AuditOutcome::Failed,
        Outcome::Denied => AuditOutcome::Denied,
        Outcome::Unknown => AuditOutcome::Unknown,
    }
}

/// What verifying found, as the API and the command line show it.
pub fn report(report: Report) -> AuditReport {
    AuditReport {
        rows: report.rows,
        sound: report.first_fault.is_none(),
        first_fault: report.first_fault.map(|fault| AuditFault {
            writer: fault.writer.to_string(),
            seq: fault.seq,
            kind: match fault.kind {
                FaultKind::Altered => AuditFaultKind::Altered,
                FaultKind::Missing => AuditFaultKind::Missing,
                FaultKind::Reordered => AuditFaultKind::Reordered,
                FaultKind::Anchor => AuditFaultKind::Anchor,
            },
            detail: fault.detail,
        }),
        reached: report.reached.map(|reached| AuditReached {
            writer: reached.writer.to_string(),
            seq: reached.seq,
            at: reached.at.into(),
            anchor: reached.anchor,
        }),
    }
}

pub(super) fn anchor(stored: StoredAnchor) -> AuditAnchor {
    let anchor = stored.anchor;
    AuditAnchor {
        signer: anchor.signer.to_string(),
        number: anchor.number,
        at: anchor.at.into(),
        kind: anchor.kind.to_string(),
        heads: anchor
            .heads
            .iter()
            .map(|head| AuditHead {
                writer: head.writer.to_string(),
                seq: head.seq,
                hash: hex(&head.hash),
            })
            .collect(),
        previous: hex(&anchor.previous),
        key: hex(&anchor.key),
        signature: hex(&anchor.signature),
        sent_at: stored.sent_at.map(Into::into),
    }
}
