//! A worker that dies at a chosen write.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts the places where a worker may die, and stops it for ever at one of them.
#[derive(Debug)]
pub(crate) struct Crash {
    at: usize,
    passed: AtomicUsize,
    dead: Notify,
}

impl Crash {
    /// Dies at the place of this number, counted from 0.
    pub(crate) fn at(at: usize) -> Self {
        Self {
            at,
            passed: AtomicUsize::new(0),
            dead: Notify::new(),
        }
    }

    pub(crate) async fn point(&self) {
        let number = self.passed.fetch_add(1, Ordering::SeqCst);
        if number >= self.at {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Until it is dead.
    pub(crate) async fn dead(&self) {
        self.dead.notified().await;
    }
}
