//! Reading back, by the flusher and after a crash.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bailey_core::ledger::JournalRecord;
use bailey_store::JournalPosition;

use super::{HEADER, MAX_RECORD, segment_path};

/// How much is read at once.
const CHUNK: usize = 1024 * 1024;

/// Some records, and where the next one begins.
#[derive(Debug)]
pub struct Batch {
    /// The records in the order they were written.
    pub records: Vec<JournalRecord>,
    /// Where reading goes on.
    pub next: JournalPosition,
    /// Bytes that the records take.
    pub bytes: u64,
    /// What was found damaged, if anything: reading stops before it.
    pub damage: Option<String>,
}

/// The numbers of the segments in `dir`, in order.
pub fn segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        if let Some(number) = name
            .to_str()
            .and_then(|n| n.strip_suffix(".journal"))
            .and_then(|n| n.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads up to a megabyte of whole records from `from`, going on into the next segment where one ends.
pub fn read_from(dir: &Path, from: JournalPosition, end: Option<JournalPosition>) -> io::Result<Batch> {
    let mut position = from;
    loop {
        let batch = read_segment(dir, position, end)?;
        let at_end = end.is_some_and(|end| batch.next >= end);
        if !batch.records.is_empty() || at_end {
            return Ok(batch);
        }
        let later = segments(dir)?.into_iter().find(|s| *s > position.segment);
        let Some(segment) = later else { return Ok(batch) };
        if batch.damage.is_some() {
            tracing::error!(
                segment = position.segment,
                damage = batch.damage,
                "the journal is damaged; reading goes on in the next segment"
            );
        }
        position = JournalPosition { segment, offset: 0 };
    }
}

fn read_segment(dir: &Path, from: JournalPosition, end: Option<JournalPosition>) -> io::Result<Batch> {
    let mut batch = Batch {
        records: Vec::new(),
        next: from,
        bytes: 0,
        damage: None,
    };
    let file = match File::open(segment_path(dir, from.segment)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(batch),
        Err(error) => return Err(error),
    };
    let limit = end.filter(|e| e.segment == from.segment).map_or(u64::MAX, |e| e.offset);
    let wanted = usize::try_from(limit.saturating_sub(from.offset))
        .unwrap_or(usize::MAX)
        .min(CHUNK + MAX_RECORD);
    let mut buffer = vec![0; wanted];
    let mut filled = 0;
    while filled < buffer.len() {
        let rest = buffer.get_mut(filled..).unwrap_or_default();
        match file.read_at(rest, from.offset + filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    buffer.truncate(filled);
    decode(&buffer, &mut batch);
    Ok(batch)
}

/// Takes whole records off the front of `buffer`.
fn decode(buffer: &[u8], batch: &mut Batch) {
    let mut rest = buffer;
    while let Some((header, after)) = rest.split_first_chunk::<HEADER>() {
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if length == 0 {
            return;
        }
        if length > MAX_RECORD {
            batch.damage = Some(format!("a length of {length} bytes at offset {}", batch.next.offset));
            return;
        }
        let Some(payload) = after.get(..length) else { return };
        let record = (crc32fast::hash(payload) == u32::from_le_bytes([c0, c1, c2, c3]))
            .then(|| postcard::from_bytes(payload).ok())
            .flatten();
        let Some(record) = record else {
            batch.damage = Some(format!(
                "a checksum that does not match at offset {}",
                batch.next.offset
            ));
            return;
        };
        batch.records.push(record);
        batch.next.offset += (HEADER + length) as u64;
        batch.bytes += (HEADER + length) as u64;
        rest = after.get(length..).unwrap_or_default();
    }
}
