//! Links of workspaces: which agents are connected, and how to reach them.
//!
//! An agent has two connections, one for what somebody waits for and one for bulk. A new connection of a class takes the
//! place of the one before, which is closed: the agent knows better than the server whether it still works.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_api::agent::{AgentStatus, FromServer, LinkClass, Purpose};
use bailey_core::WorkspaceId;
use bailey_link::{Opener, PurposeError, Stream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Messages that may wait for an agent's control stream.
const WAITING: usize = 64;

/// A stream to an agent has not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The agent is not connected.
    #[error("the workspace is not connected")]
    NotConnected,
    /// The agent says no, and why.
    #[error("{0}")]
    Refused(String),
    /// The workspace has as many streams open as it may.
    #[error("too many streams of the workspace are open; close some of its terminals and apps")]
    Busy,
    /// The connection broke, or the agent does not answer.
    #[error("the link to the workspace broke")]
    Broken(#[source] std::io::Error),
}

impl LinkError {
    fn barred() -> Self {
        Self::Refused("the workspace's owner is suspended".to_owned())
    }
}

/// How far an agent has come with its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was heard of it.
    Awaited,
    /// Everything that a start waits for is there.
    Ready,
    /// It cannot come up, or has ended by itself.
    Over(String),
}

/// Links of workspaces whose agents are connected. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<HashMap<WorkspaceId, Entry>>>);

struct Entry {
    interactive: Option<Attached>,
    bulk: Option<Attached>,
    /// Counts connections, so that one that ends late does not take another's place away.
    next: u64,
    status: Option<AgentStatus>,
    control: Option<mpsc::Sender<FromServer>>,
    phase: watch::Sender<Phase>,
    /// No more streams are opened, in either direction: its owner was suspended.
    barred: bool,
    /// How often this agent was cut off.
    cuts: u32,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            interactive: None,
            bulk: None,
            next: 0,
            status: None,
            control: None,
            phase: watch::Sender::new(Phase::Awaited),
            barred: false,
            cuts: 0,
        }
    }
}

struct Attached {
    number: u64,
    opener: Opener,
    end: CancellationToken,
}

impl Entry {
    const fn place(&mut self, class: LinkClass) -> &mut Option<Attached> {
        match class {
            LinkClass::Interactive => &mut self.interactive,
            LinkClass::Bulk => &mut self.bulk,
        }
    }
}

/// A connection's place among the links. It is given up when this is dropped.
pub(crate) struct Place {
    links: Links,
    workspace: WorkspaceId,
    class: LinkClass,
    number: u64,
    /// Cancelled when the connection is to be closed.
    pub(crate) end: CancellationToken,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.links.table();
        let Some(entry) = table.get_mut(&self.workspace) else {
            return;
        };
        let place = entry.place(self.class);
        if place.as_ref().is_some_and(|attached| attached.number == self.number) {
            *place = None;
            if self.class == LinkClass::Interactive {
                entry.control = None;
            }
        }
    }
}

impl Links {
    /// Opens a stream to the agent of `workspace`; answers once the agent has accepted it.
    pub(crate) async fn open(&self, workspace: WorkspaceId, purpose: Purpose) -> Result<Stream, LinkError> {
        let class = match purpose {
            Purpose::App { .. } | Purpose::Http | Purpose::Exec(_) => LinkClass::Bulk,
            _ => LinkClass::Interactive,
        };
        let opener = {
            let mut table = self.table();
            let entry = table.get_mut(&workspace);
            if entry.as_ref().is_some_and(|entry| entry.barred) {
                return Err(LinkError::barred());
            }
            // An agent that has only just come has one connection a moment before the other.
            let opener = |entry: &mut Entry, class| entry.place(class).as_ref().map(|attached| attached.opener.clone());
            entry.and_then(|entry| opener(entry, class).or_else(|| opener(entry, LinkClass::Interactive)))
        };
        let opener = opener.ok_or(LinkError::NotConnected)?;
        let answer = bailey_link::request(&opener, &purpose).await;
        // The owner may have been suspended while the agent made up its mind.
        if self.is_barred(workspace) {
            return Err(LinkError::barred());
        }
        answer.map_err(|error| match error {
            PurposeError::Link(bailey_link::LinkError::Closed) => LinkError::NotConnected,
            PurposeError::Link(bailey_link::LinkError::TooManyStreams) => LinkError::Busy,
            PurposeError::Refused(why) => LinkError::Refused(why),
            PurposeError::Broken(source) => LinkError::Broken(source),
            other => LinkError::Broken(std::io::Error::other(other)),
        })
    }

