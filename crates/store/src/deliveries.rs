//! What forges told and polls found: kept under its unique id before it is worked on, and worked on until it is done or given up.

use bailey_core::{ConnectionId, Timestamp};

use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT connection, delivery, what, event, state, tries, reason, received_at, finished_at FROM deliveries",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO deliveries (connection, delivery, what, event, state, tries, due_at, received_at) \
         VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $5) ON CONFLICT DO NOTHING",
    );
    INSERT_ENDED = same(
        "INSERT INTO deliveries (connection, delivery, what, event, state, tries, reason, received_at, finished_at) \
         VALUES ($1, $2, $3, '', 'ignored', 0, $4, $5, $5) ON CONFLICT DO NOTHING",
    );
    DUE = same(select!(
        " WHERE connection = $1 AND due_at <= $2 ORDER BY due_at, received_at, delivery LIMIT $3"
    ));
    CONNECTIONS_DUE = same(
        "SELECT DISTINCT connection, 'deliveries' AS what FROM deliveries WHERE due_at <= $1 \
         UNION ALL SELECT DISTINCT connection, 'runs' FROM ticket_runs WHERE due_at <= $1 \
         UNION ALL SELECT DISTINCT connection, 'statuses' FROM ticket_status WHERE due_at <= $1",
    );
    RETRY = same(
        "UPDATE deliveries SET tries = tries + 1, due_at = $3, reason = $4 WHERE connection = $1 AND delivery = $2",
    );
    END = same(
        "UPDATE deliveries SET state = $3, reason = $4, finished_at = $5, tries = tries + 1, due_at = NULL, event = '' \
         WHERE connection = $1 AND delivery = $2 AND finished_at IS NULL",
    );
    RECENT = same(select!(" WHERE connection = $1 ORDER BY received_at DESC, delivery DESC LIMIT $2"));
    FORGET = same("DELETE FROM deliveries WHERE finished_at < $1");
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be worked on.
    Waiting,
    /// It was worked on.
    Done,
    /// It is about nothing that matters.
    Ignored,
    /// It was tried too often.
    Dead,
}

impl DeliveryState {
    /// The name used in text, JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Dead => "dead",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Done, Self::Ignored, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What is to be done for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Due {
    /// Deliveries are to be worked on.
    Deliveries,
    /// Runs are to be taken further.
    Runs,
    /// Status comments are to be brought to the forge.
    Statuses,
}

impl Due {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "deliveries" => Some(Self::Deliveries),
            "runs" => Some(Self::Runs),
            "statuses" => Some(Self::Statuses),
            _ => None,
        }
    }
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The connection.
    pub connection: ConnectionId,
    /// Its id, unique within the connection.
    pub delivery: String,
    /// What the forge calls it, for people.
    pub what: String,
    /// The event as JSON; empty once it has ended.
    pub event: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was worked on.
    pub tries: u32,
    /// Why it was tried again, ignored or given up, or what it came to.
    pub reason: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

fn read(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        connection: row.get("connection")?,
        delivery: row.get("delivery")?,
        what: row.get("what")?,
        event: row.get("event")?,
        state: row.parse("state", DeliveryState::parse)?,
        tries: row.get("tries")?,
        reason: row.get("reason")?,
        received_at: row.get("received_at")?,
        finished_at: row.get("finished_at")?,
    })
}

impl Store {
    /// Keeps an event that is to be worked on. `false`, and nothing changes, if one of this id is there.
    pub async fn delivery_insert(
        &self,
        connection: ConnectionId,
        (delivery, what): (&str, &str),
        event: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx
            .execute(INSERT.bind(connection).bind(delivery).bind(what).bind(event).bind(now))
            .await)?;
        Ok(rows > 0)
    }

    /// Keeps that a delivery came which is about nothing that matters. `false` if one of this id is there.
    pub async fn delivery_ignore(
        &self,
        connection: ConnectionId,
        (delivery, what): (&str, &str),
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx
            .execute(
                INSERT_ENDED
                    .bind(connection)
                    .bind(delivery)
                    .bind(what)
                    .bind(reason)
                    .bind(now)
            )
            .await)?;
        Ok(rows > 0)
    }

    /// The connections for which something is to be done now, and what.
    pub async fn connections_due(&self, now: Timestamp) -> Result<Vec<(ConnectionId, Due)>, StoreError> {
        let read = |row: &Row| Ok((row.get("connection")?, row.parse("what", Due::parse)?));
        self.reader().await?.read_all(CONNECTIONS_DUE.bind(now), read).await
    }

    /// Deliveries of a connection that are due: those that wait the longest first.
    pub async fn deliveries_due(
        &self,
        connection: ConnectionId,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let query = DUE.bind(connection).bind(now).bind(most);
        self.reader().await?.read_all(query, read).await
    }

    /// Says that a delivery is to be worked on again, and why.
    pub async fn delivery_retry(&self, of: &Delivery, due_at: Timestamp, reason: &str) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let retry = RETRY.bind(of.connection).bind(of.delivery.as_str());
            tx.execute(retry.bind(due_at).bind(reason)).await.map(drop)
        })
    }

    /// Ends a delivery. What it said is forgotten.
    pub async fn delivery_end(
        &self,
        of: &Delivery,
        state: DeliveryState,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let end = END.bind(of.connection).bind(of.delivery.as_str());
            tx.execute(end.bind(state.as_str()).bind(reason).bind(now))
                .await
                .map(drop)
        })
    }

    /// The last deliveries of a connection, newest first.
    pub async fn deliveries_recent(&self, connection: ConnectionId, most: u32) -> Result<Vec<Delivery>, StoreError> {
        self.reader()
            .await?
            .read_all(RECENT.bind(connection).bind(most), read)
            .await
    }

    /// Forgets deliveries that ended before `before`; answers with how many.
    pub async fn deliveries_forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        transaction!(self, async |tx| tx.execute(FORGET.bind(before)).await)
    }
}
