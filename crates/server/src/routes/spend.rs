//! `GET /api/v1/spend`

use axum::Json;
use axum::response::{IntoResponse, Response};
use bailey_api::Named;
use bailey_api::requests::Format;
use bailey_api::spend::{Dimension, Spend, SpendQuery, SpendRow};

use crate::csv::Csv;
use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Sums what was spent, grouped as asked for, as JSON or CSV.
#[utoipa::path(
    get,
    path = "/api/v1/spend",
    operation_id = "spend",
    tag = "ledger",
    params(SpendQuery),
    responses(
        (status = 200, description = "Done", content((Spend = "application/json"), (String = "text/csv"))),
    ),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<SpendQuery>) -> Result<Response, Reject> {
    let format = query.format.unwrap_or_default();
    let spend = cx.app().spend(&cx.caller, query).await?;
    Ok(match format {
        Format::Json => Json(spend).into_response(),
        Format::Csv => csv(&spend).respond("spend.csv", None),
    })
}

const SUMS: [&str; 9] = [
    "requests",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "cost_usd",
    "overrun_usd",
];

/// The columns that name a group: two where it has an id and a name.
const fn columns(dimension: Dimension) -> &'static [&'static str] {
    match dimension {
        Dimension::Key => &["key_id", "key"],
        Dimension::Person => &["person_id", "person"],
        Dimension::Group => &["group_id", "group"],
        Dimension::Workspace => &["workspace_id"],
        Dimension::Model => &["model"],
        Dimension::Provider => &["provider"],
        Dimension::Day => &["day"],
    }
}

fn cells(row: &SpendRow, dimension: Dimension) -> Vec<String> {
    let named = |n: &Option<Named>| n.clone().map_or_else(|| vec![String::new(); 2], |n| vec![n.id, n.name]);
    let text = |t: &Option<String>| vec![t.clone().unwrap_or_default()];
    match dimension {
        Dimension::Key => named(&row.key),
        Dimension::Person => named(&row.person),
        Dimension::Group => named(&row.group),
        Dimension::Workspace => text(&row.workspace),
        Dimension::Model => text(&row.model),
        Dimension::Provider => text(&row.provider),
        Dimension::Day => text(&row.day),
    }
}

fn csv(spend: &Spend) -> Csv {
    let dimensions = || spend.group_by.iter().copied();
    let names: Vec<&str> = dimensions().flat_map(columns).chain(&SUMS).copied().collect();
    let mut csv = Csv::new(&names);
    for row in &spend.rows {
        let sums = [
            row.requests.to_string(),
            row.tokens.input.to_string(),
            row.tokens.cache_read.to_string(),
            row.tokens.cache_write_5m.to_string(),
            row.tokens.cache_write_1h.to_string(),
            row.tokens.output.to_string(),
            row.tokens.reasoning.to_string(),
            row.cost.usd.clone(),
            row.overrun.usd.clone(),
        ];
        csv.row(dimensions().flat_map(|d| cells(row, d)).chain(sums));
    }
    csv
}