    /// What is shown live of a workspace, if its agent is connected and has said it.
    pub(crate) fn status(&self, workspace: WorkspaceId) -> Option<AgentStatus> {
        let table = self.table();
        let entry = table.get(&workspace)?;
        entry.interactive.as_ref().and(entry.status.clone())
    }

    /// Whether the agent of `workspace` is connected.
    pub(crate) fn is_connected(&self, workspace: WorkspaceId) -> bool {
        self.table()
            .get(&workspace)
            .is_some_and(|entry| entry.interactive.is_some())
    }

    /// Notes what is shown live.
    pub(crate) fn set_status(&self, workspace: WorkspaceId, status: AgentStatus) {
        if let Some(entry) = self.table().get_mut(&workspace) {
            entry.status = Some(status);
        }
    }

    /// Takes a connection in; one of the same class before it is closed.
    pub(crate) fn attach(&self, workspace: WorkspaceId, class: LinkClass, opener: Opener) -> Place {
        let end = CancellationToken::new();
        let mut table = self.table();
        let entry = table.entry(workspace).or_default();
        entry.next += 1;
        let number = entry.next;
        let attached = Attached {
            number,
            opener,
            end: end.clone(),
        };
        if let Some(before) = entry.place(class).replace(attached) {
            before.end.cancel();
        }
        drop(table);
        Place {
            links: self.clone(),
            workspace,
            class,
            number,
            end,
        }
    }

    /// The messages for an agent, to be written to the control stream that it has just opened. They end when another control
    /// stream takes this one's place.
    pub(crate) fn control(&self, workspace: WorkspaceId) -> mpsc::Receiver<FromServer> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.table().entry(workspace).or_default().control = Some(sender);
        receiver
    }

    /// Tells an agent something; `false` if it is not connected or takes nothing more.
    pub(crate) fn tell(&self, workspace: WorkspaceId, message: FromServer) -> bool {
        let table = self.table();
        let control = table.get(&workspace).and_then(|entry| entry.control.as_ref());
        control.is_some_and(|control| control.try_send(message).is_ok())
    }

    /// Begins to wait for a new agent: connections of the one before are closed, and what is known of it is forgotten.
    pub(crate) fn expect(&self, workspace: WorkspaceId) -> watch::Receiver<Phase> {
        self.close(workspace);
        self.table().entry(workspace).or_default().phase.subscribe()
    }

    /// How far the agent that is there has come, and will come.
    pub(crate) fn phase(&self, workspace: WorkspaceId) -> watch::Receiver<Phase> {
        self.table().entry(workspace).or_default().phase.subscribe()
    }

    /// Opens no more streams, in either direction, until another agent is expected.
    pub(crate) fn bar(&self, workspace: WorkspaceId) {
        if let Some(entry) = self.table().get_mut(&workspace) {
            entry.barred = true;
        }
    }

    /// Whether no more streams are opened.
    pub(crate) fn is_barred(&self, workspace: WorkspaceId) -> bool {
        self.table().get(&workspace).is_some_and(|entry| entry.barred)
    }

    /// Ends the connections of an agent that misbehaves; answers how often that was done to it. It may dial again.
    pub(crate) fn cut_off(&self, workspace: WorkspaceId) -> u32 {
        let mut table = self.table();
        let Some(entry) = table.get_mut(&workspace) else {
            return 0;
        };
        entry.cuts += 1;
        for attached in [&entry.interactive, &entry.bulk].into_iter().flatten() {
            attached.end.cancel();
        }
        entry.cuts
    }

    /// Notes how far an agent has come. An end is final. Of a workspace that nobody knows nothing is noted.
    pub(crate) fn report(&self, workspace: WorkspaceId, phase: Phase) {
        let table = self.table();
        let Some(entry) = table.get(&workspace) else {
            return;
        };
        entry.phase.send_if_modified(|known| {
            let news = *known != phase && !matches!(known, Phase::Over(_));
            if news {
                *known = phase;
            }
            news
        });
    }

    /// Closes the connections of a workspace, for good: its agent's token is refused already.
    pub(crate) fn close(&self, workspace: WorkspaceId) {
        let gone = self.table().remove(&workspace);
        for attached in gone
            .into_iter()
            .flat_map(|entry| [entry.interactive, entry.bulk])
            .flatten()
        {
            attached.end.cancel();
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Entry>> {
        // Nothing that can panic happens under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests;
