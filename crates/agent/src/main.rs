//! The binary `bailey-agent`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use bailey_agent::sandbox;

fn main() -> ExitCode {
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("launch") => sandbox::launch(),
        Some("probe") => probe(),
        Some("sweep") => sweep(),
        _ => ExitCode::FAILURE,
    }
}

fn probe() -> ExitCode {
    print(&sandbox::probe(Path::new("/proc/self/exe"), &std::env::temp_dir()))
}

/// Reads the names of the sandboxes that are wanted, and tells which cgroups were removed.
fn sweep() -> ExitCode {
    match serde_json::from_reader::<_, Vec<String>>(std::io::stdin()) {
        Ok(keep) => print(&sandbox::sweep(&keep)),
        Err(_) => ExitCode::FAILURE,
    }
}

fn print(value: &impl serde::Serialize) -> ExitCode {
    let written = serde_json::to_vec(value)
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::io::stdout().write_all(&bytes));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
