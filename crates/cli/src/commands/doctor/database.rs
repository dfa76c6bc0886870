//! Whether the database can be reached. Nothing is changed, so that this is safe beside a running server of any version.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use bailey_core::Secret;
use bailey_runtime::config::Config;
use http::Uri;
use tokio::net::TcpStream;

use super::Check;

const NAME: &str = "database";
const TIMEOUT: Duration = Duration::from_secs(5);
/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const POSTGRES_PORT: u16 = 5432;

pub(super) async fn database(config: &Config) -> Check {
    match &config.database.url {
        Some(url) => postgres(url.secret()).await,
        None => sqlite(&config.sqlite_path()),
    }
}

fn sqlite(path: &Path) -> Check {
    let shown = path.display();
    if !path.exists() {
        return Check::ok(NAME, format!("SQLite at {shown} will be made"));
    }
    let mut magic = [0; MAGIC.len()];
    let opened = OpenOptions::new().read(true).write(true).open(path);
    match opened.and_then(|mut file| file.read_exact(&mut magic)) {
        Ok(()) if magic == *MAGIC => Check::ok(NAME, format!("SQLite at {shown}")),
        Ok(()) => Check::fail(NAME, format!("{shown} is no SQLite file"), "restore it from a backup"),
        Err(error) => Check::fail(
            NAME,
            format!("{shown} cannot be read and written: {error}"),
            "run as the user that it belongs to",
        ),
    }
}

async fn postgres(url: &Secret<String>) -> Check {
    let parsed = url.expose().parse::<Uri>().ok();
    // A socket's path stands in the query; whether it answers shows at start.
    let Some((host, port)) = parsed.as_ref().and_then(|uri| Some((uri.host()?, uri.port_u16()))) else {
        return Check::ok(NAME, "PostgreSQL; its address names no host to try");
    };
    let port = port.unwrap_or(POSTGRES_PORT);
    let hint = "is it running, and may this machine reach it?";
    match tokio::time::timeout(TIMEOUT, TcpStream::connect((host.trim_matches(['[', ']']), port))).await {
        Ok(Ok(_)) => Check::ok(NAME, format!("PostgreSQL at {host}:{port} answers")),
        Ok(Err(error)) => Check::fail(NAME, format!("PostgreSQL at {host}:{port}: {error}"), hint),
        Err(_) => Check::fail(
            NAME,
            format!("PostgreSQL at {host}:{port} does not answer within {TIMEOUT:?}"),
            hint,
        ),
    }
}
