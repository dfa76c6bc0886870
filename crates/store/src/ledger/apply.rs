//! Taking a journal over: many records in one transaction, exactly once.

use std::collections::{BTreeMap, HashSet};

use bailey_core::budget::Account;
use bailey_core::ledger::{AccountKey, Intent, Settlement};
use bailey_core::{Money, ReplicaId, Timestamp};

use super::rows::{ATTEMPT_COLUMNS, REQUEST_COLUMNS, push_attempt, push_request};
use super::totals::{Post, SPEND_COLUMNS, posts, push_spend, spends};
use crate::bulk::Bulk;
use crate::conn::Conn;
use crate::sql::{each, same, statements};
use crate::store::transaction;
use crate::value::{Row, Texts, Value, json};
use crate::{JournalPosition, Store, StoreError};

statements! {
    /// Moves the position on. No row is touched if the journal had been taken over that far already.
    TAKE_OVER = same(
        "UPDATE replicas SET journal_segment = $2, journal_offset = $3, heartbeat_at = $4 \
         WHERE id = $1 AND (journal_segment IS NULL OR (journal_segment, journal_offset) < ($2, $3))",
    );
    REPLICA = same("SELECT id FROM replicas WHERE id = $1");
    CLOSE = each(
        "DELETE FROM open_attempts WHERE attempt IN (SELECT unhex(value) FROM json_each($1))",
        "DELETE FROM open_attempts WHERE attempt = ANY($1)",
    );
}

const OPEN: Bulk = Bulk::insert(
    "open_attempts",
    &["attempt", "replica", "intent"],
    "ON CONFLICT (attempt) DO NOTHING",
);
const REQUESTS: Bulk = Bulk::insert("requests", REQUEST_COLUMNS, "ON CONFLICT (id) DO NOTHING");
const ATTEMPTS: Bulk = Bulk::insert("attempts", ATTEMPT_COLUMNS, "ON CONFLICT (id) DO NOTHING");
const SPEND: Bulk = Bulk::insert(
    "spend_daily",
    SPEND_COLUMNS,
    "ON CONFLICT (day, key_id, person, group_id, workspace, model, provider, outcome) DO UPDATE SET \
     requests = spend_daily.requests + excluded.requests, input = spend_daily.input + excluded.input, \
     cache_read = spend_daily.cache_read + excluded.cache_read, \
     cache_write_5m = spend_daily.cache_write_5m + excluded.cache_write_5m, \
     cache_write_1h = spend_daily.cache_write_1h + excluded.cache_write_1h, \
     output = spend_daily.output + excluded.output, reasoning = spend_daily.reasoning + excluded.reasoning, \
     cost = spend_daily.cost + excluded.cost, overrun = spend_daily.overrun + excluded.overrun",
);
/// Windows with what this replica has in hand of each; windows of deleted budgets do not come back.
const LOCK_WINDOWS: Bulk = Bulk::join(
    "SELECT w.budget, w.window_start, w.posted, w.overrun, w.leased, l.leased AS mine, l.forfeited FROM",
    &["budget", "window_start", "replica"],
    "JOIN budget_windows w ON w.budget = v.budget AND w.window_start = v.window_start \
     LEFT JOIN budget_leases l \
     ON l.budget = v.budget AND l.window_start = v.window_start AND l.replica = v.replica",
    "ORDER BY w.budget, w.window_start FOR UPDATE OF w",
);
const SET_WINDOWS: Bulk = Bulk::insert(
    "budget_windows",
    &["budget", "window_start", "posted", "overrun", "leased"],
    "ON CONFLICT (budget, window_start) DO UPDATE SET \
     posted = excluded.posted, overrun = excluded.overrun, leased = excluded.leased",
);
const SET_LEASES: Bulk = Bulk::insert(
    "budget_leases",
    &["budget", "window_start", "replica", "leased", "forfeited"],
    "ON CONFLICT (budget, window_start, replica) DO UPDATE SET \
     leased = excluded.leased, forfeited = excluded.forfeited",
);

/// What came of taking a part of a journal over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What the settlements charge each account: it is not the replica's any more. The same whether it was done now or
    /// had been done before.
    pub posted: Vec<(AccountKey, Money)>,
}

impl Store {
    /// Takes a part of a replica's journal over, up to `position`: intents of attempts under way, settlements, refusals.
    ///
    /// One transaction, exactly once: if the stored position is at or behind `position` already, nothing is changed. An
    /// intent whose settlement is in the same part leaves no trace of its own. Charges come out of the replica's leases;
    /// what it was charged when it was taken for lost is used up first, before anything is charged anew. Budgets that are
    /// gone are passed over. Fails with [`StoreError::NotFound`] for a replica that was never claimed.
    pub async fn ledger_apply(
        &self,
        replica: ReplicaId,
        position: JournalPosition,
        opened: &[Intent],
        settled: &[Settlement],
        now: Timestamp,
    ) -> Result<Applied, StoreError> {
        let posts = posts(settled)?;
        transaction!(self, async |tx| {
            let take = TAKE_OVER
                .bind(replica)
                .bind(position.segment)
                .bind(position.offset)
                .bind(now);
            if tx.execute(take).await? == 0 {
                return match tx.fetch_optional(REPLICA.bind(replica)).await? {
                    Some(_) => Ok(()),
                    None => Err(StoreError::NotFound { what: "replica" }),
                };
            }
            open_and_close(tx, replica, opened, settled).await?;
            record(tx, settled).await?;
            post(tx, replica, &posts).await
        })?;
        let posted = posts.iter().map(|(key, post)| (*key, post.charge)).collect();
        Ok(Applied { posted })
    }
}

