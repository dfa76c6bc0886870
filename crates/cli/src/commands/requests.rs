//! `bailey requests`

use bailey_api::requests::{Attempt, Format, Request, RequestDetail, RequestListQuery};
use bailey_api::{Moment, Page};
use bailey_core::ledger::Outcome;
use bailey_core::{KeyId, WorkspaceId};
use clap::Args;

use super::Env;
use crate::client::{Remote, segment};
use crate::failure::Failure;
use crate::output::{self, RowOutput, understood};
use crate::table::{Details, Table, count, dollars, latency, or_nothing, spent, time};

const PATH: &str = "/requests";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Show one request and its attempts, by its id
    #[arg(conflicts_with_all = ["since", "until", "key", "user", "group", "model", "outcome"])]
    request: Option<String>,
    /// Only those that arrived at or after this: a date, a time, or a duration back from now such as 24h
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only those that arrived before this
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// Only those of this key
    #[arg(long)]
    key: Option<KeyId>,
    /// Only those of this person
    #[arg(long)]
    user: Option<String>,
    /// Only those charged to this group
    #[arg(long)]
    group: Option<String>,
    /// Only those of this workspace
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// Only those that asked for this model
    #[arg(long)]
    model: Option<String>,
    /// Only those that this provider answered
    #[arg(long)]
    provider: Option<String>,
    /// Only those that ended like this: `ok`, `denied`, `error`, `client_gone` or `unknown`
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Only those of this session of a client
    #[arg(long)]
    session: Option<String>,
    /// At most this many, the newest; CSV has all of them unless a number is given
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    output: RowOutput,
    #[command(flatten)]
    remote: Remote,
}

/// How many are shown unless a number is given.
const SHOWN: u32 = 100;

pub(crate) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.remote.api(env)?;
    if let Some(request) = &arguments.request {
        let answer = api.get(&format!("{PATH}/{}", segment(request)), &()).await?;
        return match arguments.output {
            RowOutput::Table => output::data(&details(&understood(answer)?)),
            RowOutput::Json | RowOutput::Csv => output::json(&answer),
        };
    }
    let mut query = arguments.query();
    if arguments.output == RowOutput::Csv {
        query.format = Some(Format::Csv);
        return api.csv(PATH, &query, arguments.limit, output::data).await;
    }
    let answer = api.list(PATH, &query, Some(arguments.limit.unwrap_or(SHOWN))).await?;
    if arguments.output == RowOutput::Json {
        return output::json(&answer);
    }
    let page: Page<Request> = understood(answer)?;
    output::data(&table(&page))?;
    if page.next_cursor.is_some() {
        output::note(&format!("there are more than these {}; use --limit", page.items.len()));
    }
    Ok(())
}

impl Arguments {
    fn query(&self) -> RequestListQuery {
        RequestListQuery {
            since: self.since,
            until: self.until,
            key: self.key,
            person: self.user.clone(),
            group: self.group.clone(),
            workspace: self.workspace,
            model: self.model.clone(),
            provider: self.provider.clone(),
            outcome: self.outcome,
            session: self.session.clone(),
            limit: None,
            cursor: None,
            format: None,
        }
    }
}

fn outcome(text: &str) -> Result<Outcome, String> {
    let names = || {
        Outcome::ALL
            .iter()
            .map(|outcome| outcome.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = Outcome::ALL.iter().find(|outcome| outcome.as_str() == text);
    found.copied().ok_or_else(|| format!("use one of {}", names()))
}

/// How something ended, with the code that says why.
fn ended(outcome: Outcome, code: Option<&str>) -> String {
    let outcome = outcome.as_str();
    code.map_or_else(|| outcome.to_owned(), |code| format!("{outcome} {code}"))
}

fn table(page: &Page<Request>) -> String {
    let names = [
        "TIME (UTC)",
        "MODEL",
        "PROVIDER",
        "OUTCOME",
        ">STATUS",
        ">INPUT",
        ">OUTPUT",
        ">COST",
        ">LATENCY",
        "ID",
    ];
    let mut table = Table::new(names);
    for request in &page.items {
        let tokens = &request.tokens;
        let input = [
            tokens.input,
            tokens.cache_read,
            tokens.cache_write_5m,
            tokens.cache_write_1h,
        ];
        table.row([
            time(request.started_at),
            request.model.clone(),
            or_nothing(request.provider.as_ref()),
            ended(request.outcome, request.code.as_deref()),
            request.status.to_string(),
            count(input.into_iter().fold(0, u64::saturating_add)),
            count(tokens.output),
            spent(&request.cost),
            latency(request.latency_us),
            request.id.to_string(),
        ]);
    }
    table.text("no requests")
}

fn details(detail: &RequestDetail) -> String {
    let request = &detail.request;
    let tokens = &request.tokens;
    let text = Details::default()
        .with("id", request.id.to_string())
        .with("time (UTC)", time(request.started_at))
        .with("key", or_nothing(request.key.as_ref()))
        .maybe("API token", request.token.clone())
        .with("person", or_nothing(request.person.as_ref()))
        .maybe("group", request.group.clone())
        .maybe("workspace", request.workspace.clone())
        .maybe("session", request.session.clone())
        .with(
            "protocol",
            format!("{}{}", request.protocol, if request.stream { ", streamed" } else { "" }),
        )
        .with("model", request.model.clone())
        .with("provider", or_nothing(request.provider.as_ref()))
        .with("provider's name", or_nothing(request.provider_model.as_ref()))
        .maybe("provider's id", request.provider_request_id.clone())
        .with("outcome", format!("{} ({})", request.outcome.as_str(), request.status))
        .maybe("code", request.code.clone())
        .with("attempts", request.attempts.to_string())
        .with("input", count(tokens.input))
        .with("cache read", count(tokens.cache_read))
        .with("cache written, 5 min", count(tokens.cache_write_5m))
        .with("cache written, 1 h", count(tokens.cache_write_1h))
        .with(
            "output",
            format!("{} (reasoning {})", count(tokens.output), count(tokens.reasoning)),
        )
        .with("cost", dollars(&request.cost))
        .with("overrun", dollars(&request.overrun))
        .maybe("flag", request.flag.map(|flag| flag.as_str().to_owned()))
        .with("prices", or_nothing(request.price_version.as_ref()))
        .with("latency", latency(request.latency_us))
        .with("first content", or_nothing(request.ttft_us.map(latency)))
        .text();
    if detail.attempts_made.is_empty() {
        return text;
    }
    format!("{text}\n{}", attempts(&detail.attempts_made))
}

fn attempts(attempts: &[Attempt]) -> String {
    let mut table = Table::new([
        ">ATTEMPT",
        "PROVIDER",
        "PROVIDER'S NAME",
        "OUTCOME",
        ">STATUS",
        ">COST",
        ">LATENCY",
    ]);
    for attempt in attempts {
        table.row([
            attempt.number.to_string(),
            attempt.provider.clone(),
            attempt.provider_model.clone(),
            ended(attempt.outcome, attempt.code.as_deref()),
            or_nothing(attempt.status),
            spent(&attempt.cost),
            latency(attempt.latency_us),
        ]);
    }
    table.text("no attempts")
}
