//! The agent's tools: what they are called, what they take, and what they do in a workspace.

mod arguments;
pub mod clip;
mod files;
mod git;
mod run;
mod schema;

use std::time::Duration;

use bailey_core::CallId;
use bailey_core::chat::{CallKind, Channel, Outcome};
use bailey_core::mask::Secrets;

pub use arguments::{ArgumentError, Request, parse};

use crate::workspace::{Command, Workspace, WorkspaceError};

/// Bytes of a result that the model is given, at most; of more it gets the head and the tail.
pub const RESULT_BYTES: usize = 32 << 10;
/// Bytes of a file that can be read, changed or written.
pub const FILE_BYTES: u64 = 4 << 20;
/// How long a command may take that the model sets no limit for.
pub const RUN_LIMIT: Duration = Duration::from_mins(2);
/// The longest limit that it may set.
pub const RUN_LIMIT_MOST: Duration = Duration::from_hours(1);

macro_rules! tools {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident;)*) => {
        /// A tool.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Tool { $($(#[$doc])* $name,)* }

        /// Every tool, in the order in which models are told of them.
        pub const ALL: &[Tool] = &[$(Tool::$name,)*];

        impl Tool {
            /// What models call it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it is to the machine.
            pub const fn kind(self) -> CallKind {
                match self { $(Self::$name => CallKind::$kind,)* }
            }
        }
    };
}

tools! {
    /// Runs a command.
    Run = "run", Write;
    /// Talks to a background process.
    Process = "process", Write;
    /// Reads a file.
    Read = "read", Read;
    /// Writes a file.
    Write = "write", Write;
    /// Replaces a text in a file.
    Edit = "edit", Write;
    /// Lists a directory.
    List = "list", Read;
    /// Searches files.
    Search = "search", Read;
    /// What has changed in the repository.
    GitStatus = "git_status", Read;
    /// The changes themselves.
    GitDiff = "git_diff", Read;
    /// Commits.
    GitCommit = "git_commit", Write;
    /// Pushes.
    GitPush = "git_push", Write;
    /// Asks the person.
    Ask = "ask", Ask;
    /// Proposes a plan.
    ProposePlan = "propose_plan", Plan;
}

impl Tool {
    /// The tool of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|tool| tool.name() == name)
    }
}

/// What a call is to the machine. A call of no known tool, or with arguments that mean nothing, changes nothing: it is run, and
/// its result says what is wrong with it.
pub fn kind(name: &str, arguments: &str) -> CallKind {
    match (Tool::of_name(name), parse(name, arguments)) {
        (Some(tool), Ok(_)) => tool.kind(),
        _ => CallKind::Read,
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Whether it did what was asked.
    pub outcome: Outcome,
    /// What the model is told.
    pub text: String,
}

impl Done {
    fn ok(text: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Ok,
            text: text.into(),
        }
    }

    /// It failed; the text says how.
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Error,
            text: text.into(),
        }
    }
}

/// Where a tool works, and whom it tells what comes out while it does.
pub(crate) struct Bench<'a> {
    pub(crate) call: CallId,
    pub(crate) workspace: &'a dyn Workspace,
    pub(crate) directory: Option<&'a str>,
    pub(crate) secrets: &'a Secrets,
    pub(crate) output: &'a mut (dyn FnMut(Channel, &[u8]) + Send),
}

impl Bench<'_> {
    /// A path as the workspace takes it: what is not absolute lies below the chat's directory.
    fn path(&self, path: &str) -> String {
        // What is not absolute begins at the home directory.
        match path {
            "~" | "~/" => return ".".to_owned(),
            _ => {}
        }
        if let Some(rest) = path.strip_prefix("~/") {
            return rest.trim_start_matches('/').to_owned();
        }
        match self.directory {
            Some(directory) if !path.starts_with('/') => format!("{directory}/{path}"),
            _ => path.to_owned(),
        }
    }

    fn command(&self, argv: Vec<String>, directory: Option<&str>, limit: Option<Duration>) -> Command {
        let directory = directory.map(|directory| self.path(directory));
        Command {
            key: self.call,
            argv,
            directory: directory.or_else(|| self.directory.map(str::to_owned)),
            limit,
        }
    }
}

/// Runs a tool. A workspace that cannot be reached is an error of the call: what the model makes of it is its own affair.
pub(crate) async fn run(request: &Request, bench: &mut Bench<'_>) -> Done {
    let done = match request {
        Request::Run { .. } => run::run(request, bench).await,
        Request::Process { .. } => run::process(request, bench).await,
        Request::Read { .. } => files::read(request, bench).await,
        Request::Write { path, content } => files::write(path, content, bench).await,
        Request::Edit { .. } => files::edit(request, bench).await,
        Request::List { path } => files::list(path, bench).await,
        Request::Search { .. } => files::search(request, bench).await,
        Request::GitStatus | Request::GitDiff { .. } | Request::GitCommit { .. } | Request::GitPush { .. } => {
            git::git(request, bench).await
        }
        Request::Ask { .. } | Request::ProposePlan { .. } => Ok(Done::error("A person answers this.")),
    };
    let mut done = done.unwrap_or_else(|error: WorkspaceError| Done::error(error.to_string()));
    // Before it is cut: half a secret would not be known.
    done.text = clip::clip(&bench.secrets.mask(&done.text), RESULT_BYTES).replace('\0', "\u{fffd}");
    done
}
