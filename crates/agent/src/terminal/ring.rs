//! The end of a terminal's output, by number.

use std::collections::VecDeque;

/// How many bytes are kept.
pub(super) const CAPACITY: usize = 256 * 1024;

/// The last bytes of output. The first byte of a terminal is number 0.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    next: u64,
}

impl Ring {
    /// The number of the next byte.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// The number of the first byte that is still here.
    fn first(&self) -> u64 {
        self.next.saturating_sub(self.bytes.len() as u64)
    }

    /// Adds bytes, and drops the oldest for them.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.next = self.next.saturating_add(bytes.len() as u64);
        let kept = bytes.get(bytes.len().saturating_sub(CAPACITY)..).unwrap_or(bytes);
        let over = self.bytes.len().saturating_add(kept.len()).saturating_sub(CAPACITY);
        self.bytes.drain(..over.min(self.bytes.len()));
        self.bytes.extend(kept);
    }

    /// At most `most` bytes from number `at` on; `None` where they are gone, or were never there.
    pub(super) fn from(&self, at: u64, most: usize) -> Option<Vec<u8>> {
        if at > self.next {
            return None;
        }
        let skip = usize::try_from(at.checked_sub(self.first())?).ok()?;
        let (older, newer) = self.bytes.as_slices();
        let length = most.min(self.bytes.len().saturating_sub(skip));
        let mut bytes = Vec::with_capacity(length);
        let older = older.get(skip..).unwrap_or_default();
        bytes.extend_from_slice(older.get(..length).unwrap_or(older));
        let skip = skip.saturating_sub(self.bytes.as_slices().0.len());
        let newer = newer.get(skip..).unwrap_or_default();
        bytes.extend_from_slice(newer.get(..length.saturating_sub(bytes.len())).unwrap_or(newer));
        Some(bytes)
    }

    /// Its memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_found_by_their_numbers() {
        let mut ring = Ring::default();
        ring.push(b"hello");
        assert_eq!(ring.from(1, 3).unwrap(), b"ell");
        assert_eq!(ring.from(5, 9).unwrap(), b"");
        assert_eq!(ring.from(6, 9), None);
        let long = vec![b'x'; CAPACITY - 2];
        ring.push(&long);
        assert_eq!(ring.from(2, 1), None);
        assert_eq!(ring.from(3, 3).unwrap(), b"lox");
        ring.push(&vec![b'y'; 3 * CAPACITY]);
        assert_eq!(ring.next(), (3 + CAPACITY + 3 * CAPACITY) as u64);
        assert_eq!(ring.from(ring.next() - CAPACITY as u64, 1).unwrap(), b"y");
        assert!(ring.from(ring.next() - CAPACITY as u64 - 1, 1).is_none());
        assert!(ring.memory() <= 2 * CAPACITY);
    }
}
