//! The one status comment of a ticket: what it is to say is stored first, and brought to the forge afterwards.

use bailey_core::{ConnectionId, Timestamp};

use crate::conn::Conn;
use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{Store, StoreError};

statements! {
    WANT = same(
        "INSERT INTO ticket_status (connection, project, ticket, path, wanted, shown, tries, due_at) \
         VALUES ($1, $2, $3, $4, $5, '', 0, $6) ON CONFLICT (connection, project, ticket) \
         DO UPDATE SET path = excluded.path, wanted = excluded.wanted, no_op = NULL, \
         tries = CASE WHEN ticket_status.due_at > excluded.due_at THEN ticket_status.tries ELSE 0 END, \
         due_at = CASE WHEN ticket_status.due_at > excluded.due_at THEN ticket_status.due_at ELSE excluded.due_at END \
         WHERE ticket_status.wanted <> excluded.wanted",
    );
    NO_OP = same(
        "INSERT INTO ticket_status (connection, project, ticket, path, wanted, shown, tries, no_op) \
         VALUES ($1, $2, $3, $4, '', '', 0, $5) ON CONFLICT (connection, project, ticket) \
         DO UPDATE SET no_op = excluded.no_op \
         WHERE ticket_status.no_op IS NULL OR ticket_status.no_op <> excluded.no_op",
    );
    DUE = same(
        "SELECT connection, project, ticket, path, comment, wanted, tries FROM ticket_status \
         WHERE connection = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3",
    );
    SHOWN = same(
        "UPDATE ticket_status SET comment = $4, shown = $5, tries = 0, \
         due_at = CASE WHEN wanted = $5 THEN NULL ELSE due_at END \
         WHERE connection = $1 AND project = $2 AND ticket = $3",
    );
    LATER = same(
        "UPDATE ticket_status SET tries = tries + 1, \
         due_at = CASE WHEN wanted = $5 THEN $4 ELSE COALESCE($4, due_at) END \
         WHERE connection = $1 AND project = $2 AND ticket = $3",
    );
    AGAIN = same(
        "UPDATE ticket_status SET tries = 0, due_at = $2 WHERE connection = $1 AND wanted <> shown",
    );
    NO_OP_IS = same("SELECT no_op FROM ticket_status WHERE connection = $1 AND project = $2 AND ticket = $3");
}

/// A ticket of a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketKey {
    /// The connection.
    pub connection: ConnectionId,
    /// The forge's id of the project.
    pub project: i64,
    /// The project's path.
    pub path: String,
    /// The ticket's number.
    pub ticket: u64,
}

/// A status comment that does not say what it is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusDue {
    /// The ticket.
    pub key: TicketKey,
    /// The comment's id at the forge, where it is known.
    pub comment: Option<i64>,
    /// What it is to say.
    pub wanted: String,
    /// How often that was tried.
    pub tries: u32,
}

/// Says what a ticket's status comment is to say. The same again changes nothing; where the forge is to be left alone for a while, it is.
pub(crate) async fn want(tx: &mut Conn, key: &TicketKey, wanted: &str, now: Timestamp) -> Result<(), StoreError> {
    let want = WANT
        .bind(key.connection)
        .bind(key.project)
        .bind(key.ticket)
        .bind(key.path.as_str())
        .bind(wanted)
        .bind(now);
    tx.execute(want).await.map(drop)
}

impl Store {
    /// Says what a ticket's status comment is to say. The same again changes nothing.
    pub async fn ticket_status_want(&self, key: &TicketKey, wanted: &str, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| want(tx, key, wanted, now).await)
    }

    /// Whether that is why nothing was done about a ticket the last time.
    pub async fn ticket_no_op_is(&self, key: &TicketKey, reason: &str) -> Result<bool, StoreError> {
        let query = NO_OP_IS.bind(key.connection).bind(key.project).bind(key.ticket);
        let row = self.reader().await?.fetch_optional(query).await?;
        let noted: Option<String> = row.map_or(Ok(None), |row| row.get("no_op"))?;
        Ok(noted.as_deref() == Some(reason))
    }

    /// Notes why nothing was done about a ticket. `false` if that was the reason the last time too.
    pub async fn ticket_no_op(&self, key: &TicketKey, reason: &str) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| {
            let note = NO_OP
                .bind(key.connection)
                .bind(key.project)
                .bind(key.ticket)
                .bind(key.path.as_str())
                .bind(reason);
            tx.execute(note).await
        })?;
        Ok(rows > 0)
    }

    /// Status comments that are to be brought to a connection's forge.
    pub async fn ticket_statuses_due(
        &self,
        connection: ConnectionId,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<StatusDue>, StoreError> {
        let read = |row: &Row| {
            Ok(StatusDue {
                key: TicketKey {
                    connection: row.get("connection")?,
                    project: row.get("project")?,
                    path: row.get("path")?,
                    ticket: row.get("ticket")?,
                },
                comment: row.get("comment")?,
                wanted: row.get("wanted")?,
                tries: row.get("tries")?,
            })
        };
        self.reader()
            .await?
            .read_all(DUE.bind(connection).bind(now).bind(most), read)
            .await
    }

    /// Notes that a status comment says what it was to say.
    pub async fn ticket_status_shown(&self, due: &StatusDue, comment: i64) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let key = &due.key;
            let shown = SHOWN.bind(key.connection).bind(key.project).bind(key.ticket);
            tx.execute(shown.bind(comment).bind(due.wanted.as_str()))
                .await
                .map(drop)
        })
    }

    /// Has the status comments of a connection tried again that do not say what they are to say: its credential is another.
    pub async fn ticket_statuses_again(&self, connection: ConnectionId, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx
            .execute(AGAIN.bind(connection).bind(now))
            .await
            .map(drop))
    }

    /// Says when it is tried again to change a status comment; `None` = not until it is to say something else.
    pub async fn ticket_status_later(&self, due: &StatusDue, at: Option<Timestamp>) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let key = &due.key;
            let later = LATER.bind(key.connection).bind(key.project).bind(key.ticket);
            tx.execute(later.bind(at).bind(due.wanted.as_str())).await.map(drop)
        })
    }
}
