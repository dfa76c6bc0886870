//! Output as lines of text: bounded in length and number, whatever a program prints.

use std::time::Duration;

use tokio::time::Instant;

/// The most bytes of one line; a longer one is cut into several.
const LONGEST: usize = 8 * 1024;
/// How many lines may come at once.
const BURST: f64 = 2000.0;
/// How many come per second after that.
const PER_SECOND: f64 = 200.0;

/// Cuts bytes into lines.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    begun: Vec<u8>,
}

impl Splitter {
    /// The lines that end within `bytes`, without their ends.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            let room = LONGEST - self.begun.len();
            let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
            let (taken, complete) = match end {
                Some(end) => (end, true),
                None => (room.min(bytes.len()), bytes.len() >= room),
            };
            let (line, rest) = bytes.split_at(taken);
            self.begun.extend_from_slice(line);
            bytes = if end.is_some() {
                rest.get(1..).unwrap_or_default()
            } else {
                rest
            };
            if complete {
                lines.extend(self.finish());
            }
        }
        lines
    }

    /// What has been begun, as a line.
    pub(crate) fn finish(&mut self) -> Option<String> {
        if self.begun.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.begun);
        let text = String::from_utf8_lossy(&bytes);
        // What PostgreSQL and terminals do not take in a line of text is left out.
        Some(text.trim_end_matches('\r').replace('\0', ""))
    }
}

/// How many lines of one source are let through.
#[derive(Debug)]
pub(crate) struct Rate {
    left: f64,
    at: Instant,
    lost: u64,
}

impl Rate {
    pub(crate) fn new() -> Self {
        Self {
            left: BURST,
            at: Instant::now(),
            lost: 0,
        }
    }

    /// Whether the next line may pass, and how many before it did not.
    pub(crate) fn pass(&mut self) -> Option<u64> {
        let now = Instant::now();
        self.left = (self.left + now.duration_since(self.at).as_secs_f64() * PER_SECOND).min(BURST);
        self.at = now;
        if self.left < 1.0 {
            self.lost += 1;
            return None;
        }
        self.left -= 1.0;
        Some(std::mem::take(&mut self.lost))
    }

    /// How many were lost since the last that passed.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}

/// How long a source that has ended is still read, for what its children print.
pub(crate) const AFTER_END: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_are_cut(text in "[a-c\n]{0,200}", cut in 1_usize..50) {
            let mut splitter = Splitter::default();
            let mut lines: Vec<String> = text.as_bytes().chunks(cut).flat_map(|part| splitter.push(part)).collect();
            lines.extend(splitter.finish());
            let expected: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(lines, expected);
        }

        #[test]
        fn any_bytes_make_bounded_lines(bytes in proptest::collection::vec(any::<u8>(), 0..40_000)) {
            let mut splitter = Splitter::default();
            for line in splitter.push(&bytes) {
                // A byte that is no text becomes three.
                prop_assert!(line.len() <= 3 * LONGEST && !line.contains('\0'));
            }
            prop_assert!(splitter.begun.len() < LONGEST);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_thinned_and_counted() {
        let mut rate = Rate::new();
        let passed = (0..10_000).filter(|_| rate.pass().is_some()).count();
        assert_eq!(passed, 2000);
        assert_eq!(rate.lost(), 8000);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(rate.pass(), Some(8000));
        assert_eq!(rate.pass(), Some(0));
    }
}
