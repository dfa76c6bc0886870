//! `bailey server`

use bailey_runtime::config::env;
use bailey_runtime::{failpoint, telemetry};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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
    raise_descriptor_limit();
    Box::pin(bailey_server::run(config)).await?;
    Ok(())
}

/// Takes as many file descriptors as the machine allows: the usual limit of 1,024 is for programs that call `select`.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}
