//! Places for what goes up: so many workspaces start at once, and no one person's starts take all the places.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_core::PersonId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of everybody.
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// The most that one person has.
    each: usize,
    people: Mutex<HashMap<PersonId, Arc<Semaphore>>>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _one_of_all: OwnedSemaphorePermit,
}

impl Places {
    /// So many places, of which one person has at most half, and at least one.
    pub(super) fn new(places: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(places)),
            each: (places / 2).max(1),
            people: Mutex::default(),
        }
    }

    /// Waits for a place for a start of this person. `None` = there are none any more.
    pub(super) async fn take(&self, person: PersonId) -> Option<Place> {
        // One's own first: whoever waits for that takes nothing from others.
        let own = self.of(person).acquire_owned().await.ok()?;
        let one_of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place {
            _own: own,
            _one_of_all: one_of_all,
        })
    }

    fn of(&self, person: PersonId) -> Arc<Semaphore> {
        let mut people = self.people();
        // Those of whom nobody holds or waits for anything are forgotten.
        people.retain(|_, places| Arc::strong_count(places) > 1);
        let places = people.entry(person);
        Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }

    fn people(&self) -> MutexGuard<'_, HashMap<PersonId, Arc<Semaphore>>> {
        // Nothing that can panic happens under the lock.
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    const ANN: PersonId = PersonId::from_uuid(Uuid::from_u128(1));
    const BOB: PersonId = PersonId::from_uuid(Uuid::from_u128(2));
    const CID: PersonId = PersonId::from_uuid(Uuid::from_u128(3));

    async fn soon(places: &Places, person: PersonId) -> Option<Place> {
        let waited = tokio::time::timeout(Duration::from_millis(10), places.take(person));
        waited.await.ok().flatten()
    }

    #[tokio::test]
    async fn nobody_has_all_places_and_all_have_no_more_than_there_are() {
        let places = Places::new(4);
        let held = (soon(&places, ANN).await, soon(&places, ANN).await);
        assert!(held.0.is_some() && held.1.is_some());
        assert!(soon(&places, ANN).await.is_none(), "half of them");
        let others = (soon(&places, BOB).await, soon(&places, BOB).await);
        assert!(others.0.is_some() && others.1.is_some());
        assert!(soon(&places, CID).await.is_none(), "all are taken");
        drop(held.0);
        assert!(soon(&places, CID).await.is_some());
        drop((held.1, others));
        assert!(soon(&Places::new(1), ANN).await.is_some());
        drop(soon(&places, CID).await);
        assert_eq!(places.people().len(), 1, "nothing is kept of those who hold nothing");
    }
}
