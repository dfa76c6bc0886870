//! `bailey config`

use clap::{Args, Subcommand};
use serde_json::json;

use super::Env;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::settings::{ConfigArgs, ServerArgs};
use crate::table::counted;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say everything that is wrong with the configuration, or that nothing is
    Check {
        #[command(flatten)]
        config: ConfigArgs,
        /// How to show it
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print the configuration in effect as TOML, defaults written out and secrets left out
    Show {
        #[command(flatten)]
        config: ConfigArgs,
        /// How to show it: as TOML or as JSON
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

pub(crate) fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Check { config, output } => check(config, *output, env),
        Verb::Show { config, output } => {
            let config = config.load(&ServerArgs::default(), env)?;
            match output {
                Output::Table => output::data(&config.to_toml()?),
                Output::Json => output::json(&config),
            }
        }
    }
}

fn check(args: &ConfigArgs, output: Output, env: &Env) -> Result<(), Failure> {
    let file = args.file().map(|file| file.display().to_string());
    let config = match (args.read(&ServerArgs::default(), env), output) {
        (Ok(config), _) => config,
        (Err(errors), Output::Table) => return Err(errors.into()),
        (Err(errors), Output::Json) => {
            let list = errors.errors.iter().map(|error| {
                json!({
                    "path": error.path,
                    "origin": error.origin.as_ref().map(ToString::to_string),
                    "message": error.message,
                })
            });
            output::json(&json!({ "file": file, "errors": list.collect::<Vec<_>>() }))?;
            return Err(errors.into());
        }
    };
    match output {
        Output::Json => output::json(&json!({ "file": file, "errors": [] })),
        Output::Table => output::data(&format!(
            "{} is fine: {}, {}",
            file.unwrap_or_else(|| "the configuration (no file)".to_owned()),
            counted(config.providers.len(), "provider"),
            counted(config.models.len(), "model"),
        )),
    }
}
