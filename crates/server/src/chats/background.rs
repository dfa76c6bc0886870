//! Background processes of chats. They end with their chat. They are this server's for as long as it runs: after a restart they go
//! on inside, and nothing reads their output any more.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bailey_api::frame::{ExecFrame, MAX_PAYLOAD};
use bailey_chats::ProcessOutput;
use bailey_core::mask::{Masker, Secrets};
use bailey_core::{ChatId, WorkspaceId};
use bailey_link::FrameWriter;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::inside::Running;
use crate::app::App;

/// Processes of one workspace that are remembered, those that have ended included.
const PER_WORKSPACE: usize = 16;
/// Bytes of a process's output that are kept.
const KEPT: usize = 256 * 1024;
/// The signal that ends a process.
const KILL: u8 = 9;
/// How often it is looked whether the chats of processes are over.
const LOOK: Duration = Duration::from_secs(2);
/// How long a process may take to take input.
const PATIENCE: Duration = Duration::from_secs(10);

/// Background processes by workspace and name. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Background(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    processes: HashMap<(WorkspaceId, String), Arc<Process>>,
    /// Rooms that were given and hold no process yet.
    begun: HashMap<WorkspaceId, usize>,
    next: u64,
    /// Whether somebody looks after them.
    looked_after: bool,
}

struct Process {
    /// The chat that started it.
    chat: ChatId,
    /// Cancelled when it is to end with it.
    end: CancellationToken,
    said: watch::Sender<Said>,
    /// `None` once it has ended.
    writer: tokio::sync::Mutex<Option<FrameWriter>>,
    /// Counts up: the oldest that has ended makes room.
    number: u64,
}

/// What a process has said, and how it ended.
#[derive(Default)]
struct Said {
    kept: VecDeque<u8>,
    /// The position behind the last byte.
    next: u64,
    exited: Option<i32>,
}

impl Said {
    fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
        let over = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..over);
        self.next = self.next.saturating_add(bytes.len() as u64);
    }

    fn after(&self, position: u64) -> ProcessOutput {
        let first = self.next.saturating_sub(self.kept.len() as u64);
        let skipped = usize::try_from(position.saturating_sub(first)).unwrap_or(usize::MAX);
        ProcessOutput {
            bytes: self.kept.iter().skip(skipped).copied().collect(),
            lost: position < first,
            next: self.next,
            exited: self.exited,
        }
    }
}

/// Room for one more process.
pub(super) struct Room {
    background: Background,
    workspace: WorkspaceId,
}

impl Room {
    /// Takes a process in that was started: its name, and what reads its output until it ends.
    pub(super) fn begin(
        self,
        chat: ChatId,
        running: Running,
        secrets: &Secrets,
    ) -> (String, impl Future<Output = ()> + Send + 'static) {
        let Running {
            mut reader,
            writer,
            place,
        } = running;
        let mut table = self.background.table();
        table.next += 1;
        let number = table.next;
        let name = format!("process-{number}");
        let over = CancellationToken::new();
        let process = Arc::new(Process {
            chat,
            end: over.clone(),
            said: watch::Sender::default(),
            writer: tokio::sync::Mutex::new(Some(writer)),
            number,
        });
        table
            .processes
            .insert((self.workspace, name.clone()), Arc::clone(&process));
        drop(table);
        let end = place.end();
        let [mut out, mut err] = [Masker::new(secrets), Masker::new(secrets)];
        let work = async move {
            let mut status = None;
            loop {
                let frame = tokio::select! {
                    frame = reader.next() => frame,
                    () = end.cancelled() => break,
                    () = over.cancelled() => break,
                };
                let Ok(Some(frame)) = frame else { break };
                match ExecFrame::decode(&frame) {
                    Ok(ExecFrame::Stdout(bytes)) => process.said.send_modify(|said| said.push(&out.push(&bytes))),
                    Ok(ExecFrame::Stderr(bytes)) => process.said.send_modify(|said| said.push(&err.push(&bytes))),
                    Ok(ExecFrame::Exited { status: ended }) => {
                        status = Some(ended);
                        break;
                    }
                    Ok(_) | Err(_) => break,
                }
            }
            // To let go of both ends is what ends it, where it has not ended by itself.
            *process.writer.lock().await = None;
            drop((reader, place));
            process.said.send_modify(|said| {
                said.push(&out.finish());
                said.push(&err.finish());
            });
            process
                .said
                .send_modify(|said| said.exited = Some(status.unwrap_or(128 + i32::from(KILL))));
        };
        (name, work)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut table = self.background.table();
        if let Some(begun) = table.begun.get_mut(&self.workspace) {
            *begun = begun.saturating_sub(1);
        }
        table.begun.retain(|_, begun| *begun > 0);
    }
}

