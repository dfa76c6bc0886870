//! The sections that are plain lists of settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey_egress::Net;
use serde::Serialize;

use super::apps::as_text;
use super::reader::{Section, at_least, duration, list, parsed, size, text};
use super::secret::{self, Credential, SecretKeys};
use super::unit::{as_duration, as_size};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerConfig {
    /// Where the server listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where everything of the server lies.
    pub data_dir: PathBuf,
    /// The certificate that the server speaks TLS with, and those that vouch for it, PEM; `None` = plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM. It is there where the certificate is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// Host names accepted besides loopback names and the address listened on. Empty with an address that is not
    /// loopback: any.
    pub allowed_hosts: Vec<String>,
    /// Where browsers find the server, such as `https://bailey.example.com`; `None` = at the host that they name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Blocks of addresses of the proxies in front, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    #[serde(serialize_with = "as_text")]
    pub trusted_proxies: Vec<Net>,
    /// The longest time for the head of a request.
    #[serde(serialize_with = "as_duration")]
    pub header_timeout: Duration,
    /// How long shutdown waits for open streams.
    #[serde(serialize_with = "as_duration")]
    pub shutdown_grace: Duration,
}

impl ServerConfig {
    /// Whether the server speaks TLS itself.
    pub const fn speaks_tls(&self) -> bool {
        self.tls_cert.is_some()
    }
}

/// `[database]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DatabaseConfig {
    /// `postgres://...`; `None` is SQLite in the data directory.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub url: Option<Credential>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged, in the syntax of tracing's filters, such as `info,bailey_gate=debug`.
    pub level: String,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitsConfig {
    /// Bytes of one request body, after decompression.
    #[serde(serialize_with = "as_size")]
    pub body_bytes: usize,
    /// Bytes of a request's head.
    #[serde(serialize_with = "as_size")]
    pub header_bytes: usize,
    /// Header lines of a request.
    pub headers: usize,
    /// How deep JSON may nest.
    pub json_depth: usize,
    /// The longest wait between two reads of a request body.
    #[serde(serialize_with = "as_duration")]
    pub body_idle_timeout: Duration,
    /// The least bytes per second of a request body, after its first 30 seconds.
    #[serde(serialize_with = "as_size")]
    pub body_min_rate: usize,
    /// Bytes of all request bodies in memory together.
    #[serde(serialize_with = "as_size")]
    pub kept_bodies: usize,
    /// Open connections of clients.
    pub connections: usize,
}

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditConfig {
    /// What a request waits for before it goes upstream.
    pub mode: AuditMode,
    /// Bytes of one journal file.
    #[serde(serialize_with = "as_size")]
    pub journal_segment: usize,
    /// Bytes of journal not yet in the store beyond which requests are refused.
    #[serde(serialize_with = "as_size")]
    pub journal_cap: usize,
    /// How often the journal is moved to the store.
    #[serde(serialize_with = "as_duration")]
    pub flush_interval: Duration,
    /// How often the ends of the audit log's chains are signed.
    #[serde(serialize_with = "as_duration")]
    pub anchor_every: Duration,
    /// A file that anchors are appended to, besides the one in the data directory: on another disk or mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchors_file: Option<PathBuf>,
    /// An address that anchors are posted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchors_url: Option<String>,
    /// How long the audit log is kept.
    #[serde(serialize_with = "as_duration")]
    pub keep: Duration,
}

/// What a request waits for before it goes upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditMode {
    /// Its record in the journal.
    #[default]
    Journal,
    /// Its record in the store.
    Blocking,
}

/// `[retries]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetriesConfig {
    /// Further tries on the same route before the next.
    pub same_route: u32,
    /// Wait before the first of them; it doubles.
    #[serde(serialize_with = "as_duration")]
    pub backoff: Duration,
    /// The longest a provider's `retry-after` makes a route wait.
    #[serde(serialize_with = "as_duration")]
    pub max_cool_down: Duration,
    /// Failures in a row after which a route is left alone.
    pub failures_to_open: u32,
    /// For how long it is.
    #[serde(serialize_with = "as_duration")]
    pub cool_down: Duration,
}

