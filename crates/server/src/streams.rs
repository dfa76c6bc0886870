//! Streams that reach into workspaces over the API: terminals, commands and files.
//!
//! Who may open one is judged here, once, and the answer ([`Admitted`]) is good for whatever carries the stream afterwards:
//! a transport is handed somebody who was let in, and asks it when that is over.

pub(crate) mod files;
mod held;
pub(crate) mod query;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bailey_api::Code;
use bailey_api::agent::Purpose;
use bailey_core::workspace::WorkspaceStatus;
use bailey_core::{PersonId, WorkspaceId};
use bailey_link::Stream;

use crate::app::{App, AppError, Caller};
use crate::apps::{self, Visit};
use crate::bridge::{self, MAX_FRAME, READ_BUFFER};
use crate::links::LinkError;

/// The most streams that are open at the same time into one workspace.
const PER_WORKSPACE: usize = 64;
/// The most that one person has open.
const PER_PERSON: usize = 128;
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

/// How many streams are open. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    workspaces: HashMap<WorkspaceId, usize>,
    people: HashMap<PersonId, usize>,
}

/// A stream's place among those that are open. It is given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    open: Open,
    /// `None` = it leads into none.
    workspace: Option<WorkspaceId>,
    person: PersonId,
}

impl Open {
    /// A place for a stream into a workspace.
    pub(crate) fn enter(&self, workspace: WorkspaceId, person: PersonId) -> Result<Place, StreamError> {
        self.take(Some(workspace), person)
    }

    /// A place for somebody who follows a log. It leads into no workspace: whoever reads logs keeps nobody out of one.
    pub(crate) fn enter_log(&self, person: PersonId) -> Result<Place, StreamError> {
        self.take(None, person)
    }

    fn take(&self, workspace: Option<WorkspaceId>, person: PersonId) -> Result<Place, StreamError> {
        // Nothing that can panic happens under the lock.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |whose, most| StreamError::TooMany { whose, most };
        let taken = workspace.and_then(|id| counts.workspaces.get(&id).copied());
        if taken.is_some_and(|n| n >= PER_WORKSPACE) {
            return Err(full("the workspace", PER_WORKSPACE));
        }
        if counts.people.get(&person).is_some_and(|n| *n >= PER_PERSON) {
            return Err(full("the person", PER_PERSON));
        }
        if let Some(workspace) = workspace {
            *counts.workspaces.entry(workspace).or_default() += 1;
        }
        *counts.people.entry(person).or_default() += 1;
        Ok(Place {
            open: self.clone(),
            workspace,
            person,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(workspace) = &self.workspace {
            leave(&mut counts.workspaces, workspace);
        }
        leave(&mut counts.people, &self.person);
    }
}

fn leave<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Somebody who was let into a workspace.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) visit: Visit,
    _place: Place,
}

impl App {
    /// Lets somebody into a workspace, if it is theirs, more than the browser leads in, and it is there.
    pub(crate) async fn stream_admit(&self, caller: &Caller, id: WorkspaceId) -> Result<Admitted, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        let name = workspace.name.clone();
        if workspace.resolved.browser_only || self.fleet().settings().browser_only {
            return Err(StreamError::BrowserOnly(name).into());
        }
        if !self.fleet().links().is_connected(id) {
            return Err(match workspace.status() {
                WorkspaceStatus::Running => StreamError::NotConnected(name),
                status => StreamError::NotRunning { name, status },
            }
            .into());
        }
        let place = self.streams().enter(id, caller.person())?;
        let visit = self.apps().visit(caller, workspace).ok_or(AppError::NotFound)?;
        Ok(Admitted { visit, _place: place })
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
        admitted: Admitted,
        purpose: Purpose,
        upgrade: WebSocketUpgrade,
        connection: Option<apps::Place>,
    ) -> Result<Response, AppError> {
        let is_terminal = matches!(purpose, Purpose::Terminal(_));
        let stream = self.stream_open(&admitted, purpose).await?;
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
                drop((admitted, connection));
            }))
    }
}

#[cfg(test)]
mod tests {
    use bailey_core::Timestamp;
    use bailey_runtime::ids::NewId;

    use super::*;

    #[test]
    fn places_are_counted_and_given_up() {
        let open = Open::default();
        let at = Timestamp::from_seconds(1);
        let (ann, busy) = (PersonId::new_at(at), WorkspaceId::new_at(at));
        let mut places: Vec<_> = (0..PER_WORKSPACE).map(|_| open.enter(busy, ann).unwrap()).collect();
        assert!(open.enter(busy, PersonId::new_at(at)).is_err());
        for _ in PER_WORKSPACE..PER_PERSON {
            places.push(open.enter(WorkspaceId::new_at(at), ann).unwrap());
        }
        assert!(open.enter(WorkspaceId::new_at(at), ann).is_err());
        places.pop();
        places.push(open.enter(WorkspaceId::new_at(at), ann).unwrap());
        drop(places);
        let logs: Vec<_> = (0..PER_PERSON).map(|_| open.enter_log(ann).unwrap()).collect();
        assert!(open.enter_log(ann).is_err(), "logs count by person");
        assert!(open.enter(busy, PersonId::new_at(at)).is_ok(), "and keep nobody out");
        drop(logs);
        let counts = open.0.lock().unwrap();
        assert!(counts.workspaces.is_empty() && counts.people.is_empty());
    }
}
