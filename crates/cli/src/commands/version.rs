//! `bailey version`

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, Output};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    match arguments.output {
        Output::Table => output::data(&format!("bailey {version}")),
        Output::Json => output::json(&json!({ "name": "bailey", "version": version })),
    }
}
