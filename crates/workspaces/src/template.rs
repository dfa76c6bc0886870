//! Templates as files: directories, archives, and what is built from them once.
//!
//! A [`Package`] is a template's directory in memory. It comes from a directory of this machine or from an archive that
//! somebody sent; either is refused as a whole before anything of it is used. Its canonical archive is the same for the
//! same content, wherever it was packed, and its SHA-256 is the content's name.

mod archive;
mod directory;
mod layers;
mod package;
mod parts;
mod roots;
mod sealed;
mod starters;
mod tar;

pub use archive::{ArchiveError, unpack};
pub use directory::{DirectoryError, Stamp};
pub use layers::{LayerError, LayerJob, LayerOptions, LayerStore, Piece};
pub use package::{Fault, File, Package};
pub use parts::{PartsError, layer_digest, parts};
pub use roots::RootError;
pub use sealed::Sealed;
pub use starters::{Starter, starters};

use roots::unpack_root;

/// The most bytes of an archive as it is sent.
pub const MAX_PACKED: usize = 32 << 20;
/// The most bytes of all files of a template together.
pub const MAX_UNPACKED: usize = 256 << 20;
/// The most files of a template.
pub const MAX_FILES: usize = 10_000;
/// The name of the file that makes a directory a template.
pub const MANIFEST: &str = "template.toml";
