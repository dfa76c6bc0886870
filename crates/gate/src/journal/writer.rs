//! Appending.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_core::ledger::JournalRecord;
use bailey_store::JournalPosition;
use rustix::fs::{FallocateFlags, fallocate};

use super::{encode, segment_path};

/// The room that is kept for one settlement. A settlement is a few hundred bytes; the fields that a client can lengthen
/// are cut to fit when it is made.
const SETTLEMENT_ROOM: u64 = 4 * 1024;

/// How the journal is laid out.
#[derive(Debug, Clone)]
pub struct JournalOptions {
    /// The folder of the segments.
    pub dir: PathBuf,
    /// Bytes of one segment.
    pub segment_bytes: u64,
    /// Bytes not yet in the store beyond which nothing new is admitted.
    pub cap_bytes: u64,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused.
    #[error("the journal in {dir} cannot be written")]
    Io {
        /// Where.
        dir: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store has not taken over what was written for too long.
    #[error("the journal holds {bytes} bytes that the store has not taken over, which is its limit")]
    Full {
        /// How much.
        bytes: u64,
    },
    /// A settlement could not be written before; until it can, nothing new is admitted.
    #[error("the journal still has {0} settlements to write")]
    Behind(usize),
    /// The record cannot be encoded.
    #[error("a journal record cannot be encoded")]
    Encode(#[source] postcard::Error),
    /// The record is larger than any should be.
    #[error("a journal record is larger than 256 KiB")]
    TooLarge,
}

struct Writer {
    file: File,
    segment: u64,
    offset: u64,
    scratch: Vec<u8>,
    /// Settlements that the disk refused; written first as soon as it does not.
    behind: Vec<JournalRecord>,
}

/// The journal of this replica.
pub struct Journal {
    options: JournalOptions,
    writer: Mutex<Writer>,
    /// Open reservations.
    reserved: AtomicU64,
    /// Bytes appended and not yet in the store.
    unflushed: AtomicU64,
    /// Tells the flusher that there is something.
    appended: tokio::sync::Notify,
}

/// Room for one settlement, so that settling cannot fail for want of disk.
pub struct Reservation(Arc<Journal>);

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.reserved.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Journal {
    /// Opens a new segment numbered `segment`.
    pub fn create(options: JournalOptions, segment: u64) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io {
            dir: options.dir.display().to_string(),
            source,
        };
        std::fs::create_dir_all(&options.dir).map_err(io)?;
        let file = new_segment(&options, segment).map_err(io)?;
        let writer = Writer {
            file,
            segment,
            offset: 0,
            scratch: Vec::with_capacity(1024),
            behind: Vec::new(),
        };
        Ok(Self {
            options,
            writer: Mutex::new(writer),
            reserved: AtomicU64::new(0),
            unflushed: AtomicU64::new(0),
            appended: tokio::sync::Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps room for one settlement.
    pub fn reserve(self: &Arc<Self>) -> Result<Reservation, JournalError> {
        let bytes = self.unflushed.load(Ordering::Relaxed);
        if bytes >= self.options.cap_bytes {
            return Err(JournalError::Full { bytes });
        }
        self.reserved.fetch_add(1, Ordering::Relaxed);
        Ok(Reservation(Arc::clone(self)))
    }

    /// Appends a record that stands for something not yet done; refused when room for open settlements would be used up
    /// and no new segment can be made.
    pub fn append(&self, record: &JournalRecord) -> Result<JournalPosition, JournalError> {
        let mut writer = self.lock();
        self.catch_up(&mut writer);
        if !writer.behind.is_empty() {
            return Err(JournalError::Behind(writer.behind.len()));
        }
        let reserve = (self.reserved.load(Ordering::Relaxed)) * SETTLEMENT_ROOM;
        self.write(&mut writer, record, reserve)
    }

    /// Appends a settlement into the room kept for it. If the disk refuses all the same, the record is kept in memory,
    /// written first when it no longer does, and nothing new is admitted until then.
    pub fn append_settlement(&self, record: JournalRecord, reservation: Reservation) {
        let mut writer = self.lock();
        self.catch_up(&mut writer);
        if writer.behind.is_empty() {
            self.write_or_keep(&mut writer, record);
        } else {
            writer.behind.push(record);
        }
        drop(writer);
        drop(reservation);
    }

    /// Writes what the disk refused before.
    fn catch_up(&self, writer: &mut Writer) {
        for record in std::mem::take(&mut writer.behind) {
            if writer.behind.is_empty() {
                self.write_or_keep(writer, record);
            } else {
                writer.behind.push(record);
            }
        }
    }

    fn write_or_keep(&self, writer: &mut Writer, record: JournalRecord) {
        match self.write(writer, &record, 0) {
            Ok(_) => {}
            Err(JournalError::Io { .. }) => writer.behind.push(record),
            // Trying again cannot help. Texts are cut before they get here, so this is a bug, and must not stop the rest.
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a settlement cannot be written"
                );
            }
        }
    }

    fn write(
        &self,
        writer: &mut Writer,
        record: &JournalRecord,
        reserve: u64,
    ) -> Result<JournalPosition, JournalError> {
        let io = |source| JournalError::Io {
            dir: self.options.dir.display().to_string(),
            source,
        };
        let bytes = encode(record, std::mem::take(&mut writer.scratch))?;
        let length = bytes.len() as u64;
        if writer.offset + length + reserve > self.options.segment_bytes {
            let next = new_segment(&self.options, writer.segment + 1).map_err(io)?;
            (writer.file, writer.segment, writer.offset) = (next, writer.segment + 1, 0);
        }
        let written = writer.file.write_all_at(&bytes, writer.offset).map_err(io);
        writer.scratch = bytes;
        written?;
        writer.offset += length;
        self.unflushed.fetch_add(length, Ordering::Relaxed);
        self.appended.notify_one();
        Ok(JournalPosition {
            segment: writer.segment,
            offset: writer.offset,
        })
    }

    /// Where the next record will begin.
    pub fn end(&self) -> JournalPosition {
        let writer = self.lock();
        JournalPosition {
            segment: writer.segment,
            offset: writer.offset,
        }
    }

    /// Settlements that could not be written yet.
    pub fn behind(&self) -> usize {
        let mut writer = self.lock();
        self.catch_up(&mut writer);
        writer.behind.len()
    }

    /// Forces what was written to the disk.
    pub fn sync(&self) -> std::io::Result<()> {
        let file = self.lock().file.try_clone()?;
        file.sync_data()
    }

    /// The store has taken over `bytes` more, up to `position`: segments before it are deleted.
    pub fn taken_over(&self, bytes: u64, position: JournalPosition) {
        let before = self.unflushed.load(Ordering::Relaxed);
        self.unflushed.fetch_sub(bytes.min(before), Ordering::Relaxed);
        for segment in super::segments(&self.options.dir).unwrap_or_default() {
            if segment < position.segment {
                // A segment that cannot be deleted now is deleted after the next flush.
                let _ = std::fs::remove_file(segment_path(&self.options.dir, segment));
            }
        }
    }

    /// Bytes appended and not yet in the store.
    pub fn unflushed(&self) -> u64 {
        self.unflushed.load(Ordering::Relaxed)
    }

    /// Resolves when something was appended since it was last asked.
    pub async fn wait_appended(&self) {
        self.appended.notified().await;
    }

    /// The folder of the segments.
    pub fn dir(&self) -> &std::path::Path {
        &self.options.dir
    }
}

fn new_segment(options: &JournalOptions, segment: u64) -> std::io::Result<File> {
    let path = segment_path(&options.dir, segment);
    let file = OpenOptions::new().create_new(true).read(true).write(true).open(&path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, options.segment_bytes) {
        // A file system without preallocation (ENOTSUP) still journals; settlements then rely on memory when it is full.
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(file),
        Err(error) => {
            drop(std::fs::remove_file(&path));
            Err(error.into())
        }
    }
}
