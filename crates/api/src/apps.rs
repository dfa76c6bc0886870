//! Apps of workspaces.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where a browser opens an app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppLink {
    /// The address. It holds a code that is good once, within a minute, for whoever has it; an app outside Bailey has its own
    /// address, without one.
    pub url: String,
}

/// Which app a browser is sent to.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AppEnterQuery {
    /// The first label of the app's host: `app--workspace--owner`.
    pub app: String,
    /// The path to open there; `/` if absent.
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    #[param(rename = "return")]
    pub path: Option<String>,
}
