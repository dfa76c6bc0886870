//! Where text goes: data to standard output, everything else to standard error.

use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::{Explain, Failure};

/// The form in which something is shown. The variants have no texts, so that help names them in one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Table,
    Json,
}

/// The form in which rows are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowOutput {
    #[default]
    Table,
    Json,
    Csv,
}

/// Writes data.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Writes what is no data. Where that fails there is nobody left to tell.
pub(crate) fn note(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
}

/// Writes JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    data(&serde_json::to_string_pretty(value)?)
}

/// Shows what the server answered: as it is, or the way `table` writes it.
pub(crate) fn show<T: DeserializeOwned>(
    output: Output,
    answer: Value,
    table: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    match output {
        Output::Json => json(&answer),
        Output::Table => data(&table(&understood(answer)?)),
    }
}

/// Reads an answer as what it is documented to be.
pub(crate) fn understood<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer)
        .doing(|| "the server's answer is not understood".to_owned())
        .hint(|| "use a `bailey` of the server's version, or --output json".to_owned())
}
