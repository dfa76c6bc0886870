//! A worker that dies at a chosen write, or whose store fails there.

use std::sync::atomic::{AtomicUsize, Ordering};

use bailey_store::StoreError;
use tokio::sync::Notify;

/// Counts the places where a worker may die, and stops it for ever at one of them.
#[derive(Debug)]
pub(crate) struct Crash {
    at: usize,
    /// For how many places the store fails in place of dying.
    fails: usize,
    passed: AtomicUsize,
    dead: Notify,
}

impl Crash {
    /// Dies at the place of this number, counted from 0.
    pub(crate) fn at(at: usize) -> Self {
        Self::new(at, 0)
    }

    /// The store fails at `count` places from the one of this number on.
    pub(crate) fn failing(at: usize, count: usize) -> Self {
        Self::new(at, count)
    }

    fn new(at: usize, fails: usize) -> Self {
        Self {
            at,
            fails,
            passed: AtomicUsize::new(0),
            dead: Notify::new(),
        }
    }

    pub(crate) async fn point(&self) -> Result<(), StoreError> {
        let number = self.passed.fetch_add(1, Ordering::SeqCst);
        if number < self.at || (self.fails > 0 && number >= self.at + self.fails) {
            return Ok(());
        }
        if self.fails > 0 {
            return Err(StoreError::Corrupt { what: "test" });
        }
        self.dead.notify_one();
        std::future::pending().await
    }

    /// Until it is dead.
    pub(crate) async fn dead(&self) {
        self.dead.notified().await;
    }
}
