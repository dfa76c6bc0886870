//! A workspace as the tools of a chat see it: commands and files over the link.

use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::{ExecStart, HOME, Purpose};
use bailey_api::files::{FileKind, FileList};
use bailey_api::frame::{ExecFrame, MAX_PAYLOAD};
use bailey_chats::{
    Answered, Command, DirEntry, Exit, FileText, Output, ProcessOutput, Workspace, WorkspaceError, Workspaces,
};
use bailey_core::chat::{Channel, Chat};
use bailey_core::mask::Secrets;
use bailey_core::{ChatId, PersonId, Timestamp, WorkspaceId};
use bailey_link::{FrameReader, FrameWriter, Stream, frames};
use bailey_runtime::http::over;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::background::Background;
use crate::app::App;
use crate::links::LinkError;
use crate::streams::{Inside as Where, Kind, PATIENCE, Place};

/// Bytes of an answer's head.
const HEAD: usize = 64 * 1024;
/// The largest answer that is no file: a directory of 10,000 names of the longest.
const LARGEST: usize = 16 * 1024 * 1024;
/// How long a file may stand still on its way.
const STILL: Duration = Duration::from_mins(1);
/// The status of a command whose time was over.
const TIMED_OUT: i32 = 124;

/// Opens workspaces for chats.
pub(super) struct Insides {
    app: App,
    background: Background,
}

impl Insides {
    pub(super) fn new(app: App) -> Self {
        let background = Background::default();
        Self { app, background }
    }
}

impl Workspaces for Insides {
    fn open<'a>(&'a self, chat: &'a Chat, wanted: Timestamp) -> Answered<'a, Arc<dyn Workspace>> {
        Box::pin(async move {
            let found = self.app.chat_workspace_up(chat.workspace, wanted).await?;
            let inside = Inside {
                app: self.app.clone(),
                chat: chat.id,
                wanted,
                workspace: found.id,
                owner: found.owner,
                background: self.background.clone(),
            };
            Ok(Arc::new(inside) as Arc<dyn Workspace>)
        })
    }

    fn secrets<'a>(&'a self, chat: &'a Chat) -> Answered<'a, Secrets> {
        Box::pin(async move {
            let secrets = self.app.secrets_of(chat.owner).await;
            secrets.map_err(|error| unreachable(format!("nobody knows what is secret in it: {error}")))
        })
    }
}

/// A workspace that is up.
struct Inside {
    app: App,
    chat: ChatId,
    wanted: Timestamp,
    workspace: WorkspaceId,
    owner: PersonId,
    background: Background,
}

fn refused(why: impl Into<String>) -> WorkspaceError {
    WorkspaceError::Refused(why.into())
}

fn unreachable(why: impl Into<String>) -> WorkspaceError {
    WorkspaceError::Unreachable(why.into())
}

/// Paths that are not absolute begin at the home directory.
fn absolute(directory: Option<&str>) -> Option<String> {
    directory.map(|directory| {
        if directory.starts_with('/') {
            directory.to_owned()
        } else {
            format!("{HOME}/{directory}")
        }
    })
}

/// A stream into the workspace, counted among what its owner has open, and over when they are suspended.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) place: Place,
}

/// A command that runs.
pub(super) struct Running {
    pub(super) reader: FrameReader,
    pub(super) writer: FrameWriter,
    pub(super) place: Place,
}

