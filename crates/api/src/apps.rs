//! Apps of workspaces.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a browser opens an app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppLink {
    /// The address. It holds a code that is good once, within a minute, for whoever has it; an app outside Bailey has its own
    /// address, without one.
    pub url: String,
}
