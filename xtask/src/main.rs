#![doc = include_str!("../README.md")]

mod tidy;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

const USAGE: &str = "usage: cargo run -p xtask -- tidy";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["tidy"] {
        return tidy();
    }
    writeln!(io::stderr(), "{USAGE}")?;
    Ok(ExitCode::FAILURE)
}

/// Runs every check on the repository that this crate was built from, and prints what was found.
fn tidy() -> anyhow::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let report = tidy::run(&root)?;
    let mut out = io::stdout().lock();
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    let (errors, warnings) = (report.errors(), report.findings.len() - report.errors());
    writeln!(
        out,
        "tidy: {} files, {errors} errors, {warnings} warnings",
        report.files
    )?;
    Ok(if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
