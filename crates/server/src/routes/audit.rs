//! The audit log.

pub(super) mod anchors;
pub(super) mod export;
pub(super) mod get;
pub(super) mod list;
pub(super) mod verify;
