//! The audit log: chains of rows, one for each writer, their contents, and signed anchors.

mod anchors;
mod append;
mod list;
mod read;

pub use anchors::AuditAnchor;
pub use append::AuditWriterKind;
pub use list::{AuditCursor, AuditEntry, AuditFilter, AuditOutcome, AuditTail};
pub use read::{AuditRead, AuditRecord};

#[cfg(test)]
pub(crate) use {anchors::ALL as ANCHORS, append::ALL as APPEND, list::list_query, read::ALL as READ};
