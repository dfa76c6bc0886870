//! `bailey doctor`

mod database;
mod machine;
mod providers;
mod workspaces;

use clap::Args;
use serde::Serialize;

use super::Env;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::settings::{ConfigArgs, ServerArgs};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    server: ServerArgs,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: String,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: State::Ok,
            detail: detail.into(),
            hint: None,
        }
    }

    fn warn(name: impl Into<String>, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            state: State::Warn,
            hint: Some(hint.into()),
            ..Self::ok(name, detail)
        }
    }

    fn fail(name: impl Into<String>, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            state: State::Fail,
            ..Self::warn(name, detail, hint)
        }
    }
}

pub(crate) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    let mut checks = Vec::new();
    match arguments.config.read(&arguments.server, env) {
        Err(errors) => checks.push(Check::fail(
            "configuration",
            errors.to_string(),
            "nothing else can be looked at until this is mended",
        )),
        Ok(config) => {
            let file = config
                .file
                .as_ref()
                .map_or("no file".to_owned(), |file| file.display().to_string());
            checks.push(Check::ok("configuration", file));
            checks.push(machine::data_dir(&config));
            checks.push(machine::disk(&config));
            checks.push(machine::port(&config).await);
            checks.extend(machine::certificate(&config));
            checks.push(machine::descriptors(&config));
            checks.push(database::database(&config).await);
            checks.extend(providers::providers(&config).await);
            checks.push(providers::prices(&config));
            checks.extend(workspaces::workspaces(&config).await);
        }
    }
    match arguments.output {
        Output::Json => output::json(&checks)?,
        Output::Table => output::data(&text(&checks))?,
    }
    let failed = checks.iter().filter(|check| check.state == State::Fail).count();
    if failed > 0 {
        let failed = if failed == 1 {
            "one check".to_owned()
        } else {
            format!("{failed} checks")
        };
        return Err(Failure::new(format!("{failed} failed")));
    }
    Ok(())
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let lines = checks.iter().flat_map(|check| {
        let state = match check.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        let line = format!("{state:<4}  {:<width$}  {}\n", check.name, check.detail);
        let hint = check
            .hint
            .as_ref()
            .map(|hint| format!("{:width$}        hint: {hint}\n", ""));
        std::iter::once(line).chain(hint)
    });
    lines.collect()
}
