//! The organization.

pub(super) mod get;
pub(super) mod update;
