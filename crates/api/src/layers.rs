//! Building what versions of templates install.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// How far what a version installs is: an install script's layer, and a root archive of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LayerState {
    /// It installs nothing.
    None,
    /// It is not built on this server yet.
    Missing,
    /// It is being built, or waits for its turn.
    Building,
    /// It is there.
    Ready,
    /// It is not there, and the last try failed.
    Failed,
}

impl LayerState {
    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Missing => "missing",
            Self::Building => "building",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// The build of what a version installs. Versions that install the same share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LayerBuild {
    /// How far it is.
    pub layer: LayerState,
    /// Why the last try failed, with the last lines of the script.
    pub error: Option<String>,
    /// When it was last asked for; absent = not since the server was started.
    pub created_at: Option<Time>,
}
