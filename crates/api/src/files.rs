//! Files of workspaces, and what listens inside. Paths begin at the home directory where they are not absolute.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Something in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// What it is; links are not followed.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Permissions, as the lowest twelve bits of `st_mode`.
    pub mode: u32,
    /// When it was last changed, in seconds since the epoch.
    pub modified: i64,
}

/// What something in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, socket or device.
    Other,
}

/// What is in a directory, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileList {
    /// The entries, 10 000 at most.
    pub entries: Vec<FileEntry>,
    /// Whether there are more.
    pub truncated: bool,
}

/// A line that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileMatch {
    /// The file.
    pub path: String,
    /// The line's number, counted from 1.
    pub line: u64,
    /// The line, shortened where it is long.
    pub text: String,
}

/// Lines that were looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileMatches {
    /// The lines.
    pub matches: Vec<FileMatch>,
    /// Whether there may be more: a limit of lines, files or time was reached.
    pub truncated: bool,
}

/// TCP ports on loopback that something inside listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ports {
    /// The ports, in order.
    pub ports: Vec<u16>,
}

/// A path.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileQuery {
    /// The path.
    pub path: String,
}

/// What is written, and how.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileWriteQuery {
    /// The path.
    pub path: String,
    /// Whether directories on the way are made; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parents: Option<bool>,
    /// Whether it may be run. A file that is there keeps its permissions if absent, and a new one may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable: Option<bool>,
    /// Whether a file that is there is left as it is; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<bool>,
}

/// What is removed.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileDeleteQuery {
    /// The path.
    pub path: String,
    /// Whether a directory goes with everything in it; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recursive: Option<bool>,
}

/// What is looked for.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileSearchQuery {
    /// The text, or a regular expression.
    pub query: String,
    /// Where to look; the home directory if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether `query` is a regular expression; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<bool>,
    /// At most this many lines, 1 to 1000; 1000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A directory that is made.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DirectoryQuery {
    /// The path.
    pub path: String,
    /// Whether directories on the way are made, and one that is there is no mistake; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parents: Option<bool>,
}

/// What gets another path.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileRenameQuery {
    /// The path that it has.
    pub from: String,
    /// The path that it gets.
    pub to: String,
    /// Whether a file that is there is replaced; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<bool>,
}
