//! What is open: streams into workspaces, visits of apps and logs that are followed, by the people whose they are. There are
//! bounds to how many, and all of a person's can be ended.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bailey_core::{PersonId, WorkspaceId};
use bailey_store::Opened;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::StreamError;
use crate::apps;

/// The most streams that are open at the same time into one workspace.
const PER_WORKSPACE: usize = 64;
/// The most that one person has open.
const PER_PERSON: usize = 128;
/// How long something that was told to end may wait for whoever it is for to take what is on its way. After that its
/// connection is closed under it.
const GRACE: Duration = Duration::from_millis(1500);

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A terminal.
    Terminal,
    /// A command.
    Command,
    /// A file on its way, or a question about one.
    Files,
    /// A request or a WebSocket of an app.
    App,
    /// A log that is followed.
    Log,
}

/// A workspace and whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inside {
    /// The workspace.
    pub(crate) workspace: WorkspaceId,
    /// Its owner.
    pub(crate) owner: PersonId,
}

/// What is open. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    table: Mutex<Table>,
    /// Something has ended.
    gone: Notify,
}

#[derive(Debug, Default)]
struct Table {
    workspaces: HashMap<WorkspaceId, usize>,
    people: HashMap<PersonId, usize>,
    entries: HashMap<u64, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    /// Who has it open; `None` = somebody.
    person: Option<PersonId>,
    /// Whose workspace it leads into.
    owner: Option<PersonId>,
    end: CancellationToken,
    connection: Option<CancellationToken>,
}

impl Entry {
    fn is_of(&self, person: PersonId) -> bool {
        self.person == Some(person) || self.owner == Some(person)
    }
}

/// Something's place among what is open. It is given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    open: Open,
    number: u64,
    /// What it is counted by.
    counted: (Option<WorkspaceId>, Option<PersonId>),
    end: CancellationToken,
}

impl Place {
    /// Cancelled when it is to end.
    pub(crate) fn end(&self) -> CancellationToken {
        self.end.clone()
    }

    /// Names the connection that it comes over, which is closed if it does not end otherwise. One that carries a WebSocket
    /// is none: it ends with what reads it.
    pub(crate) fn over(self, connection: Option<&apps::Place>) -> Self {
        if let Some(entry) = self.open.table().entries.get_mut(&self.number) {
            entry.connection = connection.map(|place| place.cut.clone());
        }
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.open.table();
        table.entries.remove(&self.number);
        if let Some(workspace) = &self.counted.0 {
            leave(&mut table.workspaces, workspace);
        }
        if let Some(person) = &self.counted.1 {
            leave(&mut table.people, person);
        }
        drop(table);
        self.open.0.gone.notify_waiters();
    }
}

impl Open {
    /// A place for a stream into a workspace.
    pub(crate) fn enter(&self, inside: Inside, person: PersonId, kind: Kind) -> Result<Place, StreamError> {
        self.take(
            (Some(inside.workspace), Some(person)),
            (kind, Some(person), Some(inside.owner)),
        )
    }

    /// A place for somebody who follows a log. It leads into no workspace: whoever reads logs keeps nobody out of one.
    pub(crate) fn enter_log(&self, person: PersonId) -> Result<Place, StreamError> {
        self.take((None, Some(person)), (Kind::Log, Some(person), None))
    }

    /// A place for a visit of an app, of a person or of somebody. Others count how many there are.
    pub(crate) fn enter_app(&self, owner: PersonId, person: Option<PersonId>) -> Place {
        let mut table = self.table();
        self.insert(&mut table, (None, None), (Kind::App, person, Some(owner)))
    }

    fn take(
        &self,
        counted: (Option<WorkspaceId>, Option<PersonId>),
        whose: (Kind, Option<PersonId>, Option<PersonId>),
    ) -> Result<Place, StreamError> {
        let mut table = self.table();
        let full = |whose, most| StreamError::TooMany { whose, most };
        let taken = counted.0.and_then(|id| table.workspaces.get(&id).copied());
        if taken.is_some_and(|n| n >= PER_WORKSPACE) {
            return Err(full("the workspace", PER_WORKSPACE));
        }
        let taken = counted.1.and_then(|id| table.people.get(&id).copied());
        if taken.is_some_and(|n| n >= PER_PERSON) {
            return Err(full("the person", PER_PERSON));
        }
        Ok(self.insert(&mut table, counted, whose))
    }

    fn insert(
        &self,
        table: &mut Table,
        counted: (Option<WorkspaceId>, Option<PersonId>),
        (kind, person, owner): (Kind, Option<PersonId>, Option<PersonId>),
    ) -> Place {
        if let Some(workspace) = counted.0 {
            *table.workspaces.entry(workspace).or_default() += 1;
        }
        if let Some(person) = counted.1 {
            *table.people.entry(person).or_default() += 1;
        }
        table.next += 1;
        let (number, end) = (table.next, CancellationToken::new());
        let entry = Entry {
            kind,
            person,
            owner,
            end: end.clone(),
            connection: None,
        };
        table.entries.insert(number, entry);
        Place {
            open: self.clone(),
            number,
            counted,
            end,
        }
    }

    /// What a person has open, and what is open into their workspaces.
    pub(crate) fn of(&self, person: PersonId) -> Opened {
        let table = self.table();
        count(table.entries.values().filter(|e| e.is_of(person)).map(|e| e.kind))
    }

