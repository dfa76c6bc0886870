//! Streams that reach into workspaces over the API: terminals, commands and files.
//!
//! Who may open one is judged here, once, and the answer ([`Admitted`]) is good for whatever carries the stream afterwards:
//! a transport is handed somebody who was let in, and asks it when that is over.

pub(crate) mod files;
mod held;
mod open;
pub(crate) mod query;

use std::time::Duration;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bailey_api::Code;
use bailey_api::agent::Purpose;
use bailey_core::WorkspaceId;
use bailey_core::workspace::WorkspaceStatus;
use bailey_link::Stream;
use serde_json::json;

use crate::app::{App, AppError, Caller, workspace_resource as workspaces_resource};
use crate::apps::{self, Visit};
use crate::audit::{Change, Resource};
use crate::bridge::{self, MAX_FRAME, READ_BUFFER};
use crate::links::LinkError;

pub(crate) use open::{Inside, Kind, Open, Place};

/// How long an agent may take to accept a stream.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no stream into a workspace.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Nothing but the browser leads in.
    #[error("nothing but the browser leads into `{0}`; `bailey open` makes an address for it")]
    BrowserOnly(String),
    /// It does not run.
    #[error("`{name}` is {status}; `bailey start {name}` starts it")]
    NotRunning {
        /// The workspace's name.
        name: String,
        /// How it is.
        status: WorkspaceStatus,
    },
    /// It runs, and its agent is not linked.
    #[error("`{0}` is not connected at the moment")]
    NotConnected(String),
    /// The agent says no.
    #[error("{0}")]
    Refused(String),
    /// There are as many as there may be.
    #[error("{whose} has {most} streams open, which is the most; close one")]
    TooMany {
        /// What has them.
        whose: &'static str,
        /// The limit.
        most: usize,
    },
    /// A file is not as it would have to be.
    #[error("{why}")]
    File {
        /// The code.
        code: Code,
        /// What is wrong, in the agent's words.
        why: String,
    },
    /// What was to be written did not come to its end.
    #[error("the body ended early, or stood still for a minute; the file is as it was")]
    Cut,
    /// The request is no WebSocket's.
    #[error("this address takes a WebSocket: send the request with `Upgrade: websocket` over HTTP/1.1")]
    Upgrade,
}

/// Somebody who was let into a workspace.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The workspace as the audit log names it.
    pub(crate) resource: Resource,
    pub(crate) visit: Visit,
    place: Place,
}

impl Admitted {
    /// The same with the connection that it comes over, where that carries no WebSocket.
    pub(crate) fn over(mut self, connection: Option<&apps::Place>) -> Self {
        self.place = self.place.over(connection);
        self
    }
}

impl App {
    /// Lets somebody into a workspace, if it is theirs, more than the browser leads in, and it is there.
    pub(crate) async fn stream_admit(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        kind: Kind,
    ) -> Result<Admitted, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        let (name, resource) = (workspace.name.clone(), workspaces_resource(&workspace));
        // A terminal of somebody who is signed in with a browser is one in a page of Bailey's own: its session counts there
        // alone.
        let in_browser = kind == Kind::Terminal && caller.actor.session.is_some();
        if !in_browser && (workspace.resolved.browser_only || self.fleet().settings().browser_only) {
            return Err(StreamError::BrowserOnly(name).into());
        }
        if !self.fleet().links().is_connected(id) {
            return Err(match workspace.status() {
                WorkspaceStatus::Running => StreamError::NotConnected(name),
                status => StreamError::NotRunning { name, status },
            }
            .into());
        }
        let inside = Inside {
            workspace: id,
            owner: workspace.owner,
        };
        let place = self.streams().enter(inside, caller.person(), kind)?;
        let mut visit = self.apps().visit(caller, workspace).ok_or(AppError::NotFound)?;
        visit.end = place.end();
        Ok(Admitted { resource, visit, place })
    }

    /// Opens a stream for somebody who was let in.
    pub(crate) async fn stream_open(&self, admitted: &Admitted, purpose: Purpose) -> Result<Stream, AppError> {
        let site = &admitted.visit.site;
        let opened = tokio::time::timeout(PATIENCE, self.fleet().links().open(site.workspace, purpose)).await;
        let away = || StreamError::NotConnected(site.name.clone());
        let stream = opened.map_err(|_| away())?.map_err(|error| match error {
            LinkError::Refused(why) => StreamError::Refused(why),
            LinkError::Busy => StreamError::TooMany {
                whose: "the workspace's link",
                most: bailey_link::MAX_STREAMS,
            },
            LinkError::NotConnected | LinkError::Broken(_) => away(),
        })?;
        Ok(stream)
    }

    /// Opens a stream and hands it to a WebSocket.
    pub(crate) async fn stream_upgrade(
        &self,
        caller: &Caller,
        admitted: Admitted,
        purpose: Purpose,
        upgrade: WebSocketUpgrade,
        connection: Option<apps::Place>,
    ) -> Result<Response, AppError> {
        let is_terminal = matches!(purpose, Purpose::Terminal(_));
        let entry = caller.record_open(begins(&admitted, &purpose)).await?;
        let stream = match self.stream_open(&admitted, purpose).await {
            Ok(stream) => stream,
            Err(error) => {
                entry.fail(error.to_string());
                return Err(error);
            }
        };
        let app = self.clone();
        Ok(upgrade
            .max_message_size(MAX_FRAME)
            .max_frame_size(MAX_FRAME)
            .read_buffer_size(READ_BUFFER)
            .on_upgrade(move |socket: WebSocket| async move {
                let apps = app.apps();
                if is_terminal {
                    apps.carry(&admitted.visit, socket, stream).await;
                } else {
                    // The agent itself says that a command runs.
                    bridge::carry(socket, stream, |_| {}, apps.until_over(&admitted.visit)).await;
                }
                entry.end();
                drop((admitted, connection));
            }))
    }
}

/// What begins with a stream. Of a command's variables the values may be secrets.
fn begins(admitted: &Admitted, purpose: &Purpose) -> Change {
    let resource = admitted.resource.clone();
    match purpose {
        Purpose::Terminal(open) => {
            Change::new("workspaces.terminal", resource).after(&json!({ "terminal": open.name }))
        }
        Purpose::Exec(start) => Change::new("workspaces.exec", resource).after(&json!({
            "command": start.command,
            "directory": start.directory,
            "variables": start.environment.keys().collect::<Vec<_>>(),
            "timeout_seconds": start.timeout,
        })),
        _ => Change::new("workspaces.stream", resource),
    }
}
