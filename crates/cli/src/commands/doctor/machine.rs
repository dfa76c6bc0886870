//! What the machine gives: a folder, room in it, a port, file descriptors.

use std::path::{Path, PathBuf};

use bailey_runtime::Clock;
use bailey_runtime::config::{Config, format_size};
use tokio::net::TcpListener;

use super::Check;

/// Less than this is too little for a database and a journal to begin with.
const LEAST_DISK: u64 = 1 << 30;
/// File descriptors besides those of connections: files, the database, the runtime.
const OTHER_DESCRIPTORS: u64 = 128;

/// Whether the data directory can be written, or made.
pub(super) fn data_dir(config: &Config) -> Check {
    const NAME: &str = "data directory";
    let wanted = &config.server.data_dir;
    let there = existing(wanted);
    let probe = there.join(".bailey-doctor");
    let tried = std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) if there == *wanted => Check::ok(NAME, format!("{} is writable", wanted.display())),
        Ok(()) => Check::ok(NAME, format!("{} will be made", wanted.display())),
        Err(error) => Check::fail(
            NAME,
            format!("{} is not writable: {error}", there.display()),
            "run as the user that it belongs to, or name another with --data-dir",
        ),
    }
}

/// Whether there is room for the journal at its largest.
pub(super) fn disk(config: &Config) -> Check {
    const NAME: &str = "disk";
    let there = existing(&config.server.data_dir);
    let free = match rustix::fs::statvfs(&there) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Check::warn(NAME, format!("cannot tell how much is free: {error}"), "look with df"),
    };
    let unit = if free >= 10 * LEAST_DISK { 1 << 30 } else { 1 << 20 };
    let detail = format!("{} free at {}", format_size(free / unit * unit), there.display());
    let wanted = u64::try_from(config.audit.journal_cap).unwrap_or(u64::MAX);
    if free < LEAST_DISK {
        return Check::fail(
            NAME,
            detail,
            "make room, or name a data directory on another disk with --data-dir",
        );
    }
    if free < wanted {
        let hint = format!("the journal may grow to {} (audit.journal_cap)", format_size(wanted));
        return Check::warn(NAME, detail, hint);
    }
    Check::ok(NAME, detail)
}

/// Whether the port is free.
pub(super) async fn port(config: &Config) -> Check {
    const NAME: &str = "port";
    let listen = config.server.listen;
    match TcpListener::bind(listen).await {
        Ok(_) => Check::ok(NAME, format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Check::warn(
            NAME,
            format!("{listen} is in use"),
            "fine if that is Bailey; else name another with --listen",
        ),
        Err(error) => Check::fail(
            NAME,
            format!("cannot listen on {listen}: {error}"),
            "name another with --listen",
        ),
    }
}

/// Whether the server's certificate can be used, if it is to speak TLS.
pub(super) fn certificate(config: &Config) -> Option<Check> {
    const NAME: &str = "certificate";
    const SOON: i64 = 14 * 24 * 60 * 60;
    let now = Clock::system().now();
    match bailey_server::check_certificate(config, now) {
        Ok(None) => None,
        Ok(Some(until)) if until <= now.plus_seconds(SOON) => Some(Check::warn(
            NAME,
            format!("it expires at {until}"),
            "renew it; a running server reads it again by itself",
        )),
        Ok(Some(until)) => Some(Check::ok(NAME, format!("it is good until {until}"))),
        Err(error) => Some(Check::fail(
            NAME,
            error.to_string(),
            "the server does not start with it",
        )),
    }
}

/// Whether there are file descriptors for all connections.
pub(super) fn descriptors(config: &Config) -> Check {
    const NAME: &str = "file descriptors";
    // The server raises its own limit up to this one.
    let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum else {
        return Check::ok(NAME, "no limit");
    };
    // A client's connection may need one to a provider.
    let connections = u64::try_from(config.limits.connections).unwrap_or(u64::MAX);
    let wanted = connections.saturating_mul(2).saturating_add(OTHER_DESCRIPTORS);
    let detail = format!("at most {most}");
    if most < wanted {
        let hint =
            format!("{wanted} are needed for limits.connections = {connections}; raise with ulimit -Hn or LimitNOFILE");
        return Check::warn(NAME, detail, hint);
    }
    Check::ok(NAME, detail)
}

/// The path itself, or the nearest folder above it that exists.
fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|ancestor| ancestor.is_dir());
    match found {
        Some(found) => found.to_owned(),
        None => PathBuf::from("."),
    }
}
