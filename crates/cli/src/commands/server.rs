//! `bailey server`

use bailey_runtime::config::env;
use bailey_runtime::{failpoint, telemetry};
use clap::Args;

use super::Env;
use crate::failure::Failure;
use crate::settings::{ConfigArgs, ServerArgs};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(arguments: &Arguments, environment: &Env) -> Result<(), Failure> {
    let config = arguments.config.load(&arguments.server, environment)?;
    telemetry::init(&config.log, !environment.contains_key("NO_COLOR"))?;
    if let Some(spec) = environment.get(env::FAIL_AT) {
        failpoint::arm(spec);
    }
    Box::pin(bailey_server::run(config)).await?;
    Ok(())
}