/// `[drain]`: answers read to their end after the client hung up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrainConfig {
    /// The longest time for one.
    #[serde(serialize_with = "as_duration")]
    pub max_time: Duration,
    /// How many at once.
    pub max_streams: usize,
}

pub(super) fn server(s: &mut Section<'_>) -> ServerConfig {
    let default_dir = || match (s.cx.env.get("XDG_DATA_HOME"), s.cx.env.get("HOME")) {
        (Some(data), _) if Path::new(data).is_absolute() => Some(Path::new(data).join("bailey")),
        (_, Some(home)) if !home.is_empty() => Some(Path::new(home).join(".local/share/bailey")),
        _ => None,
    };
    let default_dir = default_dir();
    if default_dir.is_none() && !s.has("data_dir") {
        s.note("data_dir", "missing, and there is no HOME to put it under");
    }
    let host = |node: &super::tree::Node| parsed(host_name)(node);
    let net = |node: &super::tree::Node| parsed(str::parse::<Net>)(node);
    let listen = s.or("listen", SocketAddr::from(([127, 0, 0, 1], 7080)), parsed(address));
    let (tls_cert, tls_key) = (s.path("tls_cert"), s.path("tls_key"));
    for (key, there, other) in [("tls_cert", &tls_cert, &tls_key), ("tls_key", &tls_key, &tls_cert)] {
        if there.is_none() && other.is_some() && !s.failed(key) {
            s.note(key, "missing; TLS needs a certificate and its key");
        }
    }
    let public_url = s.get("public_url", parsed(public_url));
    if tls_cert.is_some() && public_url.as_deref().is_some_and(|url| url.starts_with("http://")) {
        s.note("public_url", "must begin with https:// where the server speaks TLS");
    }
    ServerConfig {
        tls_cert,
        tls_key,
        listen,
        data_dir: s
            .path("data_dir")
            .or(default_dir)
            .unwrap_or_else(|| PathBuf::from("bailey-data")),
        allowed_hosts: s.or("allowed_hosts", Vec::new(), |node| list(node, host)),
        public_url,
        trusted_proxies: s.or("trusted_proxies", Vec::new(), |node| list(node, net)),
        header_timeout: s.or("header_timeout", Duration::from_secs(10), duration),
        shutdown_grace: s.or("shutdown_grace", Duration::from_secs(90), duration),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address; write an IP address and a port, such as 127.0.0.1:7080"))
}

/// An origin as browsers write it: a scheme, a host and perhaps a port.
fn public_url(text: &str) -> Result<String, String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host.map(host_name) {
        Some(Ok(_)) => Ok(text.to_ascii_lowercase()),
        _ => Err(format!(
            "`{text}` is no address of a server; write it without a path, such as https://bailey.example.com"
        )),
    }
}

fn host_name(text: &str) -> Result<String, String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if text.is_empty() || !text.bytes().all(ok) {
        return Err(format!(
            "`{text}` is no host name; write it without scheme and path, such as bailey.example.com"
        ));
    }
    Ok(text.to_ascii_lowercase())
}

pub(super) fn database(s: &mut Section<'_>) -> DatabaseConfig {
    const KEYS: SecretKeys = SecretKeys {
        inline: "url",
        file: "url_file",
        env: None,
    };
    let url = secret::read(s, KEYS);
    if let Some(url) = &url {
        let text = url.secret().expose();
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            s.note(
                "url",
                "expected postgres://USER:PASSWORD@HOST/DATABASE; leave it out for SQLite",
            );
        }
    }
    DatabaseConfig { url }
}