impl Inside {
    async fn link(&self, kind: Kind, purpose: Purpose) -> Result<Opened, WorkspaceError> {
        // It may have been stopped since; nothing of this was begun yet.
        if !self.app.fleet().links().is_connected(self.workspace) {
            self.app.chat_workspace_up(self.workspace, self.wanted).await?;
        }
        self.app.fleet().note_activity(self.workspace);
        let inside = Where {
            workspace: self.workspace,
            owner: self.owner,
        };
        let place = self.app.streams().enter(inside, self.owner, kind);
        // No answer of the workspace: what was asked for may well be there.
        let place = place.map_err(|error| unreachable(error.to_string()))?;
        let opened = timeout(PATIENCE, self.app.fleet().links().open(self.workspace, purpose)).await;
        let stream = match opened {
            Ok(Ok(stream)) => stream,
            Ok(Err(LinkError::Refused(why))) => return Err(refused(why)),
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable("its agent does not answer")),
        };
        Ok(Opened { stream, place })
    }

    async fn start(&self, command: &Command) -> Result<Running, WorkspaceError> {
        let start = ExecStart {
            command: command.argv.clone(),
            directory: absolute(command.directory.as_deref()),
            environment: std::collections::BTreeMap::new(),
            timeout: command.limit.map(|limit| limit.as_secs().max(1)),
        };
        let Opened { stream, place } = self.link(Kind::Command, Purpose::Exec(start)).await?;
        let (reader, writer) = frames(stream, MAX_PAYLOAD + 16);
        Ok(Running { reader, writer, place })
    }

    async fn run(&self, command: &Command, output: Output<'_>) -> Result<Exit, WorkspaceError> {
        let began = Instant::now();
        let Running {
            mut reader,
            mut writer,
            place,
        } = self.start(command).await?;
        let end = place.end();
        // A command that has ended already takes no input.
        let _ = writer.send(&ExecFrame::StdinEnd.encode()).await;
        let broke = || unreachable("the link broke while the command ran; it may run on");
        loop {
            let frame = tokio::select! {
                frame = reader.next() => frame,
                () = end.cancelled() => return Err(unreachable("the command was ended: the workspace is closed to its owner")),
            };
            let frame = frame.ok().flatten().ok_or_else(broke)?;
            match ExecFrame::decode(&frame) {
                Ok(ExecFrame::Stdout(bytes)) => output(Channel::Stdout, &bytes),
                Ok(ExecFrame::Stderr(bytes)) => output(Channel::Stderr, &bytes),
                Ok(ExecFrame::Exited { status }) => {
                    let over = command.limit.is_some_and(|limit| began.elapsed() >= limit);
                    let timed_out = status == TIMED_OUT && over;
                    return Ok(Exit { status, timed_out });
                }
                Ok(_) | Err(_) => return Err(unreachable("its agent says what no agent says")),
            }
        }
    }

    /// Asks for something of the agent's files; an answer of failure is the error. The place is to be kept until the body is read.
    async fn ask(
        &self,
        (method, path): (Method, &'static str),
        query: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(Response<Incoming>, Place), WorkspaceError> {
        let query = serde_urlencoded::to_string(query).map_err(|error| refused(error.to_string()))?;
        let Opened { stream, place } = self.link(Kind::Files, Purpose::Http).await?;
        let away = || unreachable("the link broke");
        let (mut sender, connection) = over(stream, HEAD).await.map_err(|_| away())?;
        self.app.gate().tasks().spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a request to an agent ended early"
                );
            }
        });
        let request = Request::builder().method(method).uri(format!("{path}?{query}"));
        let request = request
            .header(HOST, HeaderValue::from_static("workspace"))
            .body(Full::new(body))
            .map_err(|error| refused(error.to_string()))?;
        let response = within(&place.end(), sender.send_request(request))
            .await?
            .map_err(|_| away())?;
        if response.status().is_success() {
            return Ok((response, place));
        }
        let status = response.status();
        let body = Limited::new(response.into_body(), HEAD).collect().await;
        let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        let said = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let said = said.as_ref().and_then(|said| said.get("error")?.as_str());
        Err(refused(
            said.map_or_else(|| format!("its agent answers {status}"), str::to_owned),
        ))
    }

    async fn ask_for<T: DeserializeOwned>(
        &self,
        path: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, WorkspaceError> {
        let (response, place) = self.ask((Method::GET, path), query, Bytes::new()).await?;
        let body = within(&place.end(), Limited::new(response.into_body(), LARGEST).collect()).await?;
        let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| refused(format!("its answer cannot be read: {error}")))
    }

    async fn read_file(&self, path: &str, most: u64) -> Result<FileText, WorkspaceError> {
        let (response, place) = self
            .ask((Method::GET, "/files"), &[("path", path)], Bytes::new())
            .await?;
        let length = response.headers().get(CONTENT_LENGTH);
        let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut body = response.into_body();
        let (mut bytes, mut seen) = (Vec::new(), 0_u64);
        while bytes.len() < most {
            let Some(frame) = within(&place.end(), body.frame()).await? else {
                break;
            };
            let frame = frame.map_err(|_| unreachable("the link broke while the file was read"))?;
            if let Ok(data) = frame.into_data() {
                seen += data.len() as u64;
                let room = most - bytes.len();
                bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
            }
        }
        let size = length.unwrap_or(seen);
        Ok(FileText { bytes, size })
    }
}

