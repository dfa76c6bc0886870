//! `bailey keys`

mod arguments;

use bailey_api::keys::{Key, KeyListQuery, KeyState, KeyWithSecret};
use bailey_api::{Lifetime, Page};
use bailey_core::key::Tier;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::{Env, Shown, budgets};
use crate::client::segment;
use crate::failure::Failure;
use crate::output::{self, Output, understood};
use crate::table::{Details, Table, count, dollars, or_nothing, time};

use arguments::{Create, List, Update};

const PATH: &str = "/keys";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List keys
    List(List),
    /// Show a key, its limits and its budgets
    Show {
        /// Its id
        key: String,
    },
    /// Make a key; it is printed this once
    Create(Box<Create>),
    /// Change a key
    Update(Box<Update>),
    /// Revoke a key at once, open streams included; for good
    Revoke {
        /// Its id
        key: String,
    },
    /// Replace a key's secret; the old one ends at once, and the new one is printed this once
    Rotate {
        /// Its id
        key: String,
    },
}

/// A request without content.
#[derive(Serialize)]
struct Empty {}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let output = arguments.shown.output;
    let one = |key: &str| format!("{PATH}/{}", segment(key));
    match arguments.verb {
        Verb::List(list) => {
            let query: KeyListQuery = list.into();
            output::show(output, api.list(PATH, &query, None).await?, table)
        }
        Verb::Show { key } => output::show(output, api.get(&one(&key), &()).await?, details),
        Verb::Create(create) => secret(output, api.post(PATH, &create.body()?).await?),
        Verb::Rotate { key } => secret(output, api.post(&format!("{}/rotate", one(&key)), &Empty {}).await?),
        Verb::Update(update) => {
            let path = one(&update.key);
            output::show(output, api.patch(&path, &update.body()?).await?, details)
        }
        Verb::Revoke { key } => {
            let answer = api.post(&format!("{}/revoke", one(&key)), &Empty {}).await?;
            if output == Output::Json {
                return output::json(&answer);
            }
            output::note(&format!("{key} is revoked"));
            Ok(())
        }
    }
}

/// The key alone as data, so that scripts can take it; what is known of it beside.
fn secret(output: Output, answer: Value) -> Result<(), Failure> {
    if output == Output::Json {
        return output::json(&answer);
    }
    let made: KeyWithSecret = understood(answer)?;
    output::note(&details(&made.record));
    output::note("The key is not shown again:");
    output::data(&made.key)
}

const fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::Expired => "expired",
        KeyState::Revoked => "revoked",
    }
}

fn table(page: &Page<Key>) -> String {
    let mut table = Table::new(["NAME", "SCOPE", "STATE", "PERSON", "BUDGETS", "EXPIRES (UTC)", "ID"]);
    for key in &page.items {
        let budgets = key.budgets.iter();
        let budgets: Vec<String> = budgets.map(|b| format!("{}/{}", dollars(&b.limit), b.period)).collect();
        table.row([
            key.name.clone(),
            key.scope.to_string(),
            state(key.state).to_owned(),
            key.person.name.clone(),
            if budgets.is_empty() {
                or_nothing(None::<String>)
            } else {
                budgets.join(" ")
            },
            or_nothing(key.expires_at.map(time)),
            key.id.to_string(),
        ]);
    }
    table.text("no keys")
}

fn details(key: &Key) -> String {
    let unlimited = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), count);
    let labels = key.metadata.iter().map(|(name, value)| format!("{name}={value}"));
    let labels: Vec<String> = labels.collect();
    let text = Details::default()
        .with("id", key.id.to_string())
        .with("name", key.name.clone())
        .with("begins with", key.prefix.clone())
        .with("scope", key.scope.to_string())
        .with("state", state(key.state))
        .with("person", key.person.name.clone())
        .maybe("group", key.group.clone())
        .maybe("workspace", key.workspace.clone())
        .with("models", models(key))
        .with("requests per minute", unlimited(key.rpm.map(Into::into)))
        .with("tokens per minute", unlimited(key.tpm))
        .with("at the same time", unlimited(key.concurrent.map(Into::into)))
        .with(
            "expires (UTC)",
            key.expires_at.map_or_else(|| Lifetime::Never.to_string(), time),
        )
        .maybe("metadata", (!labels.is_empty()).then(|| labels.join(", ")))
        .with("created", time(key.created_at))
        .maybe("rotated", key.rotated_at.map(time))
        .maybe("revoked", key.revoked_at.map(time))
        .text();
    format!("{text}\n{}", budgets::rows(&key.budgets).text("no budgets of its own"))
}

fn models(key: &Key) -> String {
    let tiers = key
        .models
        .tiers
        .iter()
        .flatten()
        .map(|tier: &Tier| tier.as_str().to_owned());
    let names = key.models.names.iter().flatten().cloned();
    let (tiers, names): (Vec<_>, Vec<_>) = (tiers.collect(), names.collect());
    match (tiers.is_empty(), names.is_empty()) {
        (true, true) => "any".to_owned(),
        (false, true) => format!("of tier {}", tiers.join(", ")),
        (true, false) => names.join(", "),
        (false, false) => format!("{} of tier {}", names.join(", "), tiers.join(", ")),
    }
}
