//! `[workspaces]`: where workspaces run, and how much of this machine they get.

use std::path::PathBuf;
use std::time::Duration;

use bailey_core::template::Resources;
use bailey_core::workspace::Quota;
use serde::{Serialize, Serializer};

use super::keys::{or_none, unless_none};
use super::reader::{Section, at_least, boolean, duration, list, text};
use super::tree::Node;
use super::unit::{as_duration, format_size, parse_size};

/// The most connections of one workspace.
const MOST_CONNECTIONS: usize = 192;
const GIB: u64 = 1 << 30;
/// Limits that a machine may be unable to enforce.
const LIMITS: [&str; 5] = ["cpu", "memory", "processes", "io", "disk"];

/// `[workspaces]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkspacesConfig {
    /// The program `bailey-agent`; `None` = the one beside this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<PathBuf>,
    /// Limits whose absence on this machine is allowed: of `cpu`, `memory`, `processes`, `io`, `disk`.
    pub allow_missing_limits: Vec<String>,
    /// Certificate authorities (PEM files) that are trusted inside.
    pub certificates: Vec<PathBuf>,
    /// Account ids from this one on belong to workspaces; used where the server runs as root.
    pub first_id: u32,
    /// The longest time that a build may take.
    #[serde(serialize_with = "as_duration")]
    pub build_timeout: Duration,
    /// Workspaces that go up at the same time, at most half of them one person's.
    pub parallel_builds: usize,
    /// Connections to hosts outside that one workspace may have open at a time.
    pub connections: usize,
    /// After how long without activity a workspace is stopped, where its template does not say; `None` = never.
    #[serde(serialize_with = "duration_or_none")]
    pub auto_stop: Option<Duration>,
    /// Nothing but the browser leads into any workspace, whatever templates say.
    pub browser_only: bool,
    /// Limits of a workspace, where its template does not say.
    pub limits: LimitDefaults,
    /// The most that one person may have.
    pub quota: QuotaConfig,
}

/// `[workspaces.limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitDefaults {
    /// Thousandths of CPUs.
    pub cpu_milli: u32,
    /// Bytes of memory.
    #[serde(serialize_with = "as_bytes")]
    pub memory: u64,
    /// Processes and threads.
    pub processes: u32,
    /// Bytes of the home directory.
    #[serde(serialize_with = "as_bytes")]
    pub disk: u64,
}

/// `[workspaces.quota]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotaConfig {
    /// Workspaces, stopped ones included.
    #[serde(serialize_with = "or_none")]
    pub workspaces: Option<u64>,
    /// Workspaces that run.
    #[serde(serialize_with = "or_none")]
    pub running: Option<u64>,
    /// Thousandths of CPUs of those that run.
    #[serde(serialize_with = "or_none")]
    pub cpu_milli: Option<u64>,
    /// Bytes of memory of those that run.
    #[serde(serialize_with = "bytes_or_none")]
    pub memory: Option<u64>,
    /// Bytes of home directories.
    #[serde(serialize_with = "bytes_or_none")]
    pub disk: Option<u64>,
}

impl LimitDefaults {
    /// The limits as a workspace has them.
    pub const fn resources(&self) -> Resources {
        Resources {
            cpu_milli: Some(self.cpu_milli),
            memory: Some(self.memory),
            processes: Some(self.processes),
            disk: Some(self.disk),
            io_bytes: None,
        }
    }
}

impl QuotaConfig {
    /// The quota.
    pub const fn quota(&self) -> Quota {
        Quota {
            workspaces: self.workspaces,
            running: self.running,
            cpu_milli: self.cpu_milli,
            memory: self.memory,
            disk: self.disk,
        }
    }
}

pub(super) fn workspaces(s: &mut Section<'_>) -> WorkspacesConfig {
    let cx = s.cx;
    let path = |node: &Node| cx.resolve(&text(node)?, &node.origin);
    WorkspacesConfig {
        agent: s.path("agent"),
        allow_missing_limits: s.or("allow_missing_limits", Vec::new(), |node| list(node, limit)),
        certificates: s.or("certificates", Vec::new(), |node| list(node, path)),
        first_id: s.or("first_id", 200_000, at_least(65_536)),
        build_timeout: s.or("build_timeout", Duration::from_mins(2), duration),
        parallel_builds: s.or("parallel_builds", 8, at_least(1)),
        connections: s.or("connections", 128, connections),
        auto_stop: s.or("auto_stop", Some(Duration::from_mins(30)), |node| {
            unless_none(node, duration)
        }),
        browser_only: s.or("browser_only", false, boolean),
        limits: s.section("limits", |s| LimitDefaults {
            cpu_milli: s.or("cpu_milli", 2000, at_least(10)),
            memory: s.or("memory", 2 * GIB, bytes),
            processes: s.or("processes", 512, at_least(16)),
            disk: s.or("disk", 10 * GIB, bytes),
        }),
        quota: s.section("quota", |s| QuotaConfig {
            workspaces: s.or("workspaces", Some(20), |node| unless_none(node, at_least_one)),
            running: s.or("running", Some(10), |node| unless_none(node, at_least_one)),
            cpu_milli: s.or("cpu_milli", None, |node| unless_none(node, at_least_one)),
            memory: s.or("memory", None, |node| unless_none(node, bytes)),
            disk: s.or("disk", None, |node| unless_none(node, bytes)),
        }),
    }
}

fn at_least_one(node: &Node) -> Result<u64, String> {
    at_least::<u64>(1)(node)
}

/// A link carries 256 streams of each side; the gate's must find room beside these.
fn connections(node: &Node) -> Result<usize, String> {
    let asked = at_least::<usize>(1)(node)?;
    if asked > MOST_CONNECTIONS {
        return Err(format!("must be at most {MOST_CONNECTIONS}"));
    }
    Ok(asked)
}

fn bytes(node: &Node) -> Result<u64, String> {
    parse_size(&text(node)?)
}

fn limit(node: &Node) -> Result<String, String> {
    let written = text(node)?;
    if LIMITS.contains(&written.as_str()) {
        return Ok(written);
    }
    Err(format!("unknown limit `{written}`; use one of {}", LIMITS.join(", ")))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn as_bytes<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_size(*bytes))
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn bytes_or_none<S: Serializer>(bytes: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    or_none(&bytes.map(format_size), to)
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
pub(super) fn duration_or_none<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    or_none(&duration.map(super::unit::format_duration), to)
}
