//! How many requests and WebSockets are on their way to apps at a time. All of a workspace's take their places on the one
//! connection that commands and files need, too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bailey_core::{PersonId, WorkspaceId};

use super::access::Visit;

/// The most of one visitor at one app.
const PER_VISITOR: usize = 64;
/// The most at one app.
const PER_APP: usize = 128;
/// The most at all apps of a workspace: the rest of the link's streams are for commands and files.
const PER_WORKSPACE: usize = 192;

/// Who visits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Visitor {
    /// Somebody with a session.
    Person(PersonId),
    /// Somebody without, as far as they can be told apart.
    Address(IpAddr),
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Workspace(WorkspaceId),
    App(WorkspaceId, String),
    Visitor(WorkspaceId, String, Visitor),
}

/// What is under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<HashMap<Key, usize>>>);

/// A place for a request or a WebSocket; given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    crowd: Crowd,
    keys: Box<[Key; 3]>,
}

/// There are as many as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{whose} {most} requests and WebSockets open at a time; close some of them")]
pub(crate) struct Full {
    whose: &'static str,
    most: usize,
}

impl Crowd {
    /// A place for a visit that comes from this address.
    pub(crate) fn enter(&self, visit: &Visit, peer: IpAddr) -> Result<Seat, Full> {
        let person = visit.session.as_ref().map(|session| session.person);
        let visitor = person.map_or(Visitor::Address(peer), Visitor::Person);
        self.take(visit.site.workspace, visit.label.app(), visitor)
    }

    fn take(&self, workspace: WorkspaceId, app: &str, visitor: Visitor) -> Result<Seat, Full> {
        let keys = Box::new([
            Key::Workspace(workspace),
            Key::App(workspace, app.to_owned()),
            Key::Visitor(workspace, app.to_owned(), visitor),
        ]);
        // Nothing that can panic happens under the lock.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys.iter() {
            let (whose, most) = match key {
                Key::Workspace(_) => ("the apps of a workspace have at most", PER_WORKSPACE),
                Key::App(..) => ("an app has at most", PER_APP),
                Key::Visitor(..) => ("a visitor of an app has at most", PER_VISITOR),
            };
            if counts.get(key).is_some_and(|count| *count >= most) {
                return Err(Full { whose, most });
            }
        }
        for key in keys.iter() {
            *counts.entry(key.clone()).or_default() += 1;
        }
        Ok(Seat {
            crowd: self.clone(),
            keys,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.keys.iter() {
            if let Some(count) = counts.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    counts.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bailey_core::Timestamp;
    use bailey_runtime::ids::NewId;

    use super::*;

    #[test]
    fn visitors_of_an_app_leave_room_for_others_and_for_what_is_no_app() {
        const { assert!(PER_WORKSPACE < bailey_link::MAX_STREAMS) };
        let crowd = Crowd::default();
        let workspace = WorkspaceId::new_at(Timestamp::from_seconds(1));
        let from = |n: u8| Visitor::Address(Ipv4Addr::new(10, 0, 0, n).into());
        let come = |app, n| crowd.take(workspace, app, from(n));
        let mut seats: Vec<_> = (0..PER_VISITOR).map(|_| come("a", 1).unwrap()).collect();
        assert_eq!(come("a", 1).unwrap_err().most, PER_VISITOR);
        seats.extend((0..PER_VISITOR).map(|_| come("a", 2).unwrap()));
        assert_eq!(come("a", 3).unwrap_err().most, PER_APP);
        seats.extend((0..PER_VISITOR).map(|_| come("b", 1).unwrap()));
        assert_eq!(come("b", 3).unwrap_err().most, PER_WORKSPACE);
        seats.pop();
        assert!(come("b", 3).is_ok());
        drop(seats);
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
