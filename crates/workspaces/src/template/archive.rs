//! Archives that somebody sent: tar, with or without gzip. Nothing is written while they are read.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

use super::package::{File, Package};
use super::tar::{Kind, Reader, TarError};
use super::{MAX_FILES, MAX_PACKED, MAX_UNPACKED};

/// The most bytes of the stream of headers and contents: a header, its extension and padding for each entry.
const MAX_STREAM: u64 = MAX_UNPACKED as u64 + 4 * MAX_FILES as u64 * 2048;
/// The most entries, directories included.
const MAX_ENTRIES: usize = 4 * MAX_FILES;

/// An archive is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It is larger than may be sent.
    #[error("the archive has more than {} MiB", MAX_PACKED >> 20)]
    Packed,
    /// What is in it is larger than a template may be.
    #[error("the archive unpacks to more than {} MiB", MAX_UNPACKED >> 20)]
    Unpacked,
    /// There is too much in it.
    #[error("the archive has more than {MAX_FILES} files")]
    Files,
    /// It is damaged, or no archive.
    #[error("the archive cannot be read: {0}")]
    Broken(String),
    /// Something in it has no place in a template.
    #[error("the archive is refused: `{path}` {why}")]
    Entry {
        /// The entry.
        path: String,
        /// Why not.
        why: String,
    },
}

impl From<TarError> for ArchiveError {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => Self::Unpacked,
            TarError::Io(error) => Self::Broken(error.to_string()),
            TarError::Broken(why) => Self::Broken(why.to_owned()),
            TarError::Entry { path, why } => Self::Entry {
                path,
                why: why.to_owned(),
            },
        }
    }
}

/// Reads a whole archive, or refuses it.
pub fn unpack(packed: &[u8]) -> Result<Package, ArchiveError> {
    if packed.len() > MAX_PACKED {
        return Err(ArchiveError::Packed);
    }
    if packed.starts_with(&[0x1f, 0x8b]) {
        let inflated = MultiGzDecoder::new(packed);
        return read(Capped {
            inner: inflated,
            left: MAX_STREAM,
        });
    }
    read(Capped {
        inner: packed,
        left: MAX_STREAM,
    })
}

fn read(stream: impl Read) -> Result<Package, ArchiveError> {
    let mut reader = Reader::new(stream);
    let mut package = Package::default();
    let mut entries = 0;
    while let Some(entry) = reader.next()? {
        entries += 1;
        if entries > MAX_ENTRIES {
            return Err(ArchiveError::Files);
        }
        let path = path(&entry.path)?;
        match entry.kind {
            Kind::Directory => directory(&path)?,
            Kind::File => {
                if package.files().len() >= MAX_FILES {
                    return Err(ArchiveError::Files);
                }
                if entry.size > package.room() as u64 {
                    return Err(ArchiveError::Unpacked);
                }
                let content = reader.content(entry.size)?;
                let executable = entry.mode & 0o111 != 0;
                let refuse = |why| ArchiveError::Entry {
                    path: shown(&path),
                    why,
                };
                package.add(&path, File { content, executable }).map_err(refuse)?;
            }
        }
    }
    Ok(package)
}

/// The path without the `./` that tar writes in front when it packs a directory's content.
fn path(bytes: &[u8]) -> Result<String, ArchiveError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ArchiveError::Entry {
        path: shown(&String::from_utf8_lossy(bytes)),
        why: "has a name that is no UTF-8".to_owned(),
    })?;
    Ok(text.strip_prefix("./").unwrap_or(text).to_owned())
}

/// Directories are not kept; what they are called is looked at all the same, because such an archive means no good.
fn directory(path: &str) -> Result<(), ArchiveError> {
    let name = path.strip_suffix('/').unwrap_or(path);
    if name.is_empty() || name == "." {
        // The archive's own top.
        return if path.starts_with('/') {
            Err(absolute(path))
        } else {
            Ok(())
        };
    }
    let refuse = |why| ArchiveError::Entry { path: shown(path), why };
    bailey_core::template::names::relative_path(name).map_err(refuse)
}

fn absolute(path: &str) -> ArchiveError {
    ArchiveError::Entry {
        path: shown(path),
        why: "is not a path within the template's directory".to_owned(),
    }
}

fn shown(path: &str) -> String {
    path.escape_debug().take(200).collect()
}

/// Ends with an error when more comes than may, so that a bomb is not inflated to its end.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let read = self.inner.read(buffer)?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
