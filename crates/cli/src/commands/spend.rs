//! `bailey spend`

use bailey_api::Moment;
use bailey_api::requests::Format;
use bailey_api::spend::{Dimension, Spend, SpendQuery, SpendRow};
use bailey_core::{KeyId, WorkspaceId};
use clap::Args;

use super::Env;
use crate::client::Remote;
use crate::failure::Failure;
use crate::output::{self, RowOutput, understood};
use crate::table::{Table, count, or_nothing, spent};

const PATH: &str = "/spend";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// By what to group: key, person, group, workspace, model, provider, day; several with commas between them
    #[arg(long, value_name = "DIMENSIONS")]
    group_by: Option<String>,
    /// From the day of this: a date, a time, or a duration back from now such as 30d
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Up to this
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// Only that of this key
    #[arg(long)]
    key: Option<KeyId>,
    /// Only that of this person
    #[arg(long)]
    user: Option<String>,
    /// Only that charged to this group
    #[arg(long)]
    group: Option<String>,
    /// Only that of this workspace
    #[arg(long)]
    workspace: Option<WorkspaceId>,
    /// Only that of this model
    #[arg(long)]
    model: Option<String>,
    /// Only that of this provider
    #[arg(long)]
    provider: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    output: RowOutput,
    #[command(flatten)]
    remote: Remote,
}

pub(crate) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.remote.api(env)?;
    let csv = arguments.output == RowOutput::Csv;
    let query = SpendQuery {
        since: arguments.since,
        until: arguments.until,
        group_by: arguments.group_by.clone(),
        key: arguments.key,
        person: arguments.user.clone(),
        group: arguments.group.clone(),
        workspace: arguments.workspace,
        model: arguments.model.clone(),
        provider: arguments.provider.clone(),
        format: csv.then_some(Format::Csv),
    };
    if csv {
        return api.csv(PATH, &query, None, output::data).await;
    }
    let answer = api.get(PATH, &query).await?;
    match arguments.output {
        RowOutput::Table => output::data(&table(&understood(answer)?)),
        RowOutput::Json | RowOutput::Csv => output::json(&answer),
    }
}

fn table(spend: &Spend) -> String {
    let dimensions = spend.group_by.iter().map(|dimension| dimension.as_str().to_uppercase());
    let numbers = [
        ">REQUESTS",
        ">INPUT",
        ">CACHED",
        ">WRITTEN",
        ">OUTPUT",
        ">COST",
        ">OVERRUN",
    ];
    let mut table = Table::new(dimensions.chain(numbers.map(str::to_owned)));
    for row in &spend.rows {
        let cells = spend.group_by.iter().map(|dimension| cell(row, *dimension));
        table.row(cells.chain(sums(row.requests, &row.tokens, &row.cost, &row.overrun)));
    }
    if spend.rows.len() != 1 {
        let total = &spend.total;
        let label = spend.group_by.iter().enumerate();
        let label = label.map(|(at, _)| if at == 0 { "total".to_owned() } else { String::new() });
        table.row(label.chain(sums(total.requests, &total.tokens, &total.cost, &total.overrun)));
    }
    table.text("nothing was spent")
}

fn cell(row: &SpendRow, dimension: Dimension) -> String {
    let named = |named: &Option<bailey_api::Named>| or_nothing(named.as_ref().map(|named| &named.name));
    match dimension {
        Dimension::Key => named(&row.key),
        Dimension::Person => named(&row.person),
        Dimension::Group => named(&row.group),
        Dimension::Workspace => or_nothing(row.workspace.as_ref()),
        Dimension::Model => or_nothing(row.model.as_ref()),
        Dimension::Provider => or_nothing(row.provider.as_ref()),
        Dimension::Day => or_nothing(row.day.as_ref()),
    }
}

fn sums(
    requests: u64,
    tokens: &bailey_api::requests::Tokens,
    cost: &bailey_api::Amount,
    overrun: &bailey_api::Amount,
) -> [String; 7] {
    [
        count(requests),
        count(tokens.input),
        count(tokens.cache_read),
        count(tokens.cache_write_5m.saturating_add(tokens.cache_write_1h)),
        count(tokens.output),
        spent(cost),
        spent(overrun),
    ]
}
