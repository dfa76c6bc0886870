//! The demo forge as a program of its own: what a server under load asks about what it was told.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use bailey_demo_forge::{DemoConfig, DemoForge};
use clap::Parser;

/// Serves the demonstration's forge until standard input ends. Prints one line of JSON when it listens: its address, and a token of its
/// user `bailey`. The secrets of its webhooks are in `forge.json` in the directory.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where its state and repositories are: made where it is not there.
    #[arg(long)]
    directory: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let forge = DemoForge::start(DemoConfig::new(arguments.directory)).await?;
    let token = forge.token_create("bailey", "bench", &["api"], None)?;
    let said = serde_json::json!({ "url": forge.url(), "token": token });
    writeln!(std::io::stdout(), "{said}").context("nobody reads")?;
    let wait = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(wait).await??;
    forge.stop().await;
    Ok(())
}
