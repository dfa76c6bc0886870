//! What tools ask of a workspace. The server reaches it through the link, as the workspace's user.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bailey_core::chat::{Channel, Chat};
use bailey_core::mask::Secrets;
use bailey_core::{CallId, Timestamp};

/// What a workspace answers, later. To drop it is to give up: a command that runs is ended.
pub type Answered<'a, T> = Pin<Box<dyn Future<Output = Result<T, WorkspaceError>> + Send + 'a>>;

/// Takes output while it comes, in pieces that may be cut within a character.
pub type Output<'a> = &'a mut (dyn FnMut(Channel, &[u8]) + Send);

/// Why a workspace did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkspaceError {
    /// What was asked for cannot be: no such file, no permission, a process that is gone. The model is told.
    #[error("{0}")]
    Refused(String),
    /// The workspace cannot be reached. The call fails; when it cannot even be opened, the chat does.
    #[error("the workspace cannot be reached: {0}")]
    Unreachable(String),
    /// Somebody wants it down, and nobody has wanted the chat to go on since then.
    #[error("the workspace stays down: {0}")]
    KeptDown(String),
}

/// A command to run, never through a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The tool call that wants it. That none is begun twice is the machine's doing: a call that was begun is never begun again.
    pub key: CallId,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Where, absolute or below the home directory; `None` = the home directory.
    pub directory: Option<String>,
    /// How long it may take; it is ended with all its children then. Background processes have no limit.
    pub limit: Option<Duration>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Its exit status.
    pub status: i32,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
}

/// What a background process has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessOutput {
    /// Output after the position that was asked for, both channels in the order in which they came.
    pub bytes: Vec<u8>,
    /// Whether older output was asked for that is not kept any more.
    pub lost: bool,
    /// The position to go on from.
    pub next: u64,
    /// Its exit status, once it has ended.
    pub exited: Option<i32>,
}

/// What is in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileText {
    /// Its bytes, at most as many as were asked for.
    pub bytes: Vec<u8>,
    /// How many it has in all.
    pub size: u64,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Its size in bytes.
    pub size: u64,
}

/// A workspace that is up. Paths are absolute or below the home directory.
pub trait Workspace: Send + Sync {
    /// Runs a command to its end.
    fn exec<'a>(&'a self, command: &'a Command, output: Output<'a>) -> Answered<'a, Exit>;

    /// Starts a command that goes on by itself; answers with its name.
    fn process_start<'a>(&'a self, command: &'a Command) -> Answered<'a, String>;

    /// What a background process has said after a position. Waits at most `wait` for something new.
    fn process_output<'a>(&'a self, process: &'a str, after: u64, wait: Duration) -> Answered<'a, ProcessOutput>;

    /// Writes to a background process's standard input.
    fn process_input<'a>(&'a self, process: &'a str, bytes: &'a [u8]) -> Answered<'a, ()>;

    /// Ends a background process with all its children.
    fn process_stop<'a>(&'a self, process: &'a str) -> Answered<'a, ()>;

    /// Reads the first `most` bytes of a file.
    fn read<'a>(&'a self, path: &'a str, most: u64) -> Answered<'a, FileText>;

    /// Makes a file or writes it anew, whole or not at all, with the directories above it.
    fn write<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> Answered<'a, ()>;

    /// The names in a directory.
    fn list<'a>(&'a self, path: &'a str) -> Answered<'a, Vec<DirEntry>>;
}

/// Opens workspaces.
pub trait Workspaces: Send + Sync {
    /// The workspace of a chat, which a person last wanted to go on at `wanted`. One that is on its way up is waited for, and one
    /// that somebody stopped after that stays down.
    fn open<'a>(&'a self, chat: &'a Chat, wanted: Timestamp) -> Answered<'a, Arc<dyn Workspace>>;

    /// What stands in no log of a chat beside Bailey's own keys, by its value. What is added later counts from then on.
    fn secrets<'a>(&'a self, chat: &'a Chat) -> Answered<'a, Secrets>;
}
