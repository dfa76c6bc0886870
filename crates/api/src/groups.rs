//! Groups of people.

use bailey_core::GroupId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::quota::Quota;
use crate::{Named, Patch, Time};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its id.
    #[schema(value_type = String)]
    pub id: GroupId,
    /// Its unique name.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The models that members may use; absent = the group does not say. Somebody in several groups that say it may use those
    /// of each.
    pub models: Option<Vec<String>>,
    /// What each member may have, in the place of what the deployment says. Of several groups the most generous counts.
    pub quota: Quota,
    /// When the record was made.
    pub created_at: Time,
}

/// A group with the people in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupDetail {
    /// The group.
    #[serde(flatten)]
    pub group: Group,
    /// Who is in it.
    pub members: Vec<Named>,
}

/// A new group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupCreate {
    /// Its unique name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
    #[schema(example = "backend")]
    pub name: String,
    /// The name to show; the unique name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// A change of a group.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupUpdate {
    /// A new unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The models that members may use; `null` = the group does not say.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Vec<String>>)]
    pub models: Patch<Vec<String>>,
    /// What each member may have, as a whole; `null` = the group does not say.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Quota>)]
    pub quota: Patch<Quota>,
}

/// What of a list is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
