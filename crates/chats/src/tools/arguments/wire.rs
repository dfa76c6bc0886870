//! Arguments as they stand in JSON, and what is meant where they leave something out.

use serde::Deserialize;

use super::{ProcessAction, Request};

/// Seconds that a model may wait for output, at most.
const WAIT_MOST: u64 = 60;
/// Lines of a file that are read where nothing else is asked for.
const LINES: u64 = 2_000;

macro_rules! wire {
    ($($name:ident { $($field:ident: $type:ty,)* } => $request:expr;)*) => {$(
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name { $($field: $type,)* }

        impl From<$name> for Request {
            fn from(arguments: $name) -> Self {
                let $name { $($field,)* } = arguments;
                $request
            }
        }
    )*};
}

wire! {
    ForRun { command: String, directory: Option<String>, timeout_seconds: Option<u64>, background: Option<bool>, } => Self::Run {
        command,
        directory,
        timeout: timeout_seconds,
        background: background.unwrap_or(false),
    };
    ForProcess {
        process: String, action: ProcessAction, after: Option<u64>, wait_seconds: Option<u64>, text: Option<String>,
    } => Self::Process {
        process,
        action,
        after: after.unwrap_or(0),
        wait: wait_seconds.unwrap_or(0).min(WAIT_MOST),
        text: text.unwrap_or_default(),
    };
    ForRead { path: String, offset: Option<u64>, limit: Option<u64>, } => Self::Read {
        path,
        offset: offset.unwrap_or(1).max(1),
        limit: limit.unwrap_or(LINES).max(1),
    };
    ForWrite { path: String, content: String, } => Self::Write { path, content };
    ForEdit { path: String, old: String, new: String, all: Option<bool>, } => Self::Edit {
        path,
        old,
        new,
        all: all.unwrap_or(false),
    };
    ForList { path: Option<String>, } => Self::List { path: here(path) };
    ForSearch { pattern: String, path: Option<String>, glob: Option<String>, } => Self::Search {
        pattern,
        path: here(path),
        glob,
    };
    ForGitStatus {} => Self::GitStatus;
    ForGitDiff { staged: Option<bool>, base: Option<String>, paths: Option<Vec<String>>, } => Self::GitDiff {
        staged: staged.unwrap_or(false),
        base,
        paths: paths.unwrap_or_default(),
    };
    ForGitCommit { message: String, paths: Option<Vec<String>>, } => Self::GitCommit {
        message,
        paths: paths.unwrap_or_default(),
    };
    ForGitPush { branch: Option<String>, } => Self::GitPush { branch };
    ForAsk { question: String, options: Option<Vec<String>>, } => Self::Ask {
        question,
        options: options.unwrap_or_default(),
    };
    ForProposePlan { plan: String, } => Self::ProposePlan { plan };
}

fn here(path: Option<String>) -> String {
    path.unwrap_or_else(|| ".".to_owned())
}
