//! Which requests to list.

use std::fmt;
use std::str::FromStr;

use bailey_core::ledger::Outcome;
use bailey_core::{GroupId, KeyId, PersonId, RequestId, Timestamp, WorkspaceId};

use crate::LedgerReach;
use crate::sql::Assembly;

/// Which requests to list. What is `None` does not limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFilter {
    /// Those that arrived at this instant or later.
    pub since: Option<Timestamp>,
    /// Those that arrived before this instant.
    pub until: Option<Timestamp>,
    /// Those of this key.
    pub key: Option<KeyId>,
    /// Those of this person.
    pub person: Option<PersonId>,
    /// Those charged to this group.
    pub group: Option<GroupId>,
    /// Those from this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Those that asked for this model.
    pub model: Option<String>,
    /// Those that this provider answered.
    pub provider: Option<String>,
    /// Those that ended so.
    pub outcome: Option<Outcome>,
    /// Those of this client session.
    pub session: Option<String>,
    /// Whose may be seen.
    pub reach: LedgerReach,
}

impl RequestFilter {
    /// All requests within `reach`.
    pub const fn within(reach: LedgerReach) -> Self {
        Self {
            since: None,
            until: None,
            key: None,
            person: None,
            group: None,
            workspace: None,
            model: None,
            provider: None,
            outcome: None,
            session: None,
            reach,
        }
    }

    /// Adds the filter's conditions.
    pub(super) fn limit(&self, query: &mut Assembly) {
        query
            .when(" AND started_at >= ", self.since)
            .when(" AND started_at < ", self.until)
            .when(" AND key_id = ", self.key)
            .when(" AND person = ", self.person)
            .when(" AND group_id = ", self.group)
            .when(" AND workspace = ", self.workspace)
            .when(" AND model = ", self.model.as_deref())
            .when(" AND provider = ", self.provider.as_deref())
            .when(" AND outcome = ", self.outcome.map(Outcome::as_str))
            .when(" AND session = ", self.session.as_deref());
        // SQLite takes the index of those that failed for a condition that it knows beforehand, and not where that of a
        // person or a key has fewer to go through.
        let narrow = self.person.is_some() || self.key.is_some() || self.reach != LedgerReach::All;
        if !narrow && self.outcome.is_some_and(|outcome| outcome != Outcome::Ok) {
            query.push(" AND outcome <> 'ok'");
        }
        self.reach.limit(query, " AND person");
    }
}

/// Where a list of requests goes on: after this request. Its text form is for clients to hand back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the request arrived.
    pub started_at: Timestamp,
    /// Its id.
    pub id: RequestId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.started_at.micros(), self.id)
    }
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor that a list was answered with")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (micros, id) = text.split_once('.').ok_or(CursorError)?;
        Ok(Self {
            started_at: micros.parse().map(Timestamp::from_micros).map_err(|_| CursorError)?,
            id: id.parse().map_err(|_| CursorError)?,
        })
    }
}
