//! Budgets, and what is left of them.

use bailey_core::budget::{Account, Budget, BudgetSubject};
use bailey_core::period::{Period, Window};
use bailey_core::{BudgetId, GroupId, KeyId, Money, OrgId, PersonId, Timestamp};
use uuid::Uuid;

use crate::conn::Conn;
use crate::page::cut;
use crate::sql::{Assembly, each, same, statements};
use crate::store::transaction;
use crate::value::{Row, Value};
use crate::{LedgerReach, ListPage, Store, StoreError};

statements! {
    INSERT = same(
        "INSERT INTO budgets (id, subject_kind, subject, period, limit_nanos, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    GET = same("SELECT id, subject_kind, subject, period, limit_nanos, created_at FROM budgets WHERE id = $1");
    OF_SUBJECTS = each(
        "SELECT id, subject_kind, subject, period, limit_nanos, created_at FROM budgets \
         WHERE subject IN (SELECT unhex(value) FROM json_each($1)) ORDER BY id",
        "SELECT id, subject_kind, subject, period, limit_nanos, created_at FROM budgets \
         WHERE subject = ANY($1) ORDER BY id",
    );
    UPDATE_LIMIT = same("UPDATE budgets SET limit_nanos = $2 WHERE id = $1");
    DELETE = same("DELETE FROM budgets WHERE id = $1");
    OPEN_WINDOW = same(
        "INSERT INTO budget_windows (budget, window_start, posted, overrun, leased) VALUES ($1, $2, $3, $4, 0)",
    );
    KEY_EXISTS = same("SELECT id FROM virtual_keys WHERE id = $1");
    PERSON_EXISTS = same("SELECT id FROM people WHERE id = $1");
    GROUP_EXISTS = same("SELECT id FROM groups WHERE id = $1");
    ORGANIZATION_EXISTS = same("SELECT id FROM organizations WHERE id = $1");
    // Two sums that are read together. PostgreSQL adds BIGINTs up to a NUMERIC.
    SPENT_BY_KEY = same(
        "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(overrun), 0) AS BIGINT) AS overrun \
         FROM spend_daily WHERE day >= $2 AND key_id = $1",
    );
    SPENT_BY_PERSON = same(
        "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(overrun), 0) AS BIGINT) AS overrun \
         FROM spend_daily WHERE day >= $2 AND person = $1",
    );
    /// What has no key came with a token.
    SPENT_BY_TOKENS = same(
        "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(overrun), 0) AS BIGINT) AS overrun \
         FROM spend_daily WHERE day >= $2 AND person = $1 AND key_id = $3",
    );
    SPENT_BY_GROUP = same(
        "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(overrun), 0) AS BIGINT) AS overrun \
         FROM spend_daily WHERE day >= $2 AND group_id = $1",
    );
    SPENT_BY_ALL = same(
        "SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(overrun), 0) AS BIGINT) AS overrun \
         FROM spend_daily WHERE day >= $1",
    );
}

/// Which budgets to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetFilter {
    /// The budget of this id.
    pub id: Option<BudgetId>,
    /// Budgets of this subject.
    pub subject: Option<BudgetSubject>,
    /// Whose may be seen: of people, their own and those of their keys.
    pub reach: LedgerReach,
}

impl BudgetFilter {
    /// All budgets within `reach`.
    pub const fn within(reach: LedgerReach) -> Self {
        Self {
            id: None,
            subject: None,
            reach,
        }
    }
}

/// A budget and its running window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetState {
    /// The budget.
    pub budget: Budget,
    /// The window that runs.
    pub window: Window,
    /// What is charged in it for good.
    pub posted: Money,
    /// What providers billed beyond the holds.
    pub overrun: Money,
    /// What servers have in hand: held, settled and not yet posted, or free for their next requests.
    pub leased: Money,
}

impl BudgetState {
    /// What can still be leased.
    pub fn available(&self) -> Money {
        let Self {
            posted,
            overrun,
            leased,
            ..
        } = *self;
        Account {
            limit: self.budget.limit,
            posted,
            overrun,
            leased,
        }
        .available()
    }
}

