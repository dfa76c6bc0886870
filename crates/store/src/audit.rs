//! The audit log: chains of rows, one for each writer, their contents, and signed anchors.

mod append;
mod read;

pub use append::AuditWriterKind;
pub use read::AuditRecord;

#[cfg(test)]
pub(crate) use {append::ALL as APPEND, read::ALL as READ};
