//! Whether the server is ready.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What `/readyz` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// What is wrong, if anything.
    pub problems: Vec<String>,
}