/// `work`, unless it stands still for too long or the workspace is closed to its owner.
async fn within<T>(end: &CancellationToken, work: impl Future<Output = T>) -> Result<T, WorkspaceError> {
    tokio::select! {
        done = timeout(STILL, work) => done.map_err(|_| unreachable("its agent does not answer")),
        () = end.cancelled() => Err(unreachable("the workspace is closed to its owner")),
    }
}

impl Workspace for Inside {
    fn exec<'a>(&'a self, command: &'a Command, output: Output<'a>) -> Answered<'a, Exit> {
        Box::pin(self.run(command, output))
    }

    fn process_start<'a>(&'a self, command: &'a Command) -> Answered<'a, String> {
        Box::pin(async move {
            let place = self.background.place(self.workspace).map_err(refused)?;
            let running = self.start(command).await?;
            let secrets = self.app.identity().external.handed_out(self.owner);
            let (name, work) = place.begin(self.chat, running, &secrets);
            let tasks = self.app.gate().tasks();
            tasks.spawn(work);
            if self.background.is_left_alone() {
                tasks.spawn(self.background.clone().look_after(self.app.clone()));
            }
            Ok(name)
        })
    }

    fn process_output<'a>(&'a self, process: &'a str, after: u64, wait: Duration) -> Answered<'a, ProcessOutput> {
        Box::pin(async move {
            self.app.fleet().note_activity(self.workspace);
            self.background
                .output(self.workspace, process, after, wait)
                .await
                .map_err(refused)
        })
    }

    fn process_input<'a>(&'a self, process: &'a str, bytes: &'a [u8]) -> Answered<'a, ()> {
        Box::pin(async move {
            self.background
                .input(self.workspace, process, bytes)
                .await
                .map_err(refused)
        })
    }

    fn process_stop<'a>(&'a self, process: &'a str) -> Answered<'a, ()> {
        Box::pin(async move { self.background.stop(self.workspace, process).await.map_err(refused) })
    }

    fn read<'a>(&'a self, path: &'a str, most: u64) -> Answered<'a, FileText> {
        Box::pin(self.read_file(path, most))
    }

    fn write<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> Answered<'a, ()> {
        Box::pin(async move {
            let query = [("path", path), ("parents", "true")];
            let body = Bytes::copy_from_slice(bytes);
            self.ask((Method::PUT, "/files"), &query, body).await.map(drop)
        })
    }

    fn list<'a>(&'a self, path: &'a str) -> Answered<'a, Vec<DirEntry>> {
        Box::pin(async move {
            let found: FileList = self.ask_for("/list", &[("path", path)]).await?;
            let entry = |entry: bailey_api::files::FileEntry| DirEntry {
                directory: entry.kind == FileKind::Directory,
                name: entry.name,
                size: entry.size,
            };
            Ok(found.entries.into_iter().map(entry).collect())
        })
    }
}
