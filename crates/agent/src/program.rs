//! The program `bailey-agent`: what it is asked to be.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::{files, layer, run, sandbox};

const USAGE: &str = "\
usage: bailey-agent COMMAND

  run      runs a workspace; its manifest is on standard input
  probe    says what this machine can do for sandboxes
  sweep [SECONDS]
           removes what killed agents left behind that is older; the names of those to keep are on standard input
  layer    runs an install script into a directory; what to do is on standard input
  launch   makes a sandbox (started by the agent itself)
  files    serves files (started by the agent itself, inside)
";

/// Does what the first argument says.
pub fn main() -> ExitCode {
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        Some("run") => {
            log();
            run::main()
        }
        Some("launch") => sandbox::launch(),
        Some("files") => files::helper::main(),
        Some("layer") => layer::main(),
        Some("probe") => tell(&sandbox::probe(Path::new("/proc/self/exe"), &std::env::temp_dir())),
        Some("sweep") => sweep(),
        Some("--version" | "-V") => say(io::stdout(), concat!("bailey-agent ", env!("CARGO_PKG_VERSION"), "\n")),
        Some("--help" | "-h") => say(io::stdout(), USAGE),
        _ => {
            say(io::stderr(), USAGE);
            ExitCode::from(2)
        }
    }
}

fn say(mut to: impl io::Write, text: &str) -> ExitCode {
    match to.write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn log() {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .init();
}

/// Reads the names of the sandboxes that are wanted, and tells what was removed.
fn sweep() -> ExitCode {
    let age = match std::env::args_os().nth(2).map(|text| seconds(&text)) {
        None => Duration::ZERO,
        Some(Some(age)) => age,
        Some(None) => return say(io::stderr(), "the age is a number of seconds\n"),
    };
    match serde_json::from_reader::<_, Vec<String>>(io::stdin()) {
        Ok(keep) => tell(&sandbox::sweep(&keep, age)),
        Err(_) => say(
            io::stderr(),
            "the names of sandboxes are expected on standard input, as a JSON list\n",
        ),
    }
}

fn seconds(text: &OsStr) -> Option<Duration> {
    Some(Duration::from_secs(text.to_str()?.parse().ok()?))
}

fn tell(found: &impl serde::Serialize) -> ExitCode {
    match serde_json::to_string(found) {
        Ok(text) => say(io::stdout(), &text),
        Err(_) => ExitCode::FAILURE,
    }
}