impl Background {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that can panic happens under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody looks after processes yet; whoever asks does so from now on.
    pub(super) fn is_left_alone(&self) -> bool {
        !std::mem::replace(&mut self.table().looked_after, true)
    }

    /// Ends processes whose chats are over, and forgets them, until there are none.
    pub(super) async fn look_after(self, app: App) {
        let stopping = app.gate().tasks().stopping().clone();
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let Some(chats) = self.chats() else { return };
            match app.store().chats_open(&chats).await {
                Ok(open) => self.end(|chat| chats.contains(&chat) && !open.contains(&chat)),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "nobody knows which chats of background processes are over"
                    );
                }
            }
        }
    }

    /// The chats that have processes; `None` if none has, and nobody looks after them any more.
    fn chats(&self) -> Option<Vec<ChatId>> {
        let mut table = self.table();
        table.looked_after = !table.processes.is_empty() || !table.begun.is_empty();
        let chats: BTreeSet<ChatId> = table.processes.values().map(|process| process.chat).collect();
        table.looked_after.then(|| chats.into_iter().collect())
    }

    /// Ends the processes of such chats and forgets them.
    fn end(&self, over: impl Fn(ChatId) -> bool) {
        self.table().processes.retain(|_, process| {
            let over = over(process.chat);
            if over {
                process.end.cancel();
            }
            !over
        });
    }

    /// Room for one more process of a workspace; the oldest that has ended is forgotten for it.
    pub(super) fn place(&self, workspace: WorkspaceId) -> Result<Room, String> {
        let mut table = self.table();
        let begun = table.begun.get(&workspace).copied().unwrap_or(0);
        let of_workspace = table.processes.iter().filter(|((of, _), _)| *of == workspace);
        if of_workspace.clone().count() + begun >= PER_WORKSPACE {
            let ended = of_workspace.filter(|(_, process)| process.said.borrow().exited.is_some());
            let oldest = ended
                .min_by_key(|(_, process)| process.number)
                .map(|(key, _)| key.clone());
            let oldest = oldest.ok_or_else(|| {
                format!("{PER_WORKSPACE} background processes run in the workspace, which is the most; stop one")
            })?;
            table.processes.remove(&oldest);
        }
        *table.begun.entry(workspace).or_insert(0) += 1;
        drop(table);
        Ok(Room {
            background: self.clone(),
            workspace,
        })
    }

    fn find(&self, workspace: WorkspaceId, name: &str) -> Result<Arc<Process>, String> {
        let table = self.table();
        let found = table.processes.get(&(workspace, name.to_owned())).cloned();
        found.ok_or_else(|| {
            format!("there is no background process {name:?}, or the server was restarted since and does not have it any more")
        })
    }

    /// What a process has said after a position; waits at most `wait` for something new.
    pub(super) async fn output(
        &self,
        workspace: WorkspaceId,
        name: &str,
        after: u64,
        wait: Duration,
    ) -> Result<ProcessOutput, String> {
        let process = self.find(workspace, name)?;
        let mut said = process.said.subscribe();
        // Where nothing new comes in time, what is there is the answer.
        let _ = timeout(wait, said.wait_for(|said| said.next > after || said.exited.is_some())).await;
        let output = said.borrow().after(after);
        Ok(output)
    }

    async fn send(&self, workspace: WorkspaceId, name: &str, frames: Vec<ExecFrame>) -> Result<(), String> {
        let process = self.find(workspace, name)?;
        let work = async {
            let mut writer = process.writer.lock().await;
            let open = writer.as_mut().ok_or("the process has ended")?;
            for frame in frames {
                open.send(&frame.encode()).await.map_err(|_| "the process has ended")?;
            }
            Ok(())
        };
        match timeout(PATIENCE, work).await {
            Ok(done) => done.map_err(|why: &str| why.to_owned()),
            Err(_) => Err("the process does not take its input".to_owned()),
        }
    }

    /// Writes to a process's standard input.
    pub(super) async fn input(&self, workspace: WorkspaceId, name: &str, bytes: &[u8]) -> Result<(), String> {
        let pieces = bytes.chunks(MAX_PAYLOAD).map(|piece| ExecFrame::Stdin(piece.to_vec()));
        self.send(workspace, name, pieces.collect()).await
    }

    /// Ends a process; one that has ended is as good.
    pub(super) async fn stop(&self, workspace: WorkspaceId, name: &str) -> Result<(), String> {
        let process = self.find(workspace, name)?;
        if process.said.borrow().exited.is_some() {
            return Ok(());
        }
        self.send(workspace, name, vec![ExecFrame::Signal(KILL)]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_kept_up_to_a_bound_and_loss_is_told() {
        let mut said = Said::default();
        said.push(b"hello");
        assert_eq!(said.after(0).bytes, b"hello");
        assert_eq!(
            (said.after(2).bytes.as_slice(), said.after(2).lost),
            (&b"llo"[..], false)
        );
        assert!(said.after(5).bytes.is_empty() && said.after(99).bytes.is_empty());
        said.push(&vec![b'x'; KEPT]);
        let all = said.after(0);
        assert!(all.lost && all.bytes.len() == KEPT && all.next == KEPT as u64 + 5);
        assert!(!said.after(5).lost);
    }

    #[test]
    fn what_a_chat_started_is_ended_and_forgotten_with_it() {
        let workspace = WorkspaceId::from_uuid(uuid::Uuid::from_u128(1));
        let [over, open] = [2, 3].map(|n| ChatId::from_uuid(uuid::Uuid::from_u128(n)));
        let background = Background::default();
        assert!(background.is_left_alone() && !background.is_left_alone());
        let ends: Vec<CancellationToken> = [over, open, over]
            .into_iter()
            .zip(0..)
            .map(|(chat, number)| {
                let end = CancellationToken::new();
                let process = Process {
                    chat,
                    end: end.clone(),
                    said: watch::Sender::default(),
                    writer: tokio::sync::Mutex::new(None),
                    number,
                };
                let key = (workspace, format!("process-{number}"));
                background.table().processes.insert(key, Arc::new(process));
                end
            })
            .collect();
        assert_eq!(background.chats(), Some(vec![over, open]));
        background.end(|chat| chat == over);
        let ended: Vec<bool> = ends.iter().map(CancellationToken::is_cancelled).collect();
        assert_eq!(ended, [true, false, true]);
        assert_eq!(background.chats(), Some(vec![open]));
        background.end(|_| true);
        assert!(background.table().processes.is_empty());
        assert!(background.chats().is_none() && background.is_left_alone());
    }

    #[test]
    fn rooms_count_before_there_is_a_process_in_them_and_no_longer_than_they_last() {
        let workspace = WorkspaceId::from_uuid(uuid::Uuid::from_u128(1));
        let background = Background::default();
        let rooms: Vec<Room> = (0..PER_WORKSPACE)
            .map(|_| background.place(workspace).unwrap())
            .collect();
        assert!(background.place(workspace).is_err());
        drop(rooms);
        assert!(background.place(workspace).is_ok());
    }
}
