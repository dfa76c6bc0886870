//! `GET /api/v1/requests`

use axum::Json;
use axum::response::{IntoResponse, Response};
use bailey_api::Page;
use bailey_api::requests::{Format, Request, RequestListQuery};

use crate::csv::Csv;
use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists requests, newest first, as JSON or CSV.
#[utoipa::path(
    get,
    path = "/api/v1/requests",
    operation_id = "requests_list",
    tag = "ledger",
    params(RequestListQuery),
    responses(
        (status = 200, description = "Done", content((Page<Request> = "application/json"), (String = "text/csv"))),
    ),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<RequestListQuery>) -> Result<Response, Reject> {
    let format = query.format.unwrap_or_default();
    let page = cx.app().requests_list(&cx.caller, query).await?;
    Ok(match format {
        Format::Json => Json(page).into_response(),
        Format::Csv => csv(&page.items).respond("requests.csv", page.next_cursor.as_deref()),
    })
}

const COLUMNS: [&str; 29] = [
    "id",
    "started_at",
    "key",
    "person",
    "group",
    "workspace",
    "protocol",
    "model",
    "stream",
    "session",
    "status",
    "outcome",
    "code",
    "provider",
    "provider_model",
    "provider_request_id",
    "attempts",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "cost_usd",
    "overrun_usd",
    "flag",
    "price_version",
    "latency_us",
    "ttft_us",
];

fn csv(requests: &[Request]) -> Csv {
    let mut csv = Csv::new(&COLUMNS);
    for r in requests {
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        let row: [String; COLUMNS.len()] = [
            r.id.to_string(),
            r.started_at.to_string(),
            text(&r.key),
            text(&r.person),
            text(&r.group),
            text(&r.workspace),
            r.protocol.clone(),
            r.model.clone(),
            r.stream.to_string(),
            text(&r.session),
            r.status.to_string(),
            r.outcome.as_str().to_owned(),
            text(&r.code),
            text(&r.provider),
            text(&r.provider_model),
            text(&r.provider_request_id),
            r.attempts.to_string(),
            r.tokens.input.to_string(),
            r.tokens.cache_read.to_string(),
            r.tokens.cache_write_5m.to_string(),
            r.tokens.cache_write_1h.to_string(),
            r.tokens.output.to_string(),
            r.tokens.reasoning.to_string(),
            r.cost.usd.clone(),
            r.overrun.usd.clone(),
            r.flag.map(|f| f.as_str().to_owned()).unwrap_or_default(),
            text(&r.price_version),
            r.latency_us.to_string(),
            r.ttft_us.map(|t| t.to_string()).unwrap_or_default(),
        ];
        csv.row(row);
    }
    csv
}
