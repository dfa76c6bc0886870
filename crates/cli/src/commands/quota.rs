//! `bailey quota`

use bailey_api::quota::{LimitKind, OwnQuota};
use bailey_runtime::config::format_size;
use clap::Args;

use super::{Env, Shown};
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let answer = arguments.shown.api(env)?.get("/me/quota", &()).await?;
    output::show(arguments.shown.output, answer, table)
}

fn table(quota: &OwnQuota) -> String {
    let mut table = Table::new(["OF", ">USED", ">LIMIT", "SAYS"]);
    for limit in &quota.limits {
        table.row([
            name(limit.what).to_owned(),
            amount(limit.what, limit.used),
            limit
                .limit
                .map_or_else(|| "no limit".to_owned(), |most| amount(limit.what, most)),
            limit.from.clone(),
        ]);
    }
    table.text("no limits")
}

const fn name(what: LimitKind) -> &'static str {
    match what {
        LimitKind::Workspaces => "workspaces",
        LimitKind::Running => "running workspaces",
        LimitKind::CpuMilli => "CPUs of what runs",
        LimitKind::Memory => "memory of what runs",
        LimitKind::Disk => "homes",
    }
}

fn amount(what: LimitKind, number: u64) -> String {
    match what {
        LimitKind::Workspaces | LimitKind::Running => number.to_string(),
        LimitKind::CpuMilli if number.is_multiple_of(1000) => (number / 1000).to_string(),
        LimitKind::CpuMilli => format!("{}.{:03}", number / 1000, number % 1000),
        LimitKind::Memory | LimitKind::Disk => format_size(number),
    }
}
