//! Sessions of browsers: only hashes of their secrets are here.

use bailey_core::identity::Session;
use bailey_core::{PersonId, SessionId, Timestamp};

use crate::conn::Conn;
use crate::page::cut;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{LedgerReach, ListPage, Store, StoreError};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, public_id, hash, person, method, address, agent, created_at, last_used_at, expires_at, ended_at \
             FROM sessions",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO sessions (id, public_id, hash, person, method, address, agent, created_at, last_used_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    );
    /// Nobody asks about what was over this long ago.
    PRUNE = same("DELETE FROM sessions WHERE person = $1 AND expires_at < $2");
    GET = same(select!(" WHERE id = $1"));
    BY_PUBLIC_ID = same(select!(" WHERE public_id = $1"));
    TOUCH = same("UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2");
    ROTATE = same("UPDATE sessions SET public_id = $2, hash = $3 WHERE id = $1 AND ended_at IS NULL");
    END = same("UPDATE sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL");
    END_OF = same("UPDATE sessions SET ended_at = $2 WHERE person = $1 AND ended_at IS NULL");
    END_OTHERS = same("UPDATE sessions SET ended_at = $2 WHERE person = $1 AND ended_at IS NULL AND id <> $3");
}

/// How long a session's record is kept after its end.
const KEPT_SECONDS: i64 = 30 * 86_400;

/// Which sessions to list: good ones alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFilter {
    /// Of this person.
    pub person: Option<PersonId>,
    /// Whose may be seen.
    pub reach: LedgerReach,
    /// Good at this instant.
    pub now: Timestamp,
    /// For how many seconds one may lie unused.
    pub idle_seconds: i64,
}

fn read(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.get("id")?,
        public_id: row.get("public_id")?,
        hash: row.get("hash")?,
        person: row.get("person")?,
        method: row.parse("method", |text| text.parse().ok())?,
        address: row.get("address")?,
        agent: row.get("agent")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
        ended_at: row.get("ended_at")?,
    })
}

/// Ends every session of a person, but for one.
pub(crate) async fn end_of(
    tx: &mut Conn,
    person: PersonId,
    except: Option<SessionId>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    tx.execute(match except {
        None => END_OF.bind(person).bind(now),
        Some(kept) => END_OTHERS.bind(person).bind(now).bind(kept),
    })
    .await
}

impl Store {
    /// Inserts a session's record, and forgets sessions of the person that ended long ago.
    pub async fn session_insert(&self, session: &Session) -> Result<(), StoreError> {
        let method = session.method.to_string();
        transaction!(self, async |tx| {
            let before = session.created_at.plus_seconds(-KEPT_SECONDS);
            tx.execute(PRUNE.bind(session.person).bind(before)).await?;
            let insert = INSERT
                .bind(session.id)
                .bind(session.public_id.as_str())
                .bind(&session.hash)
                .bind(session.person)
                .bind(method.as_str())
                .bind(session.address.as_str())
                .bind(session.agent.as_str())
                .bind(session.created_at)
                .bind(session.last_used_at)
                .bind(session.expires_at);
            tx.execute(insert).await.map(drop)
        })
    }

    /// The session of this id, also if it is over.
    pub async fn session_get(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.reader().await?.read_optional(GET.bind(id), read).await
    }

    /// The session of this public id, also if it is over.
    pub async fn session_by_public_id(&self, public_id: &str) -> Result<Option<Session>, StoreError> {
        self.reader()
            .await?
            .read_optional(BY_PUBLIC_ID.bind(public_id), read)
            .await
    }

    /// Good sessions, newest first, and where to go on if there are more.
    pub async fn sessions_list(
        &self,
        filter: &SessionFilter,
        page: ListPage<SessionId>,
    ) -> Result<(Vec<Session>, Option<SessionId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE ended_at IS NULL"));
        query
            .when(" AND expires_at > ", Some(filter.now))
            .when(
                " AND last_used_at > ",
                Some(filter.now.plus_seconds(-filter.idle_seconds)),
            )
            .when(" AND id < ", page.after)
            .when(" AND person = ", filter.person);
        filter.reach.limit(&mut query, " AND person");
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let sessions = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(sessions, page.rows(), |s| s.id))
    }

    /// Notes that a session was used. It never goes back in time.
    pub async fn session_touch(&self, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx.execute(TOUCH.bind(id).bind(now)).await).map(drop)
    }

    /// Gives a session another secret; the one before is good no more. `false` if the session was ended meanwhile.
    pub async fn session_rotate(&self, id: SessionId, public_id: &str, hash: &[u8; 32]) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx
            .execute(ROTATE.bind(id).bind(public_id).bind(hash))
            .await)?;
        Ok(rows > 0)
    }

    /// Ends a session. `false` if it was ended already, or there is none.
    pub async fn session_end(&self, id: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(END.bind(id).bind(now)).await)?;
        Ok(rows > 0)
    }

    /// Ends every session of a person, but for `except`. Says how many were not ended before.
    pub async fn sessions_end_of(
        &self,
        person: PersonId,
        except: Option<SessionId>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        transaction!(self, async |tx| end_of(tx, person, except, now).await)
    }
}
