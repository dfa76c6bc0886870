//! Spend: the ledger's daily sums, grouped.

use bailey_core::ledger::Usage;
use bailey_core::period::Period;
use bailey_core::{GroupId, KeyId, Money, PersonId, Timestamp, WorkspaceId};
use uuid::Uuid;

use crate::ledger::read_usage;
use crate::sql::Assembly;
use crate::value::{Column, Row};
use crate::{LedgerReach, Store, StoreError};

/// Which spend to add up. What is `None` does not limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendFilter {
    /// From the day (UTC) that this instant is in.
    pub since: Option<Timestamp>,
    /// Up to this instant; a day that it is within counts whole.
    pub until: Option<Timestamp>,
    /// Of this key.
    pub key: Option<KeyId>,
    /// Of this person.
    pub person: Option<PersonId>,
    /// Charged to this group.
    pub group: Option<GroupId>,
    /// From this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Of this model, as asked for.
    pub model: Option<String>,
    /// Of this provider.
    pub provider: Option<String>,
    /// Whose may be seen.
    pub reach: LedgerReach,
    /// The most rows to answer with.
    pub limit: u32,
}

impl SpendFilter {
    /// The most rows in one answer.
    pub const MOST: u32 = 10_000;

    /// All spend within `reach`.
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
            reach,
            limit: Self::MOST,
        }
    }
}

/// What spend can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpendDimension {
    /// The key.
    Key,
    /// The person who answers for it.
    Person,
    /// The group that is charged.
    Group,
    /// The workspace.
    Workspace,
    /// The model asked for. Refused requests are under none.
    Model,
    /// The provider that answered.
    Provider,
    /// The day in UTC on which the request arrived.
    Day,
}

/// A record's id, and its name if it still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<I> {
    /// Its id.
    pub id: I,
    /// Its name; `None` if the record is gone.
    pub name: Option<String>,
}

/// The value of one dimension; `None` inside where a request has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpendValue {
    /// Of [`SpendDimension::Key`].
    Key(Option<Named<KeyId>>),
    /// Of [`SpendDimension::Person`].
    Person(Option<Named<PersonId>>),
    /// Of [`SpendDimension::Group`].
    Group(Option<Named<GroupId>>),
    /// Of [`SpendDimension::Workspace`].
    Workspace(Option<WorkspaceId>),
    /// Of [`SpendDimension::Model`].
    Model(Option<String>),
    /// Of [`SpendDimension::Provider`].
    Provider(Option<String>),
    /// Of [`SpendDimension::Day`]: its first instant.
    Day(Timestamp),
}

/// The sums of one group of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendRow {
    /// The values that the requests share, in the order of the dimensions asked for.
    pub dims: Vec<SpendValue>,
    /// How many requests there were, refused ones too.
    pub requests: u64,
    /// Tokens.
    pub usage: Usage,
    /// What is charged.
    pub cost: Money,
    /// What providers billed beyond the holds.
    pub overrun: Money,
}

impl SpendDimension {
    /// Every dimension.
    pub const ALL: [Self; 7] = [
        Self::Key,
        Self::Person,
        Self::Group,
        Self::Workspace,
        Self::Model,
        Self::Provider,
        Self::Day,
    ];

    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Person => "person",
            Self::Group => "group",
            Self::Workspace => "workspace",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Day => "day",
        }
    }

    /// Reads [`SpendDimension::as_str`] back.
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.as_str() == text)
    }

    /// The column of `spend_daily`, and of the names beside it.
    const fn columns(self) -> &'static str {
        match self {
            Self::Key => "s.key_id, k.name AS key_name",
            Self::Person => "s.person, p.name AS person_name",
            Self::Group => "s.group_id, g.name AS group_name",
            Self::Workspace => "s.workspace",
            Self::Model => "s.model",
            Self::Provider => "s.provider",
            Self::Day => "s.day",
        }
    }

    const fn grouping(self) -> &'static str {
        match self {
            Self::Key => "s.key_id, k.name",
            Self::Person => "s.person, p.name",
            Self::Group => "s.group_id, g.name",
            _ => self.columns(),
        }
    }

    const fn join(self) -> &'static str {
        match self {
            Self::Key => " LEFT JOIN virtual_keys k ON k.id = s.key_id",
            Self::Person => " LEFT JOIN people p ON p.id = s.person",
            Self::Group => " LEFT JOIN groups g ON g.id = s.group_id",
            _ => "",
        }
    }

    fn read(self, row: &Row) -> Result<SpendValue, StoreError> {
        Ok(match self {
            Self::Key => SpendValue::Key(named(row, "key_id", "key_name")?),
            Self::Person => SpendValue::Person(named(row, "person", "person_name")?),
            Self::Group => SpendValue::Group(named(row, "group_id", "group_name")?),
            Self::Workspace => {
                let id: Uuid = row.get("workspace")?;
                SpendValue::Workspace((!id.is_nil()).then(|| WorkspaceId::from_uuid(id)))
            }
            Self::Model => SpendValue::Model(Some(row.get("model")?).filter(|m: &String| !m.is_empty())),
            Self::Provider => SpendValue::Provider(Some(row.get("provider")?).filter(|p: &String| !p.is_empty())),
            Self::Day => SpendValue::Day(row.get("day")?),
        })
    }
}

