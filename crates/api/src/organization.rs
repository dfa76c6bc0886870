//! The organization.

use bailey_core::OrgId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// The organization. There is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Organization {
    /// Its id.
    #[schema(value_type = String)]
    pub id: OrgId,
    /// The name to show.
    pub display_name: String,
    /// When the record was made.
    pub created_at: Time,
}

/// A change of the organization.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationUpdate {
    /// The name to show: 1 to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}