    /// Everybody who has something open, and into whose workspaces something is.
    pub(crate) fn people(&self) -> Vec<PersonId> {
        let table = self.table();
        let mut people: Vec<_> = table
            .entries
            .values()
            .flat_map(|e| [e.person, e.owner])
            .flatten()
            .collect();
        people.sort_unstable();
        people.dedup();
        people
    }

    /// Ends what a person has open and what is open into their workspaces, and waits until it has ended, at most `patience`.
    /// Answers with what has, and whether that is all.
    pub(crate) async fn end_of(&self, person: PersonId, patience: Duration) -> (Opened, bool) {
        let ending: Vec<(u64, Kind)> = {
            let table = self.table();
            let entries = table.entries.iter().filter(|(_, e)| e.is_of(person));
            entries
                .map(|(number, entry)| {
                    entry.end.cancel();
                    (*number, entry.kind)
                })
                .collect()
        };
        let began = Instant::now();
        let mut deadline = began + GRACE.min(patience);
        loop {
            // Asked for first: what goes in between is not missed.
            let mut gone = std::pin::pin!(self.0.gone.notified());
            gone.as_mut().enable();
            if self.left(&ending).is_empty() {
                break;
            }
            tokio::select! {
                () = gone => {}
                () = tokio::time::sleep_until(deadline) => {
                    if deadline >= began + patience {
                        break;
                    }
                    self.close_under(&self.left(&ending));
                    deadline = began + patience;
                }
            }
        }
        let left = self.left(&ending);
        let ended = ending.iter().filter(|(number, _)| !left.contains(number));
        (count(ended.map(|(_, kind)| *kind)), left.is_empty())
    }

    fn left(&self, ending: &[(u64, Kind)]) -> Vec<u64> {
        let table = self.table();
        let numbers = ending.iter().map(|(number, _)| *number);
        numbers.filter(|number| table.entries.contains_key(number)).collect()
    }

    fn close_under(&self, numbers: &[u64]) {
        let table = self.table();
        for connection in numbers.iter().filter_map(|n| table.entries.get(n)?.connection.as_ref()) {
            connection.cancel();
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that can panic happens under the lock.
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(kinds: impl Iterator<Item = Kind>) -> Opened {
    let mut opened = Opened::default();
    for kind in kinds {
        *match kind {
            Kind::Terminal => &mut opened.terminals,
            Kind::Command => &mut opened.commands,
            Kind::Files => &mut opened.files,
            Kind::App => &mut opened.apps,
            Kind::Log => &mut opened.logs,
        } += 1;
    }
    opened
}

fn leave<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use bailey_core::Timestamp;
    use bailey_runtime::ids::NewId;

    use super::*;

    fn person() -> PersonId {
        PersonId::new_at(Timestamp::from_seconds(1))
    }

    fn workspace(owner: PersonId) -> Inside {
        Inside {
            workspace: WorkspaceId::new_at(Timestamp::from_seconds(1)),
            owner,
        }
    }

    #[test]
    fn places_are_counted_and_given_up() {
        let open = Open::default();
        let ann = person();
        let busy = workspace(ann);
        let enter = |inside, person| open.enter(inside, person, Kind::Terminal);
        let mut places: Vec<_> = (0..PER_WORKSPACE).map(|_| enter(busy, ann).unwrap()).collect();
        assert!(enter(busy, person()).is_err());
        for _ in PER_WORKSPACE..PER_PERSON {
            places.push(enter(workspace(ann), ann).unwrap());
        }
        assert!(enter(workspace(ann), ann).is_err());
        places.pop();
        places.push(enter(workspace(ann), ann).unwrap());
        drop(places);
        let logs: Vec<_> = (0..PER_PERSON).map(|_| open.enter_log(ann).unwrap()).collect();
        assert!(open.enter_log(ann).is_err(), "logs count by person");
        assert!(enter(busy, person()).is_ok(), "and keep nobody out");
        drop(logs);
        let table = open.table();
        assert!(table.workspaces.is_empty() && table.people.is_empty() && table.entries.is_empty());
    }

    #[tokio::test]
    async fn what_has_ended_is_counted_and_what_has_not_is_not() {
        let open = Open::default();
        let (ann, bob) = (person(), person());
        let own = open.enter(workspace(ann), ann, Kind::Terminal).unwrap();
        let visitor = open.enter_app(ann, Some(bob));
        let stuck = open.enter_app(bob, Some(ann));
        let other = open.enter(workspace(bob), bob, Kind::Command).unwrap();
        let log = open.enter_log(ann).unwrap();
        let tasks = bailey_runtime::Tasks::new();
        for place in [own, visitor, log] {
            let end = place.end();
            tasks.spawn(async move {
                end.cancelled().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                drop(place);
            });
        }
        let before = open.of(ann);
        assert_eq!(
            (before.terminals, before.apps, before.logs, before.commands),
            (1, 2, 1, 0)
        );
        let (ended, all) = open.end_of(ann, Duration::from_secs(1)).await;
        assert_eq!((ended.terminals, ended.apps, ended.logs, all), (1, 1, 1, false));
        assert!(!other.end().is_cancelled(), "what is another person's goes on");
        assert_eq!(open.people(), {
            let mut both = vec![ann, bob];
            both.sort_unstable();
            both
        });
        drop(stuck);
        assert_eq!(open.end_of(ann, Duration::ZERO).await, (Opened::default(), true));
    }
}
