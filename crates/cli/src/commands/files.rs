//! `bailey files`: the files of a workspace.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bailey_api::files::{FileKind, FileList, FileMatches, FileQuery, FileSearchQuery, FileWriteQuery};
use bailey_runtime::http::{StreamBody, channel};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http_body_util::BodyExt as _;
use serde::Serialize;

use super::workspaces::{PATH, find};
use super::{Env, Shown};
use crate::client::{Api, segment};
use crate::failure::{Explain, Failure};
use crate::output;
use crate::table::{Table, plain};

/// What is read at a time, and how many pieces wait.
const BLOCK: usize = 64 * 1024;
const WAITING: usize = 4;
/// Standard input or output in place of a file.
const STANDARD: &str = "-";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List a directory
    List {
        /// The workspace: its name, OWNER/NAME, or its id
        workspace: String,
        /// The directory, from the home directory on
        #[arg(default_value = ".")]
        path: String,
    },
    /// Read a file
    Get {
        /// The workspace: its name, OWNER/NAME, or its id
        workspace: String,
        /// The file in the workspace
        path: String,
        /// The file to write here; - is standard output [default: the file's own name]
        here: Option<PathBuf>,
    },
    /// Write a file
    Put {
        /// The workspace: its name, OWNER/NAME, or its id
        workspace: String,
        /// The file here; - is standard input
        here: PathBuf,
        /// The file in the workspace [default: the file's own name]
        path: Option<String>,
        /// Make directories on the way
        #[arg(long)]
        parents: bool,
    },
    /// Look for lines of text files
    Search {
        /// The workspace: its name, OWNER/NAME, or its id
        workspace: String,
        /// The text
        query: String,
        /// The directory, from the home directory on
        path: Option<String>,
        /// Take the text as a regular expression
        #[arg(long)]
        regex: bool,
    },
}

/// Does it.
pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let show = arguments.shown.output;
    match arguments.command {
        Command::List { workspace, path } => {
            let files = files(&api, &workspace).await?;
            output::show(
                show,
                api.get(&format!("{files}/list"), &FileQuery { path }).await?,
                list,
            )
        }
        Command::Search {
            workspace,
            query,
            path,
            regex,
        } => {
            let files = files(&api, &workspace).await?;
            let query = FileSearchQuery {
                query,
                path,
                regex: Some(regex),
                limit: None,
            };
            output::show(show, api.get(&format!("{files}/search"), &query).await?, matches)
        }
        Command::Get { workspace, path, here } => {
            let files = files(&api, &workspace).await?;
            let here = match here {
                Some(here) => here,
                None => name(&path).into(),
            };
            get(&api, &target(&files, &FileQuery { path })?, &here).await
        }
        Command::Put {
            workspace,
            here,
            path,
            parents,
        } => {
            let files = files(&api, &workspace).await?;
            let path = match path {
                Some(path) => path,
                None if here.as_os_str() == STANDARD => {
                    return Err(Failure::new("a name for the file in the workspace is missing"));
                }
                None => name(&here.to_string_lossy()).to_owned(),
            };
            let query = FileWriteQuery {
                path,
                parents: Some(parents),
                executable: None,
                keep: None,
            };
            put(&api, &target(&files, &query)?, &here).await
        }
    }
}

async fn files(api: &Api, workspace: &str) -> Result<String, Failure> {
    let workspace = find(api, workspace).await?;
    Ok(format!("{PATH}/{}/files", segment(&workspace.id.to_string())))
}

fn target(files: &str, query: &impl Serialize) -> Result<String, Failure> {
    Ok(format!("{files}?{}", serde_urlencoded::to_string(query)?))
}

/// The last part of a path.
fn name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// Reads a file to the end before it takes the place of the one that is here.
async fn get(api: &Api, path: &str, here: &Path) -> Result<(), Failure> {
    let mut body = api.read(path).await?;
    let standard = here.as_os_str() == STANDARD;
    let beside = PathBuf::from(format!("{}.bailey-part", here.display()));
    let mut out: Box<dyn Write> = if standard {
        Box::new(std::io::stdout())
    } else {
        Box::new(std::fs::File::create(&beside).doing(|| format!("cannot write {}", beside.display()))?)
    };
    let read = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.doing(|| "the file broke off".to_owned())?;
            if let Ok(data) = frame.into_data() {
                out.write_all(&data)?;
            }
        }
        out.flush()?;
        Ok(())
    };
    let read: Result<(), Failure> = read.await;
    if standard {
        return read;
    }
    let done = read.and_then(|()| {
        let placed = std::fs::rename(&beside, here);
        placed.doing(|| format!("cannot write {}", here.display()))
    });
    if done.is_err() {
        // The failure is what counts.
        let _ = std::fs::remove_file(&beside);
    }
    done
}

async fn put(api: &Api, path: &str, here: &Path) -> Result<(), Failure> {
    let input: Box<dyn Read + Send> = if here.as_os_str() == STANDARD {
        Box::new(std::io::stdin())
    } else {
        let file = std::fs::File::open(here).doing(|| format!("cannot read {}", here.display()))?;
        if file.metadata()?.is_dir() {
            return Err(Failure::new(format!("{} is a directory", here.display()))
                .hint("tar -c DIR | bailey exec WORKSPACE -- tar -x"));
        }
        Box::new(file)
    };
    api.write(path, body(input)).await
}

/// A body that a thread reads, however long that takes.
fn body(mut input: Box<dyn Read + Send>) -> StreamBody {
    let (sender, body) = channel(WAITING);
    std::thread::spawn(move || {
        let mut buffer = vec![0; BLOCK];
        loop {
            let piece = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => Ok(Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default())),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_over = piece.is_err();
            if sender.blocking_send(piece).is_err() || is_over {
                return;
            }
        }
    });
    body
}

fn list(list: &FileList) -> String {
    let mut table = Table::new(["MODE", "SIZE", "CHANGED (UTC)", "NAME"]);
    for entry in &list.entries {
        let (letter, mark) = match entry.kind {
            FileKind::Directory => ('d', "/"),
            FileKind::File => ('-', ""),
            FileKind::Link => ('l', "@"),
            FileKind::Other => ('?', ""),
        };
        let changed = bailey_api::Time(bailey_core::Timestamp::from_seconds(entry.modified));
        table.row([
            format!("{letter}{:04o}", entry.mode),
            entry.size.to_string(),
            crate::table::time(changed),
            plain(&format!("{}{mark}", entry.name)),
        ]);
    }
    let more = if list.truncated { "there are more\n" } else { "" };
    format!("{}{more}", table.text("nothing"))
}

fn matches(found: &FileMatches) -> String {
    let lines = found.matches.iter();
    let mut text: String = lines
        .map(|m| plain(&format!("{}:{}:{}", m.path, m.line, m.text)) + "\n")
        .collect();
    if found.truncated {
        text.push_str("there may be more\n");
    }
    if text.is_empty() { "nothing".to_owned() } else { text }
}
