//! The program `bailey-agent`: what it is asked to be.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::{files, layer, run, sandbox};

const USAGE: &str = "\
usage: bailey-agent COMMAND

  run      runs a workspace; its manifest is on standard input
  probe    says what this machine can do for sandboxes
  sweep    removes the cgroups that killed agents left behind, and says which
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
        Some("sweep") => tell(&sandbox::sweep()),
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

fn tell(found: &impl serde::Serialize) -> ExitCode {
    match serde_json::to_string(found) {
        Ok(text) => say(io::stdout(), &text),
        Err(_) => ExitCode::FAILURE,
    }
}
