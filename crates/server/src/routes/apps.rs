//! `/api/v1/workspaces/{id}/apps`

pub(super) mod open;
