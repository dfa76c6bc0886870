//! What was looked up a moment ago.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest that a finding counts: together with the interval at which open connections are judged, well below the five
/// seconds in which a suspension takes effect.
const FRESH: Duration = Duration::from_millis(1500);
/// Findings kept at once. Host names come from outside, so there must be an end to them.
const MOST: usize = 4096;

/// Findings by what was asked.
pub(crate) struct Cache<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// What was found for `key`, or is found now. A failure is not kept.
    pub(crate) async fn get<E>(&self, key: &K, find: impl AsyncFnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(found) = self.fresh(key) {
            return Ok(found);
        }
        // As old as the question: what changes while it is answered may not be in the answer.
        let asked = Instant::now();
        // On the heap: looking something up takes much more room than knowing it.
        let found = Box::pin(find()).await?;
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= MOST {
            table.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if table.len() >= MOST {
            table.clear();
        }
        table.insert(key.clone(), (asked, found.clone()));
        drop(table);
        Ok(found)
    }

    fn fresh(&self, key: &K) -> Option<V> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = table.get(key)?;
        (at.elapsed() < FRESH).then(|| found.clone())
    }
}
