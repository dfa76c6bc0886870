//! Files of workspaces.

pub(in crate::routes) mod delete;
pub(in crate::routes) mod directory;
pub(in crate::routes) mod list;
pub(in crate::routes) mod read;
pub(in crate::routes) mod rename;
pub(in crate::routes) mod search;
pub(in crate::routes) mod stat;
pub(in crate::routes) mod write;
