//! Between driver, workspace agent and server: the manifest that an agent is started with, what a stream of the link is
//! for, and the messages of the control stream.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use bailey_core::WorkspaceId;
use bailey_core::template::{App, EgressRule, EnforcementLevel, ManagedFile, Probe, Resources, Script};
use serde::{Deserialize, Serialize};

/// The port on loopback inside a workspace that leads to the gate.
pub const GATE_PORT: u16 = 7080;
/// The path of the link: `GET`, upgraded to a WebSocket, with the agent's token as a bearer token.
pub const LINK_PATH: &str = "/api/v1/agent/link";
/// The socket inside where git asks for user names and passwords. It speaks what git's own `credential-cache` does.
pub const GIT_SOCKET: &str = "/etc/bailey/git-credentials";
/// The home directory inside a workspace of the local driver.
pub const HOME: &str = "/home/dev";

/// A secret on its way to an agent: serialises, so that it can be handed over a pipe, but does not show in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handed(pub String);

impl fmt::Debug for Handed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What an agent is started with. It arrives on standard input, as JSON, and is never in arguments or the environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The workspace. The agent's token selects it; this is for messages alone.
    pub workspace: WorkspaceId,
    /// The workspace's name, also its host name.
    pub name: String,
    /// The name of its owner.
    pub owner: String,
    /// Where the server is.
    pub server: ServerAddress,
    /// The agent's token, good for this workspace alone.
    pub token: Handed,
    /// The agent's own directory, which nothing inside can see.
    pub state_dir: PathBuf,
    /// How its sandbox is made.
    pub sandbox: SandboxSpec,
    /// Variables of every process inside.
    pub environment: BTreeMap<String, String>,
    /// Files that are put in place before anything runs.
    pub files: Vec<ManagedFile>,
    /// Scripts.
    pub scripts: Vec<Script>,
    /// Figures shown live.
    pub metadata: Vec<Probe>,
    /// Apps.
    pub apps: Vec<App>,
    /// Where connections may go. The server decides; the agent needs it to know which names to answer.
    pub egress: Vec<EgressRule>,
    /// Only what a browser needs leads in.
    pub browser_only: bool,
    /// What coding agents are held to; for the settings that are written for them.
    pub enforcement: EnforcementLevel,
}

/// Where an agent finds its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerAddress {
    /// `http://host:port` or `https://host`.
    Url(String),
    /// A file with `address:port`, read at each try: a server on this machine may come back at another port.
    File(PathBuf),
}

/// How a sandbox is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxSpec {
    /// The root: `None` = the host's own `/usr`, otherwise a directory with an unpacked root archive.
    pub root: Option<PathBuf>,
    /// Directories laid over each other at `/opt`, read-only, the lowest first.
    pub layers: Vec<PathBuf>,
    /// Where the home directory lies.
    pub home: HomeStorage,
    /// The host's user and group id that 1000 inside is; `None` = that of the caller (an ordinary user).
    pub host_id: Option<u32>,
    /// Limits; each that is `Some` must be enforced unless it is in `allow_missing`.
    pub limits: Resources,
    /// Limits whose absence an administrator has allowed.
    pub allow_missing: Vec<Limit>,
    /// Certificate authorities (PEM files of the host) that are trusted inside beside the system's.
    pub certificates: Vec<PathBuf>,
    /// `Isolated` for workspaces; `Host` only while layers are built.
    pub network: Network,
    /// Files below `/etc` inside, read-only there. Files below the home directory are not the sandbox's business.
    #[serde(default)]
    pub files: Vec<ManagedFile>,
    /// A directory that is at `/opt`, writable, in place of `layers`: for the install script of a layer.
    #[serde(default)]
    pub install: Option<PathBuf>,
}

/// Where a home directory lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HomeStorage {
    /// A directory; its size is not limited.
    Directory(PathBuf),
    /// A sparse file with an ext4 file system, mounted through a loop device: its size is the quota. Root only.
    Image {
        /// The file; made if it is not there.
        path: PathBuf,
        /// Its size in bytes. A larger one than before grows it; it never shrinks.
        bytes: u64,
    },
}

/// What a sandbox may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Loopback, and connections that the agent turns to the link.
    Isolated,
    /// The host's. For installing layers, on an administrator's word.
    Host,
}

/// A limit that a machine may be unable to enforce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// CPU time.
    Cpu,
    /// Memory.
    Memory,
    /// Processes.
    Processes,
    /// Disk traffic.
    Io,
    /// The size of the home directory.
    Disk,
}

/// What a machine can do for sandboxes, as `bailey-agent probe` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Why there can be no sandbox at all; empty = there can.
    pub blockers: Vec<String>,
    /// Limits that cannot be enforced, and why.
    pub missing: BTreeMap<Limit, String>,
    /// What is weaker than it could be and does not stop anything (no Landlock, say).
    pub notes: Vec<String>,
    /// What there is, by its name: `cgroups`, `home images`, `Landlock` and the like.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// What a stream of the link is for. Whoever opens a stream sends it as one line of JSON; the other side answers with one
