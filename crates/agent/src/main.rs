//! The binary `bailey-agent`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use bailey_agent::sandbox;

fn main() -> ExitCode {
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("launch") => sandbox::launch(),
        Some("probe") => probe(),
        _ => ExitCode::FAILURE,
    }
}

fn probe() -> ExitCode {
    let found = sandbox::probe(Path::new("/proc/self/exe"), &std::env::temp_dir());
    let written = serde_json::to_vec(&found)
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::io::stdout().write_all(&bytes));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
