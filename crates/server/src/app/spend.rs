//! What was spent, summed.

use bailey_api::Named;
use bailey_api::requests::Tokens;
use bailey_api::spend::{Dimension, Spend, SpendQuery, SpendRow, SpendTotal};
use bailey_core::ledger::Usage;
use bailey_core::period::Period;
use bailey_core::{Money, Timestamp};
use bailey_store::{self as store, SpendDimension, SpendFilter, SpendValue};

use super::{App, AppError, Caller};

impl App {
    /// The sums of what is within reach. All that has ended is in them.
    pub async fn spend(&self, caller: &Caller, query: SpendQuery) -> Result<Spend, AppError> {
        let group_by = dimensions(query.group_by.as_deref())?;
        let now = self.now();
        let since = query.since.map(|m| Period::Day.window(m.at(now)).start);
        let until = query.until.map(|m| day_end(m.at(now)));
        let (mut rows, mut truncated, mut whole) = (Vec::new(), false, None);
        if let Some(filter) = self.spend_filter(caller, query).await? {
            self.gate().flush().await?;
            let filter = SpendFilter { since, until, ..filter };
            let stored: Vec<SpendDimension> = group_by.iter().map(|d| stored(*d)).collect();
            rows = self.store().spend(&filter, &stored).await?;
            truncated = rows.len() >= SpendFilter::MOST as usize;
            if truncated {
                whole = Some(self.store().spend(&filter, &[]).await?);
            }
        }
        Ok(Spend {
            since: since.map(Into::into),
            until: until.map(Into::into),
            total: total(whole.as_ref().unwrap_or(&rows)),
            truncated,
            rows: rows.into_iter().map(row).collect(),
            group_by,
        })
    }

    /// Whose spend the query asks for, or nothing if it names somebody who is not there or cannot be seen.
    async fn spend_filter(&self, caller: &Caller, query: SpendQuery) -> Result<Option<SpendFilter>, AppError> {
        let reach = self.people_within(caller).await?;
        let mut filter = SpendFilter::within(reach.clone());
        let asked = (query.person.as_deref(), query.group.as_deref());
        let Some(whose) = self.find_whose(caller, &reach, asked).await? else {
            return Ok(None);
        };
        (filter.person, filter.group) = (whose.person, whose.group);
        filter.key = query.key;
        filter.workspace = query.workspace;
        filter.model = query.model;
        filter.provider = query.provider;
        Ok(Some(filter))
    }
}

/// The end of the day that `at` lies in; `at` itself if a day begins there.
fn day_end(at: Timestamp) -> Timestamp {
    let day = Period::Day.window(at);
    if day.start == at { at } else { day.end.unwrap_or(at) }
}

fn dimensions(text: Option<&str>) -> Result<Vec<Dimension>, AppError> {
    let wrong = |detail: String| AppError::Query {
        parameter: "group_by",
        detail,
    };
    let mut found = Vec::new();
    for name in text.unwrap_or_default().split(',').filter(|n| !n.is_empty()) {
        let dimension = Dimension::from_name(name).ok_or_else(|| {
            let known: Vec<_> = Dimension::ALL.iter().map(|d| d.as_str()).collect();
            wrong(format!("use {}", known.join(", ")))
        })?;
        if found.contains(&dimension) {
            return Err(wrong(format!("has {name} twice")));
        }
        found.push(dimension);
    }
    Ok(found)
}

const fn stored(dimension: Dimension) -> SpendDimension {
    match dimension {
        Dimension::Key => SpendDimension::Key,
        Dimension::Person => SpendDimension::Person,
        Dimension::Group => SpendDimension::Group,
        Dimension::Workspace => SpendDimension::Workspace,
        Dimension::Model => SpendDimension::Model,
        Dimension::Provider => SpendDimension::Provider,
        Dimension::Day => SpendDimension::Day,
    }
}

/// What is gone keeps its id as its name.
fn named<I: ToString>(named: store::Named<I>) -> Named {
    let id = named.id.to_string();
    Named {
        name: named.name.unwrap_or_else(|| id.clone()),
        id,
    }
}

fn row(row: store::SpendRow) -> SpendRow {
    let mut shown = SpendRow {
        day: None,
        key: None,
        person: None,
        group: None,
        workspace: None,
        model: None,
        provider: None,
        requests: row.requests,
        tokens: row.usage.into(),
        cost: row.cost.into(),
        overrun: row.overrun.into(),
    };
    for value in row.dims {
        match value {
            SpendValue::Key(key) => shown.key = key.map(named),
            SpendValue::Person(person) => shown.person = person.map(named),
            SpendValue::Group(group) => shown.group = group.map(named),
            SpendValue::Workspace(id) => shown.workspace = id.map(|id| id.to_string()),
            SpendValue::Model(model) => shown.model = model,
            SpendValue::Provider(provider) => shown.provider = provider,
            SpendValue::Day(day) => shown.day = Some(day.to_string().chars().take(10).collect()),
        }
    }
    shown
}

fn total(rows: &[store::SpendRow]) -> SpendTotal {
    let sum = |amount: fn(&store::SpendRow) -> Money| {
        let sum = rows
            .iter()
            .fold(Money::ZERO, |sum, row| sum.saturating_add(amount(row)));
        sum.into()
    };
    let usage = rows.iter().fold(Usage::default(), |sum, row| sum.plus(&row.usage));
    SpendTotal {
        requests: rows.iter().fold(0, |sum, row| sum.saturating_add(row.requests)),
        tokens: Tokens::from(usage),
        cost: sum(|row| row.cost),
        overrun: sum(|row| row.overrun),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_counts_the_whole_day() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(day_end(at("2026-11-20T12:00:00Z")), at("2026-11-21T00:00:00Z"));
        assert_eq!(day_end(at("2026-11-20T00:00:00Z")), at("2026-11-20T00:00:00Z"));
    }

    #[test]
    fn unknown_and_repeated_dimensions_are_refused() {
        assert_eq!(dimensions(None).unwrap(), []);
        assert_eq!(
            dimensions(Some("person,day")).unwrap(),
            [Dimension::Person, Dimension::Day]
        );
        assert!(dimensions(Some("person,hour")).is_err());
        assert!(dimensions(Some("day,day")).is_err());
    }
}
