//! `bailey models`

use bailey_api::models::{ModelList, Route};
use bailey_core::key::Tier;
use clap::Args;

use super::{Env, Shown};
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, or_nothing, time};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    shown: Shown,
}

pub(crate) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    let answer = arguments.shown.api(env)?.get("/models", &()).await?;
    output::show(arguments.shown.output, answer, table)
}

fn table(list: &ModelList) -> String {
    let mut table = Table::new(["MODEL", "TIER", "PROVIDER", "PROVIDER'S NAME", "PROTOCOLS", "STATE"]);
    for model in &list.items {
        for (at, route) in model.routes.iter().enumerate() {
            let first = at == 0;
            table.row([
                if first { model.name.clone() } else { String::new() },
                if first {
                    or_nothing(model.tier.map(Tier::as_str))
                } else {
                    String::new()
                },
                route.provider.clone(),
                or_nothing(route.model.as_ref()),
                route.protocols.join(" "),
                state(route),
            ]);
        }
    }
    table.text("no models")
}

fn state(route: &Route) -> String {
    match route.cooling_until {
        Some(until) => format!("cooling until {}", time(until)),
        None if route.healthy => "healthy".to_owned(),
        None => "failing".to_owned(),
    }
}
