//! `/api/v1/workspaces/{id}/apps`

pub(super) mod enter;
pub(super) mod open;