const fn subject_id(subject: &BudgetSubject) -> Uuid {
    match subject {
        BudgetSubject::Key(id) => id.uuid(),
        BudgetSubject::Person(id) | BudgetSubject::Tokens(id) => id.uuid(),
        BudgetSubject::Group(id) => id.uuid(),
        BudgetSubject::Organization(id) => id.uuid(),
    }
}

fn read(row: &Row) -> Result<Budget, StoreError> {
    let id: Uuid = row.get("subject")?;
    let subject = row.parse("subject_kind", |kind| match kind {
        "key" => Some(BudgetSubject::Key(KeyId::from_uuid(id))),
        "person" => Some(BudgetSubject::Person(PersonId::from_uuid(id))),
        "tokens" => Some(BudgetSubject::Tokens(PersonId::from_uuid(id))),
        "group" => Some(BudgetSubject::Group(GroupId::from_uuid(id))),
        "organization" => Some(BudgetSubject::Organization(OrgId::from_uuid(id))),
        _ => None,
    })?;
    Ok(Budget {
        id: row.get("id")?,
        subject,
        period: row.parse("period", |text| text.parse().ok())?,
        limit: row.get("limit_nanos")?,
        created_at: row.get("created_at")?,
    })
}

/// The budgets of all these subjects, oldest first.
pub(crate) async fn chain_budgets(conn: &mut Conn, subjects: Vec<Uuid>) -> Result<Vec<Budget>, StoreError> {
    conn.read_all(OF_SUBJECTS.bind(Value::Uuids(subjects)), read).await
}

pub(crate) async fn insert_budget(tx: &mut Conn, budget: &Budget) -> Result<(), StoreError> {
    let subject = subject_id(&budget.subject);
    let (exists, what) = match budget.subject {
        BudgetSubject::Key(_) => (KEY_EXISTS, "key"),
        BudgetSubject::Person(_) | BudgetSubject::Tokens(_) => (PERSON_EXISTS, "person"),
        BudgetSubject::Group(_) => (GROUP_EXISTS, "group"),
        BudgetSubject::Organization(_) => (ORGANIZATION_EXISTS, "organization"),
    };
    if tx.fetch_optional(exists.bind(subject)).await?.is_none() {
        return Err(StoreError::NotFound { what });
    }
    if budget.period == Period::Run && !matches!(budget.subject, BudgetSubject::Key(_)) {
        return Err(StoreError::Conflict {
            what: "budget",
            field: "period",
        });
    }
    let insert = INSERT
        .bind(budget.id)
        .bind(budget.subject.kind())
        .bind(subject)
        .bind(budget.period.as_str())
        .bind(budget.limit)
        .bind(budget.created_at);
    tx.execute(insert).await.map(drop)
}

/// What the subject has spent since `since`: charges and overruns.
async fn spent(tx: &mut Conn, subject: &BudgetSubject, since: Timestamp) -> Result<(Money, Money), StoreError> {
    let query = match subject {
        BudgetSubject::Key(id) => SPENT_BY_KEY.bind(*id).bind(since),
        BudgetSubject::Person(id) => SPENT_BY_PERSON.bind(*id).bind(since),
        BudgetSubject::Tokens(id) => SPENT_BY_TOKENS.bind(*id).bind(since).bind(Uuid::nil()),
        BudgetSubject::Group(id) => SPENT_BY_GROUP.bind(*id).bind(since),
        BudgetSubject::Organization(_) => SPENT_BY_ALL.bind(since),
    };
    let row = tx
        .fetch_optional(query)
        .await?
        .ok_or(StoreError::Corrupt { what: "spend" })?;
    Ok((row.get("cost")?, row.get("overrun")?))
}

impl Store {
    /// Inserts a budget. What its subject has spent since the running window began counts against it from the start, as far
    /// as the ledger knows it. A second budget of the same subject and period is a conflict.
    pub async fn budget_insert(&self, budget: &Budget, now: Timestamp) -> Result<(), StoreError> {
        let window = budget.period.window(now);
        transaction!(self, async |tx| {
            insert_budget(tx, budget).await?;
            let (posted, overrun) = spent(tx, &budget.subject, window.start).await?;
            let open = OPEN_WINDOW
                .bind(budget.id)
                .bind(window.start)
                .bind(posted)
                .bind(overrun);
            tx.execute(open).await.map(drop)
        })
    }