fn named<I: Column<Raw = Uuid>>(
    row: &Row,
    id: &'static str,
    name: &'static str,
) -> Result<Option<Named<I>>, StoreError> {
    if row.get::<Uuid>(id)?.is_nil() {
        return Ok(None);
    }
    Ok(Some(Named {
        id: row.get(id)?,
        name: row.get(name)?,
    }))
}

impl Store {
    /// Spend, grouped: by day first if days are asked for, then the largest cost first. Without dimensions there is one row.
    pub async fn spend(&self, filter: &SpendFilter, group_by: &[SpendDimension]) -> Result<Vec<SpendRow>, StoreError> {
        let mut dims: Vec<SpendDimension> = Vec::new();
        for dim in group_by {
            if !dims.contains(dim) {
                dims.push(*dim);
            }
        }
        let query = spend_query(self, filter, &dims).finish();
        let read = |row: &Row| {
            Ok(SpendRow {
                dims: dims.iter().map(|d| d.read(row)).collect::<Result<_, _>>()?,
                requests: row.get("requests")?,
                usage: read_usage(row)?,
                cost: row.get("cost")?,
                overrun: row.get("overrun")?,
            })
        };
        self.reader().await?.read_all(query, read).await
    }
}

fn spend_query(store: &Store, filter: &SpendFilter, dims: &[SpendDimension]) -> Assembly {
    let mut query = Assembly::new(store.backend(), "SELECT ");
    for dim in dims {
        query.push(dim.columns()).push(", ");
    }
    // PostgreSQL adds BIGINTs up to a NUMERIC, and no rows add up to NULL.
    query.push(
        "CAST(COALESCE(SUM(s.requests), 0) AS BIGINT) AS requests, CAST(COALESCE(SUM(s.input), 0) AS BIGINT) AS input, \
         CAST(COALESCE(SUM(s.cache_read), 0) AS BIGINT) AS cache_read, \
         CAST(COALESCE(SUM(s.cache_write_5m), 0) AS BIGINT) AS cache_write_5m, \
         CAST(COALESCE(SUM(s.cache_write_1h), 0) AS BIGINT) AS cache_write_1h, \
         CAST(COALESCE(SUM(s.output), 0) AS BIGINT) AS output, \
         CAST(COALESCE(SUM(s.reasoning), 0) AS BIGINT) AS reasoning, \
         CAST(COALESCE(SUM(s.cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(s.overrun), 0) AS BIGINT) AS overrun \
         FROM spend_daily s",
    );
    for dim in dims {
        query.push(dim.join());
    }
    query
        .push(" WHERE 1 = 1")
        .when(" AND s.day >= ", filter.since.map(|t| Period::Day.window(t).start))
        .when(" AND s.day < ", filter.until)
        .when(" AND s.key_id = ", filter.key)
        .when(" AND s.person = ", filter.person)
        .when(" AND s.group_id = ", filter.group)
        .when(" AND s.workspace = ", filter.workspace)
        .when(" AND s.model = ", filter.model.as_deref())
        .when(" AND s.provider = ", filter.provider.as_deref());
    filter.reach.limit(&mut query, " AND s.person");
    for (i, dim) in dims.iter().enumerate() {
        query
            .push(if i == 0 { " GROUP BY " } else { ", " })
            .push(dim.grouping());
    }
    query.push(if dims.contains(&SpendDimension::Day) {
        " ORDER BY s.day, cost DESC"
    } else {
        " ORDER BY cost DESC"
    });
    for dim in dims {
        query.push(", ").push(match dim {
            SpendDimension::Key => "s.key_id",
            SpendDimension::Person => "s.person",
            SpendDimension::Group => "s.group_id",
            dim => dim.columns(),
        });
    }
    query.push(" LIMIT ").bind(filter.limit.clamp(1, SpendFilter::MOST));
    query
}
