//! The append-only journal: what will be sent and what came of it, before anything else knows.
//!
//! Segments `NNNNNNNNNNNN.journal` in one folder. A segment is preallocated, so that appending into it cannot run out of
//! disk; each record is `length: u32, crc32: u32, payload`, little endian, written with one call, and a length of zero
//! ends a segment. The page cache keeps what was written when the process is killed; [`Journal::sync`] is called by the
//! flusher for the day the machine loses power.
//!
//! The journal is also the queue to the store: the flusher reads what was appended and moves it on, so there is no
//! second copy that could overflow.

mod reader;
mod writer;

pub use reader::{Batch, read_from, segments};
pub use writer::{Journal, JournalError, JournalOptions, Reservation};

use std::path::{Path, PathBuf};

use bailey_core::ledger::JournalRecord;

/// Bytes before each payload.
const HEADER: usize = 8;
/// No record is larger; a length beyond it is a sign of damage.
const MAX_RECORD: usize = 256 * 1024;

fn segment_path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("{segment:012}.journal"))
}

/// Header and payload of `record`, ready for one write.
fn encode(record: &JournalRecord, buffer: Vec<u8>) -> Result<Vec<u8>, JournalError> {
    let mut buffer = buffer;
    buffer.clear();
    buffer.resize(HEADER, 0);
    let mut buffer = postcard::to_extend(record, buffer).map_err(JournalError::Encode)?;
    let payload = buffer.get(HEADER..).unwrap_or_default();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let checksum = crc32fast::hash(payload).to_le_bytes();
    if let Some(header) = buffer.first_chunk_mut::<HEADER>() {
        let [l, c] = [length, checksum];
        *header = [l[0], l[1], l[2], l[3], c[0], c[1], c[2], c[3]];
    }
    if buffer.len() > MAX_RECORD {
        Err(JournalError::TooLarge)
    } else {
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests;
