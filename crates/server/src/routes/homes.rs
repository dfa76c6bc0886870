//! Homes that were kept when their workspaces were deleted.

pub(super) mod delete;
pub(super) mod list;
