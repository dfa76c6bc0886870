//! Templates.

pub(super) mod access;
pub(super) mod archive;
pub(super) mod build;
pub(super) mod build_log;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod promote;
pub(super) mod push;
pub(super) mod rollback;
pub(super) mod version;
pub(super) mod versions;
