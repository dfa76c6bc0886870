//! Lines that have left the screen at its top, as the bytes that draw them: a tenth of what their cells would take.

use std::collections::VecDeque;

/// The most lines that are kept.
pub(crate) const MAX_LINES: usize = 2_000;
/// The most bytes of them together.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// One line's length; the top bit says that it goes on in the next one.
const GOES_ON: u32 = 1 << 31;

/// The lines, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    bytes: VecDeque<u8>,
    lines: VecDeque<u32>,
}

impl History {
    /// Adds a line, and drops the oldest ones for it.
    pub(super) fn push(&mut self, line: &[u8], goes_on: bool) {
        let line = line.get(..MAX_BYTES / 8).unwrap_or(line);
        while self.lines.len() >= MAX_LINES || self.bytes.len().saturating_add(line.len()) > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes.drain(..length(oldest).min(self.bytes.len()));
        }
        self.bytes.extend(line);
        let length = u32::try_from(line.len()).unwrap_or(0);
        self.lines.push_back(if goes_on { length | GOES_ON } else { length });
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether the last line goes on in the next one.
    pub(super) fn goes_on(&self) -> bool {
        self.lines.back().is_some_and(|line| line & GOES_ON != 0)
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Its memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes
            .capacity()
            .saturating_add(self.lines.capacity().saturating_mul(4))
    }

    /// Writes the bytes that draw all lines, each ended.
    pub(super) fn draw(&self, out: &mut Vec<u8>) {
        let mut rest = self.bytes.iter().copied();
        for line in &self.lines {
            out.extend(rest.by_ref().take(length(*line)));
            if line & GOES_ON == 0 {
                out.extend_from_slice(b"\r\n");
            }
        }
        if self.goes_on() {
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn length(line: u32) -> usize {
    usize::try_from(line & !GOES_ON).unwrap_or(0)
}
