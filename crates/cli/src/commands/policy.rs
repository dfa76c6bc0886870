//! `bailey policy`

use bailey_api::policy::{ExplainQuery, Explanation};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

/// Who stands for whoever asks.
const ME: &str = "me";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say whether somebody may do something, and why: `explain ada keys.read on key_...`
    Explain {
        /// The person's name or id, or `me`
        who: String,
        /// The action, such as `keys.read`
        what: String,
        /// The word `on` and an id, or person:NAME, group:NAME, template:NAME, role:NAME, workspace:OWNER/NAME
        #[arg(value_name = "on WHICH", num_args = 0..=2)]
        which: Vec<String>,
    },
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let Verb::Explain { who, what, which } = arguments.verb;
    let resource = match which.as_slice() {
        [] => None,
        [which] => Some(which.clone()),
        [on, which] if on.eq_ignore_ascii_case("on") => Some(which.clone()),
        _ => return Err(Failure::new("after the action comes `on`, and then what it is done to")),
    };
    let query = ExplainQuery {
        person: (who != ME).then_some(who),
        action: what,
        resource,
    };
    let answer = api.get("/policy/explain", &query).await?;
    output::show(arguments.shown.output, answer, explained)
}

fn explained(explanation: &Explanation) -> String {
    let verdict = match (explanation.allowed, explanation.reach) {
        (true, Some(reach)) => format!("allowed, reaching {}", reach.as_str()),
        (true, None) => "allowed".to_owned(),
        (false, _) => "not allowed".to_owned(),
    };
    let mut table = Table::new(["", "WHY"]);
    for reason in &explanation.reasons {
        let sign = if reason.allows { "+" } else { "-" };
        table.row([sign.to_owned(), reason.detail.clone()]);
    }
    format!("{verdict}\n\n{}", table.text("nothing was looked at"))
}
