//! What a template comes to for one workspace: values only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EnforcementLevel, Sharing, Task};

/// Everything that a workspace is made of, after parameters and facts of the workspace are filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// What it runs on.
    pub base: Base,
    /// What it may use.
    pub resources: Resources,
    /// Variables of every process inside, beside those that Bailey sets.
    pub environment: BTreeMap<String, String>,
    /// Files that are put in place before anything runs.
    pub files: Vec<ManagedFile>,
    /// Scripts at start, at stop and on a schedule.
    pub scripts: Vec<Script>,
    /// Figures shown live.
    pub metadata: Vec<Probe>,
    /// What is reached with a browser.
    pub apps: Vec<App>,
    /// Where connections may go beside the gate; nothing else gets out.
    pub egress: Vec<EgressRule>,
    /// Nothing but the browser leads in: no SSH, no port forwarding, no desktop IDE.
    pub browser_only: bool,
    /// What coding agents are held to.
    pub enforcement: EnforcementLevel,
    /// What agents' chats get.
    #[serde(default, skip_serializing_if = "ChatDefaults::is_empty")]
    pub chat: ChatDefaults,
    /// Named jobs for agents.
    pub tasks: Vec<Task>,
    /// Seconds without activity after which it is stopped; `None` = never.
    pub auto_stop: Option<u64>,
    /// Seconds after its start at which it is stopped; `None` = never.
    pub max_lifetime: Option<u64>,
}

/// What agents' chats in a workspace get, beside what the deployment says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatDefaults {
    /// Instructions for the agent, after the administrator's.
    pub system_prompt: Option<String>,
    /// The model where the person names none.
    pub model: Option<String>,
    /// The models that may be used, of those that the deployment has for chats; empty = all of them.
    pub models: Vec<String>,
}

impl ChatDefaults {
    /// Whether nothing is said.
    pub const fn is_empty(&self) -> bool {
        self.system_prompt.is_none() && self.model.is_none() && self.models.is_empty()
    }
}

/// The system that a workspace sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// The root: the host's own `/usr`, or an archive of a root file system.
    pub root: Root,
    /// SHA-256 (hex) of the layers that are laid over it at `/opt`, the lowest first.
    pub layers: Vec<String>,
}

/// Where the system's files come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// The host's `/usr`, read-only.
    #[default]
    Host,
    /// A root archive, by the SHA-256 (hex) of its bytes.
    Archive(String),
}

/// Limits. `None` = the deployment's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub cpu_milli: Option<u32>,
    /// Bytes of memory, swap included.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u32>,
    /// Bytes of the home directory.
    pub disk: Option<u64>,
    /// Bytes per second read from and written to disks.
    pub io_bytes: Option<u64>,
}

impl Resources {
    /// These, with those of `defaults` where nothing is said.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        Self {
            cpu_milli: self.cpu_milli.or(defaults.cpu_milli),
            memory: self.memory.or(defaults.memory),
            processes: self.processes.or(defaults.processes),
            disk: self.disk.or(defaults.disk),
            io_bytes: self.io_bytes.or(defaults.io_bytes),
        }
    }
}

/// A file that Bailey puts in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedFile {
    /// Absolute path inside. Below the home directory it is written at each start, elsewhere it is mounted read-only.
    pub path: String,
    /// Its text.
    pub content: String,
    /// Whether it may be executed.
    #[serde(default)]
    pub executable: bool,
    /// Below the home directory: written only where it is missing, so that a person's own version stays.
    #[serde(default)]
    pub keep: bool,
}

/// When a script runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At each start.
    Start,
    /// Before each stop.
    Stop,
    /// At the times of a cron expression of five fields, in UTC.
    Cron(String),
}

/// A script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// When it runs.
    pub when: When,
    /// Run by `/bin/sh -c`.
    pub command: String,
    /// Seconds after which it is ended.
    pub timeout: u64,
    /// Whether the workspace counts as started only once it has ended well.
    #[serde(default)]
    pub blocking: bool,
}

/// What a figure is read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Share of its CPUs in use, in per cent.
    Cpu,
    /// Memory in use, in bytes.
    Memory,
    /// The home directory in use, in bytes.
    Disk,
    /// The first line that a command prints, run by `/bin/sh -c`.
    Command(String),
}

/// A figure that is shown live and never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What it is read from.
    pub kind: ProbeKind,
    /// Seconds between two readings.
    pub interval: u64,
    /// Seconds that a command may take.
    pub timeout: u64,
}

/// Where an app answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A TCP port on loopback inside.
    Port(u16),
    /// A unix socket inside, by its absolute path.
    Socket(String),
    /// An address outside Bailey, opened as a link.
    External(String),
}

/// Something that is reached with a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Its name, part of its host name: lower-case letters, digits and single dashes.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// Name of an icon.
    pub icon: String,
    /// Where it answers.
    pub target: Target,
    /// Kept running by the agent, run by `/bin/sh -c`; `None` = somebody else starts it.
    pub command: Option<String>,
    /// Path that answers 2xx or 3xx when it is well; `None` = whether the port can be reached.
    pub health: Option<String>,
    /// Who may open it.
    pub sharing: Sharing,
}

/// Where connections may go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressRule {
    /// A host name in lower case, or `*.` and one: all names below it.
    pub host: String,
    /// The port.
    pub port: u16,
}
