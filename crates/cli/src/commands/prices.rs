//! `bailey prices`

use std::path::{Path, PathBuf};

use bailey_core::Timestamp;
use bailey_llm::PriceTable;
use bailey_llm::price::{Imported, import_litellm, import_models_dev};
use bailey_runtime::Clock;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::failure::{Explain, Failure};
use crate::output::{self, Output};
use crate::table::counted;

/// How many of the entries that were left out are named.
const NAMED: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say everything that is wrong with a price file, or that nothing is
    Check {
        /// The price file [default: the list that comes with Bailey]
        file: Option<PathBuf>,
        /// How to show it
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Make a price file of a public price list that was downloaded
    Import(Import),
}

#[derive(Debug, Args)]
struct Import {
    /// The downloaded list
    file: PathBuf,
    /// Whose list it is: LiteLLM's `model_prices_and_context_window.json`, or `https://models.dev/api.json`
    #[arg(long, value_enum)]
    from: Source,
    /// Write the price file here, unless most models of the one that is there would vanish [default: print it]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// When the list was downloaded, as 2026-01-31 [default: today]
    #[arg(long, value_parser = date)]
    date: Option<String>,
}

/// Public price lists that can be read.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Source {
    // LiteLLM's model_prices_and_context_window.json.
    #[value(name = "litellm")]
    LiteLlm,
    // https://models.dev/api.json.
    #[value(name = "models.dev")]
    ModelsDev,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Check { file, output } => check(file.as_deref(), *output),
        Verb::Import(arguments) => import(arguments),
    }
}

fn check(file: Option<&Path>, output: Output) -> Result<(), Failure> {
    let (name, text) = match file {
        Some(file) => (file.display().to_string(), read(file)?),
        None => (
            "the shipped price list".to_owned(),
            PriceTable::shipped_text().to_owned(),
        ),
    };
    let parsed = PriceTable::parse(&text);
    let told = |errors: &[bailey_llm::PriceError]| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
    match (&parsed, output) {
        (Ok(table), Output::Table) => output::data(&format!(
            "{name} is fine: {}, version {}",
            counted(table.len(), "price"),
            table.version()
        )),
        (Ok(table), Output::Json) => {
            output::json(&json!({ "file": name, "version": table.version(), "prices": table.len(), "errors": [] }))
        }
        (Err(errors), output) => {
            if output == Output::Json {
                output::json(&json!({ "file": name, "errors": told(errors) }))?;
            }
            Err(refused(&name, &told(errors)))
        }
    }
}

fn refused(name: &str, errors: &[String]) -> Failure {
    let lines: Vec<String> = errors.iter().map(|error| format!("\n  {error}")).collect();
    Failure::new(format!("{name} is no good price file{}", lines.concat()))
}

fn import(arguments: &Import) -> Result<(), Failure> {
    let list = read(&arguments.file)?;
    let today = || Clock::system().now().to_string().chars().take(10).collect();
    let date: String = arguments.date.clone().unwrap_or_else(today);
    let imported = match arguments.from {
        Source::LiteLlm => import_litellm(&list, &date),
        Source::ModelsDev => import_models_dev(&list, &date),
    };
    let imported = imported.doing(|| format!("cannot import {}", arguments.file.display()))?;
    report(&imported);
    match &arguments.to {
        Some(to) => replace(to, &imported.toml),
        None => output::data(&imported.toml),
    }
}

fn report(imported: &Imported) {
    let skipped = imported.skipped.len();
    output::note(&format!("{}; {skipped} left out", counted(imported.taken, "price")));
    for entry in imported.skipped.iter().take(NAMED) {
        output::note(&format!("  {}: {}", entry.name, entry.reason));
    }
    if skipped > NAMED {
        output::note(&format!("  and {} more", skipped - NAMED));
    }
}

/// Puts the new file in place of the old one in one step, so that a server never reads half of it.
fn replace(to: &Path, text: &str) -> Result<(), Failure> {
    let new = PriceTable::parse(text).map_err(|errors| Failure::new(format!("{errors:?}")))?;
    if to.exists() {
        let old = PriceTable::parse(&read(to)?);
        let old = old.map_err(|errors| {
            refused(
                &to.display().to_string(),
                &errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )
        })?;
        new.check_against(&old)
            .hint(|| format!("{} is left as it is; remove it to start anew", to.display()))?;
    }
    let beside = to.with_extension("new");
    let write = || std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, to));
    write().doing(|| format!("cannot write {}", to.display()))?;
    output::note(&format!("{} is written: version {}", to.display(), new.version()));
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).doing(|| format!("cannot read {}", file.display()))
}

fn date(text: &str) -> Result<String, String> {
    let parsed = Timestamp::parse(&format!("{text}T00:00:00Z"));
    parsed
        .map(|_| text.to_owned())
        .ok_or_else(|| "write a date such as 2026-01-31".to_owned())
}