pub(super) fn log(s: &mut Section<'_>) -> LogConfig {
    let format = |text: &str| match text {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("unknown format `{text}`; use human or json")),
    };
    let level = |text: &str| match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "`{text}` is no log filter ({error}); write such as info or info,bailey_gate=debug"
        )),
    };
    LogConfig {
        format: s.or("format", LogFormat::Human, parsed(format)),
        level: s.or("level", "info".to_owned(), parsed(level)),
    }
}

pub(super) fn limits(s: &mut Section<'_>) -> LimitsConfig {
    let limits = LimitsConfig {
        body_bytes: s.or("body_bytes", 32 * MIB, size),
        header_bytes: s.or("header_bytes", 64 * KIB, size),
        headers: s.or("headers", 128, at_least(1)),
        json_depth: s.or("json_depth", 128, at_least(8)),
        body_idle_timeout: s.or("body_idle_timeout", Duration::from_secs(30), duration),
        body_min_rate: s.or("body_min_rate", KIB, size),
        kept_bodies: s.or("kept_bodies", 512 * MIB, size),
        connections: s.or("connections", 10_000, at_least(1)),
    };
    if limits.kept_bodies < limits.body_bytes {
        s.note(
            "kept_bodies",
            "is less than body_bytes, so that no body of that size could ever be taken",
        );
    }
    // hyper's own floor for its read buffer.
    if limits.header_bytes < 8 * KIB {
        s.note("header_bytes", "must be at least 8KiB");
    }
    limits
}

fn anchors_url(text: &str) -> Result<String, String> {
    let is_good = ["https://", "http://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if is_good && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err("must be an address such as https://log.example.com/anchors".to_owned())
    }
}

pub(super) fn audit(s: &mut Section<'_>) -> AuditConfig {
    let mode = |text: &str| match text {
        "journal" => Ok(AuditMode::Journal),
        "blocking" => Ok(AuditMode::Blocking),
        _ => Err(format!("unknown mode `{text}`; use journal or blocking")),
    };
    let audit = AuditConfig {
        mode: s.or("mode", AuditMode::Journal, parsed(mode)),
        journal_segment: s.or("journal_segment", 64 * MIB, size),
        journal_cap: s.or("journal_cap", 4096 * MIB, size),
        flush_interval: s.or("flush_interval", Duration::from_millis(250), duration),
        anchor_every: s.or("anchor_every", Duration::from_hours(1), duration),
        anchors_file: s.path("anchors_file"),
        anchors_url: s.get("anchors_url", parsed(anchors_url)),
        keep: s.or("keep", Duration::from_hours(400 * 24), duration),
    };
    if audit.anchor_every < Duration::from_secs(1) {
        s.note("anchor_every", "must be at least 1s");
    }
    if audit.keep < Duration::from_hours(24) {
        s.note("keep", "must be at least 1d");
    }
    if audit.journal_cap < audit.journal_segment {
        s.note("journal_cap", "is less than journal_segment");
    }
    audit
}

pub(super) fn retries(s: &mut Section<'_>) -> RetriesConfig {
    RetriesConfig {
        same_route: s.or("same_route", 1, at_least(0)),
        backoff: s.or("backoff", Duration::from_millis(200), duration),
        max_cool_down: s.or("max_cool_down", Duration::from_mins(1), duration),
        failures_to_open: s.or("failures_to_open", 5, at_least(1)),
        cool_down: s.or("cool_down", Duration::from_secs(30), duration),
    }
}

pub(super) fn drain(s: &mut Section<'_>) -> DrainConfig {
    DrainConfig {
        max_time: s.or("max_time", Duration::from_mins(2), duration),
        max_streams: s.or("max_streams", 256, at_least(0)),
    }
}

/// A name in the configuration: letters, digits and `. _ - / : @`, at most 128.
pub(super) fn name(node: &super::tree::Node) -> Result<String, String> {
    let name = text(node)?;
    check_name(&name).map(|()| name)
}

pub(super) fn check_name(name: &str) -> Result<(), String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(ok) {
        return Err(format!(
            "`{name}` is no name; use 1 to 128 letters, digits and . _ - / : @"
        ));
    }
    Ok(())
}
