//! What the server is to hear on the control stream, kept until it has.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bailey_api::agent::{AgentStatus, FromAgent};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock;

/// The most bytes of lines that are kept for a server that is away.
const KEPT: usize = 2 * 1024 * 1024;
/// What a line costs beside its text.
const COST: usize = 96;
/// The same activity is reported this often.
const ACTIVITY: Duration = Duration::from_secs(15);

#[derive(Debug)]
struct Line {
    number: u64,
    source: String,
    at: i64,
    text: String,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    bytes: usize,
    last: u64,
    ready: bool,
    failed: Option<String>,
    ended: Option<String>,
    status: AgentStatus,
    status_version: u64,
    active: BTreeMap<String, (Instant, bool)>,
}

/// Kept for the server. Filled from anywhere, emptied by the control stream of the moment.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
}

/// How far one control stream has come.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    line: u64,
    status: u64,
    ready: bool,
    last_word: bool,
}

impl Cursor {
    /// A cursor of a stream whose `Hello` has said whether all is ready.
    pub(crate) fn after_hello(ready: bool) -> Self {
        Self {
            ready,
            ..Self::default()
        }
    }

    /// Whether the server was told that it failed or ended.
    pub(crate) const fn said_last_word(&self) -> bool {
        self.last_word
    }
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.filled.notify_one();
    }

    /// A line of a script or app.
    pub(crate) fn log(&self, source: &str, text: String) {
        self.change(|state| {
            state.last += 1;
            state.bytes += text.len() + source.len() + COST;
            state.lines.push_back(Line {
                number: state.last,
                source: source.to_owned(),
                at: clock::now(),
                text,
            });
            // The oldest go: what went wrong last is what somebody will look for. Gaps show in the numbers.
            while state.bytes > KEPT
                && let Some(line) = state.lines.pop_front()
            {
                state.bytes -= line.text.len() + line.source.len() + COST;
            }
        });
    }

    /// Lines up to `number` are stored.
    pub(crate) fn stored(&self, number: u64) {
        let mut state = self.state();
        while state.lines.front().is_some_and(|line| line.number <= number)
            && let Some(line) = state.lines.pop_front()
        {
            state.bytes -= line.text.len() + line.source.len() + COST;
        }
    }

    /// Everything that blocks has ended well.
    pub(crate) fn ready(&self) {
        self.change(|state| state.ready = true);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state().ready
    }

    /// It cannot start.
    pub(crate) fn failed(&self, cause: String) {
        self.change(|state| state.failed = Some(cause));
    }

    /// It has ended by itself.
    pub(crate) fn ended(&self, cause: String) {
        self.change(|state| state.ended = Some(cause));
    }

    /// Somebody does something.
    pub(crate) fn active(&self, kind: &str) {
        let now = Instant::now();
        let mut state = self.state();
        let known = state.active.get(kind).map(|(at, _)| *at);
        if known.is_none_or(|at| now.duration_since(at) >= ACTIVITY) {
            state.active.insert(kind.to_owned(), (now, true));
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Changes what is shown live; the server hears of it when it is another now.
    pub(crate) fn status(&self, change: impl FnOnce(&mut AgentStatus)) {
        let mut state = self.state();
        let before = state.status.clone();
        change(&mut state.status);
        if state.status != before {
            state.status_version += 1;
            drop(state);
            self.filled.notify_one();
        }
    }

    /// What is shown live.
    pub(crate) fn status_now(&self) -> AgentStatus {
        self.state().status.clone()
    }

    /// Waits until there may be something.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// The next message for a stream; `None` = nothing at the moment.
    pub(crate) fn next(&self, cursor: &mut Cursor) -> Option<FromAgent> {
        let mut state = self.state();
        let next = state.lines.partition_point(|line| line.number <= cursor.line);
        if let Some(line) = state.lines.get(next) {
            cursor.line = line.number;
            return Some(FromAgent::Log {
                number: line.number,
                source: line.source.clone(),
                at: line.at,
                text: line.text.clone(),
            });
        }
        // After the lines, which say what went wrong.
        if !cursor.last_word {
            let failed = state.failed.clone().map(|cause| FromAgent::Failed { cause });
            let ended = state.ended.clone().map(|cause| FromAgent::Ended { cause });
            if let Some(message) = failed.or(ended) {
                cursor.last_word = true;
                return Some(message);
            }
        }
        if state.ready && !cursor.ready {
            cursor.ready = true;
            return Some(FromAgent::Ready);
        }
        if cursor.status < state.status_version {
            cursor.status = state.status_version;
            return Some(FromAgent::Status(state.status.clone()));
        }
        let (kind, (_, unsaid)) = state.active.iter_mut().find(|(_, (_, unsaid))| *unsaid)?;
        *unsaid = false;
        Some(FromAgent::Activity { kind: kind.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(outbox: &Outbox, cursor: &mut Cursor) -> Vec<u64> {
        std::iter::from_fn(|| outbox.next(cursor))
            .filter_map(|message| match message {
                FromAgent::Log { number, .. } => Some(number),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn lines_are_said_again_until_they_are_stored() {
        let outbox = Outbox::default();
        for text in ["a", "b", "c"] {
            outbox.log("script:x", text.to_owned());
        }
        let mut cursor = Cursor::default();
        assert_eq!(numbers(&outbox, &mut cursor), [1, 2, 3]);
        outbox.stored(2);
        outbox.log("script:x", "d".to_owned());
        assert_eq!(numbers(&outbox, &mut cursor), [4]);
        assert_eq!(numbers(&outbox, &mut Cursor::default()), [3, 4]);
        outbox.stored(99);
        assert_eq!(numbers(&outbox, &mut Cursor::default()), Vec::<u64>::new());
        assert_eq!(outbox.state().bytes, 0);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_newest_stays() {
        let outbox = Outbox::default();
        for _ in 0..10_000 {
            outbox.log("app:x", "x".repeat(1000));
        }
        assert!(outbox.state().bytes <= KEPT);
        assert_eq!(numbers(&outbox, &mut Cursor::default()).last(), Some(&10_000));
    }

    #[tokio::test(start_paused = true)]
    async fn states_are_said_once_per_stream_and_activity_once_in_a_while() {
        let outbox = Outbox::default();
        outbox.ready();
        outbox.active("terminal");
        outbox.active("terminal");
        outbox.status(|status| {
            status
                .apps
                .insert("ide".to_owned(), bailey_api::agent::AppHealth::Healthy);
        });
        outbox.status(|_| {});
        let mut cursor = Cursor::default();
        let said: Vec<_> = std::iter::from_fn(|| outbox.next(&mut cursor)).collect();
        assert!(matches!(
            said.as_slice(),
            [FromAgent::Ready, FromAgent::Status(_), FromAgent::Activity { .. }]
        ));
        tokio::time::sleep(ACTIVITY).await;
        outbox.active("terminal");
        assert!(matches!(outbox.next(&mut cursor), Some(FromAgent::Activity { .. })));
        outbox.failed("no disk".to_owned());
        let mut again = Cursor::after_hello(true);
        assert!(matches!(outbox.next(&mut again), Some(FromAgent::Failed { .. })));
        assert!(again.said_last_word());
        assert!(matches!(outbox.next(&mut again), Some(FromAgent::Status(_))));
        assert!(outbox.next(&mut again).is_none());
    }
}