/// Notes attempts that are under way, and forgets those that are settled.
async fn open_and_close(
    tx: &mut Conn,
    replica: ReplicaId,
    opened: &[Intent],
    settled: &[Settlement],
) -> Result<(), StoreError> {
    let mut closing: HashSet<_> = settled.iter().filter_map(|s| s.attempt).collect();
    let mut values = Vec::new();
    for intent in opened {
        if !closing.remove(&intent.attempt) {
            values.extend([intent.attempt.into(), replica.into(), json("intent", intent)?.into()]);
        }
    }
    OPEN.execute(tx, values).await?;
    if !closing.is_empty() {
        let ids = closing.iter().map(|attempt| attempt.uuid()).collect();
        tx.execute(CLOSE.bind(Value::Uuids(ids))).await?;
    }
    Ok(())
}

/// Writes the ledger's rows and adds to the daily sums.
async fn record(tx: &mut Conn, settled: &[Settlement]) -> Result<(), StoreError> {
    let requests = || settled.iter().filter_map(|s| s.request.as_ref());
    let mut texts = Texts::default();
    let mut values = Vec::with_capacity(settled.len() * REQUEST_COLUMNS.len());
    requests().for_each(|record| push_request(&mut values, &mut texts, record));
    let wanted = requests().count() as u64;
    let written = REQUESTS.execute(tx, values).await?;
    if written < wanted {
        // Positions make this impossible unless a journal was edited; the first row stands, the sums show both.
        tracing::error!(rows = wanted - written, "requests were in the ledger already");
    }
    let mut values = Vec::new();
    settled
        .iter()
        .filter_map(|s| s.detail.as_ref())
        .for_each(|record| push_attempt(&mut values, &mut texts, record));
    ATTEMPTS.execute(tx, values).await?;
    let mut values = Vec::new();
    for (key, spend) in &spends(requests())? {
        push_spend(&mut values, &mut texts, key, spend);
    }
    SPEND.execute(tx, values).await.map(drop)
}

/// A window, and the replica's part of it.
struct Window {
    account: Account,
    mine: Money,
    forfeited: Money,
}

impl Window {
    /// Charges a sum: first what is leased, then what is charged already because the replica was taken for lost, and only
    /// what neither covers is charged beyond the lease.
    fn post(&mut self, post: &Post) -> Result<Money, StoreError> {
        let leased = post.charge.min(self.mine);
        self.account.post(leased, post.overrun)?;
        self.mine = self.mine.minus_or_zero(leased);
        let rest = post.charge.minus_or_zero(leased);
        let refunded = rest.min(self.forfeited);
        self.forfeited = self.forfeited.minus_or_zero(refunded);
        let beyond = rest.minus_or_zero(refunded);
        self.account.posted = self.account.posted.checked_add(beyond)?;
        Ok(beyond)
    }
}

/// Charges the accounts.
async fn post(tx: &mut Conn, replica: ReplicaId, posts: &BTreeMap<AccountKey, Post>) -> Result<(), StoreError> {
    let due = |post: &Post| post.charge > Money::ZERO || post.overrun > Money::ZERO;
    let mut values = Vec::new();
    for (key, _) in posts.iter().filter(|(_, post)| due(post)) {
        values.extend([key.budget.into(), key.window.into(), replica.into()]);
    }
    let (mut windows, mut leases) = (Vec::new(), Vec::new());
    for row in LOCK_WINDOWS.fetch(tx, values).await? {
        let key = AccountKey {
            budget: row.get("budget")?,
            window: row.get("window_start")?,
        };
        let Some(post) = posts.get(&key) else { continue };
        let (mut window, has_lease) = read_window(&row)?;
        let beyond = window.post(post)?;
        if beyond > Money::ZERO {
            tracing::error!(budget = %key.budget, amount = %beyond, "a charge was larger than the lease it was held on");
        }
        let Account {
            posted,
            overrun,
            leased,
            ..
        } = window.account;
        windows.extend([
            key.budget.into(),
            key.window.into(),
            posted.into(),
            overrun.into(),
            leased.into(),
        ]);
        if has_lease {
            let (mine, forfeited) = (window.mine.into(), window.forfeited.into());
            leases.extend([key.budget.into(), key.window.into(), replica.into(), mine, forfeited]);
        }
    }
    SET_WINDOWS.execute(tx, windows).await?;
    SET_LEASES.execute(tx, leases).await.map(drop)
}

fn read_window(row: &Row) -> Result<(Window, bool), StoreError> {
    let mine: Option<Money> = row.get("mine")?;
    let forfeited: Option<Money> = row.get("forfeited")?;
    let window = Window {
        account: Account {
            limit: Money::MAX,
            posted: row.get("posted")?,
            overrun: row.get("overrun")?,
            leased: row.get("leased")?,
        },
        mine: mine.unwrap_or_default(),
        forfeited: forfeited.unwrap_or_default(),
    };
    Ok((window, mine.is_some()))
}
