#![doc = include_str!("../README.md")]

mod args;
mod client;
mod commands;
mod credentials;
mod failure;
mod input;
mod output;
mod settings;
mod table;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::failure::{ExitStatus, Failure};

/// Memory that many threads allocate and free in small pieces, which is what a proxy does, stays small with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // A panic has printed its own message by the time it is caught.
    let result = catch_unwind(AssertUnwindSafe(|| run(cli)));
    let status = match result {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) if failure.is_broken_pipe() => match failure.status() {
            ExitStatus::Failed => ExitStatus::Ok,
            own => own,
        },
        Ok(Err(failure)) => {
            output::note(&failure.report());
            failure.status()
        }
        Err(_) => {
            output::note("error: Bailey has a bug; please report the lines above\n");
            ExitStatus::Bug
        }
    };
    status.into()
}

fn run(cli: Cli) -> Result<ExitStatus, Failure> {
    let env: BTreeMap<String, String> = bailey_runtime::config::env::read().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(Box::pin(commands::run(cli.command, &env)));
    // Whatever still waits, such as a look-up of a name, is not waited for.
    runtime.shutdown_background();
    result
}