/// line, `{"ok":true}` or `{"error":"…"}`, and from then on the stream is what the purpose says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "purpose", deny_unknown_fields)]
pub enum Purpose {
    /// Agent to server, first of all and once on each interactive connection: lines of JSON, [`FromAgent`] and [`FromServer`].
    Control,
    /// Agent to server: bytes of a connection to the gate's port.
    Gate,
    /// Agent to server: what git takes at a host, for the workspace's owner. The answer is one line of JSON, [`GitCredential`] or
    /// `null`, and the stream's end.
    Credential(CredentialAsk),
    /// Agent to server: bytes of a connection to a host outside.
    Connect {
        /// The name that was asked for, in lower case.
        host: String,
        /// The port.
        port: u16,
    },
    /// Server to agent: HTTP/1.1, the agent is the server (`/files`, `/stats`, `/ports`, …).
    Http,
    /// Server to agent: bytes of a connection to an app.
    App {
        /// The app's name.
        name: String,
    },
    /// Server to agent: frames of a terminal (`bailey_api::terminal`). It is made if it is not there.
    Terminal(TerminalOpen),
    /// Server to agent: frames of a command (`bailey_api::exec`).
    Exec(ExecStart),
}

/// For what git wants a user name and a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialAsk {
    /// The scheme, such as `https`.
    pub scheme: String,
    /// The host, with the port where the address names one.
    pub host: String,
    /// The user name, where the address names one.
    pub username: Option<String>,
    /// Whether the host has refused what it was given. Then there is nothing to answer.
    pub refused: bool,
}

/// What git takes at a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCredential {
    /// The user name.
    pub username: String,
    /// The password: a token of the owner's.
    pub password: Handed,
    /// When it ends, seconds since the epoch.
    pub expires_at: Option<i64>,
}

/// Whose name commits are made under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committer {
    /// The name.
    pub name: String,
    /// The address, where anybody knows one.
    pub email: Option<String>,
}

/// Which connection of a link a stream belongs to, as the query `class=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkClass {
    /// Terminals, control, short requests.
    Interactive,
    /// Apps, files, connections to the gate and outside.
    Bulk,
}

/// The terminal that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalOpen {
    /// Its name: 1 to 64 letters, digits, `-` and `_`.
    pub name: String,
    /// Columns of the viewer.
    pub columns: u16,
    /// Rows of the viewer.
    pub rows: u16,
    /// The number of the first byte of output that the viewer has not seen; `None` = it has seen nothing.
    pub after: Option<u64>,
    /// The terminal that `after` counts in; a terminal that was made anew has another one.
    pub epoch: Option<u64>,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecStart {
    /// Program and arguments; never run through a shell.
    pub command: Vec<String>,
    /// Where; `None` = the home directory.
    pub directory: Option<String>,
    /// Variables beside the workspace's own.
    pub environment: BTreeMap<String, String>,
    /// Seconds after which it is ended; `None` = no limit.
    pub timeout: Option<u64>,
}

/// From agent to server on the control stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum FromAgent {
    /// The first message.
    Hello {
        /// The agent's version.
        version: String,
        /// When this agent started, microseconds since the epoch: another one means another sandbox.
        started_at: i64,
        /// Whether it has no workspace key yet.
        needs_key: bool,
        /// Whether the start scripts that block have ended.
        ready: bool,
    },
    /// Everything that `ready` asks for is there.
    Ready,
    /// The workspace cannot start.
    Failed {
        /// Why, for people.
        cause: String,
    },
    /// Lines of a script or app command. Kept by the agent until the server has acknowledged them.
    Log {
        /// Counts up from 1 within this agent.
        number: u64,
        /// Where it comes from, such as `script:install`.
        source: String,
        /// When, microseconds since the epoch.
        at: i64,
        /// The text, without the line's end.
        text: String,
    },
    /// Somebody does something inside: terminal input, a running command, app traffic is seen by the server itself.
    Activity {
        /// What counted, such as `terminal`.
        kind: String,
    },
    /// Figures and the health of apps, whenever one has changed.
    Status(AgentStatus),
    /// The sandbox has ended by itself.
    Ended {
        /// Why, for people.
        cause: String,
    },
}

/// From server to agent on the control stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum FromServer {
    /// The answer to `Hello`.
    Welcome {
        /// The workspace's key for the gate, if it was asked for. It is handed over once.
        key: Option<Handed>,
        /// Whose name commits are made under.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        committer: Option<Committer>,
    },
    /// Log lines up to this number are stored.
    LogStored {
        /// The number.
        number: u64,
    },
    /// Run the stop scripts, then end everything and yourself.
    Stop {
        /// Seconds until it is ended by force.
        grace: u64,
    },
}

/// What is shown live of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Figures by the name of their probe.
    pub metadata: BTreeMap<String, Reading>,
    /// Health by app.
    pub apps: BTreeMap<String, AppHealth>,
}

/// One reading of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What people read.
    pub display_name: String,
    /// The value as text; figures in their unit (`cpu` per cent, `memory` and `disk` bytes).
    pub value: String,
    /// Why there is none.
    pub error: Option<String>,
    /// When it was read, microseconds since the epoch.
    pub at: i64,
}

/// How an app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppHealth {
    /// Not checked yet.
    Starting,
    /// It answers.
    Healthy,
    /// It does not.
    Unhealthy,
}