    /// Makes sure that a subject has a budget: this one, unless there is one already of whichever period. What was spent
    /// before counts as [`Store::budget_insert`] says.
    pub async fn budget_ensure(&self, budget: &Budget, now: Timestamp) -> Result<(), StoreError> {
        let filter = BudgetFilter {
            subject: Some(budget.subject),
            ..BudgetFilter::within(LedgerReach::All)
        };
        let (there, _) = self.budgets_list(&filter, ListPage::first(1), now).await?;
        if !there.is_empty() {
            return Ok(());
        }
        match self.budget_insert(budget, now).await {
            // Somebody else was faster.
            Err(StoreError::Conflict { field: "period", .. }) => Ok(()),
            done => done,
        }
    }

    /// The budget of this id.
    pub async fn budget_get(&self, id: BudgetId) -> Result<Option<Budget>, StoreError> {
        self.reader().await?.read_optional(GET.bind(id), read).await
    }

    /// Sets a budget's limit. What is leased under the old one stays leased until it is released.
    pub async fn budget_update_limit(&self, id: BudgetId, limit: Money) -> Result<(), StoreError> {
        transaction!(
            self,
            async |tx| match tx.execute(UPDATE_LIMIT.bind(id).bind(limit)).await? {
                0 => Err(StoreError::NotFound { what: "budget" }),
                _ => Ok(()),
            }
        )
    }

    /// Deletes a budget with its windows and leases.
    pub async fn budget_delete(&self, id: BudgetId) -> Result<(), StoreError> {
        transaction!(self, async |tx| match tx.execute(DELETE.bind(id)).await? {
            0 => Err(StoreError::NotFound { what: "budget" }),
            _ => Ok(()),
        })
    }

    /// Budgets and the windows that run at `now`, newest first, and where to go on if there are more.
    pub async fn budgets_list(
        &self,
        filter: &BudgetFilter,
        page: ListPage<BudgetId>,
        now: Timestamp,
    ) -> Result<(Vec<BudgetState>, Option<BudgetId>), StoreError> {
        let select = "SELECT b.id, b.subject_kind, b.subject, b.period, b.limit_nanos, b.created_at, \
                      COALESCE(w.posted, 0) AS posted, COALESCE(w.overrun, 0) AS overrun, \
                      COALESCE(w.leased, 0) AS leased \
                      FROM budgets b LEFT JOIN budget_windows w ON w.budget = b.id AND w.window_start = CASE b.period";
        let mut query = Assembly::new(self.backend(), select);
        for period in Period::ALL {
            query
                .push(" WHEN ")
                .bind(period.as_str())
                .push(" THEN ")
                .bind(period.window(now).start);
        }
        query
            .push(" END WHERE 1 = 1")
            .when(" AND b.id < ", page.after)
            .when(" AND b.id = ", filter.id);
        if let Some(subject) = filter.subject {
            query
                .push(" AND b.subject = ")
                .bind(subject_id(&subject))
                .push(" AND b.subject_kind = ")
                .bind(subject.kind());
        }
        if filter.reach != LedgerReach::All {
            query.push(" AND ((b.subject_kind IN ('person', 'tokens')");
            filter.reach.limit(&mut query, " AND b.subject");
            query.push(") OR (b.subject_kind = 'key' AND b.subject IN (SELECT id FROM virtual_keys WHERE 1 = 1");
            filter.reach.limit(&mut query, " AND person");
            query.push(")))");
        }
        query.push(" ORDER BY b.id DESC LIMIT ").bind(page.rows());
        let state = |row: &Row| {
            let budget = read(row)?;
            Ok(BudgetState {
                window: budget.period.window(now),
                budget,
                posted: row.get("posted")?,
                overrun: row.get("overrun")?,
                leased: row.get("leased")?,
            })
        };
        let states = self.reader().await?.read_all(query.finish(), state).await?;
        Ok(cut(states, page.rows(), |s| s.budget.id))
    }
}
