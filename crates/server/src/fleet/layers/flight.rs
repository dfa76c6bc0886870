//! One build under way, and its log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_core::Timestamp;
use tokio::sync::watch;

/// The most lines, and bytes of them, that are kept of a log; the first are forgotten first.
const MAX_LINES: usize = 5_000;
const MAX_BYTES: usize = 1 << 20;
/// How many of the script's last lines are shown with its failure.
const LAST_WORDS: usize = 8;

/// How far a build is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It waits for its turn.
    Waiting,
    /// It is carried out.
    Building,
    /// It went well.
    Ready,
    /// It failed for this reason.
    Failed(String),
    /// The server ended first.
    Stopped,
}

impl Progress {
    /// Whether nothing more will happen.
    pub(crate) const fn is_over(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Building)
    }
}

/// A line of a build's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Counts up from 1.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) text: String,
}

/// One build of what a template installs.
#[derive(Debug)]
pub(crate) struct Flight {
    /// When it was asked for.
    pub(crate) created_at: Timestamp,
    log: Mutex<Log>,
    progress: watch::Sender<Progress>,
    /// The number of the last line.
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<LogLine>,
    bytes: usize,
    last: u64,
    said: VecDeque<String>,
}

impl Flight {
    pub(super) fn new(created_at: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            created_at,
            log: Mutex::default(),
            progress: watch::Sender::new(Progress::Waiting),
            last: watch::Sender::new(0),
        })
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// The number of the last line, as it grows; its channel also tells when the build is over.
    pub(crate) fn lines_come(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// At most `most` lines after the one of this number, and how far the build was when it had no more than these.
    pub(crate) fn read(&self, after: u64, most: usize) -> (Vec<LogLine>, Progress) {
        // Before the lines: one that is over has written all of them.
        let progress = self.progress();
        let log = self.log();
        let lines = log.lines.iter().skip_while(|line| line.number <= after);
        (lines.take(most).cloned().collect(), progress)
    }

    pub(super) fn begin(&self) {
        self.progress.send_replace(Progress::Building);
    }

    /// Ends it. Every line was said before.
    pub(super) fn end(&self, progress: Progress) {
        self.progress.send_replace(progress);
        // Wakes who waits for lines.
        self.last.send_modify(|_| {});
    }

    /// Adds a line of the server's.
    pub(super) fn say(&self, at: Timestamp, text: String) {
        let mut log = self.log();
        log.last += 1;
        log.bytes += text.len();
        let line = LogLine {
            number: log.last,
            at,
            text,
        };
        log.lines.push_back(line);
        while log.lines.len() > MAX_LINES || log.bytes > MAX_BYTES {
            let Some(first) = log.lines.pop_front() else { break };
            log.bytes -= first.text.len();
        }
        let last = log.last;
        drop(log);
        self.last.send_replace(last);
    }

    /// Adds a line of the script's.
    pub(super) fn script(&self, at: Timestamp, text: String) {
        if !text.trim().is_empty() {
            let mut log = self.log();
            if log.said.len() >= LAST_WORDS {
                log.said.pop_front();
            }
            log.said.push_back(text.clone());
        }
        self.say(at, text);
    }

    /// The last lines of the script.
    pub(super) fn last_words(&self) -> String {
        let said: Vec<_> = self.log().said.iter().cloned().collect();
        said.join("\n")
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // Nothing that can panic happens under the lock.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_seconds(1_000);

    #[test]
    fn a_log_is_bounded_and_keeps_its_numbers() {
        let flight = Flight::new(T);
        for number in 0..MAX_LINES + 10 {
            flight.script(T, format!("line {number}"));
        }
        let (lines, progress) = flight.read(0, usize::MAX);
        assert_eq!((lines.len(), lines[0].number), (MAX_LINES, 11));
        assert_eq!(progress, Progress::Waiting);
        flight.say(T, "x".repeat(MAX_BYTES));
        assert_eq!(flight.read(0, usize::MAX).0.len(), 1);
        flight.say(T, "y".repeat(MAX_BYTES + 1));
        assert_eq!(flight.read(0, usize::MAX).0, []);
        flight.say(T, "z".to_owned());
        let (lines, _) = flight.read(0, usize::MAX);
        assert_eq!(lines.last().unwrap().number, u64::try_from(MAX_LINES).unwrap() + 13);
        assert_eq!(flight.last_words().lines().count(), LAST_WORDS);
    }

    #[tokio::test]
    async fn who_follows_sees_every_line_and_the_end() {
        let flight = Flight::new(T);
        let mut come = flight.lines_come();
        flight.say(T, "a".to_owned());
        come.changed().await.unwrap();
        assert_eq!(flight.read(0, 10).0[0].text, "a");
        flight.end(Progress::Failed("why".to_owned()));
        come.changed().await.unwrap();
        assert_eq!(flight.read(1, 10), (Vec::new(), Progress::Failed("why".to_owned())));
    }
}
