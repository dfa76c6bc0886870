//! Workspaces, their builds and what is live of them.

use std::collections::BTreeMap;

use bailey_core::template::ParameterValue;
use bailey_core::workspace::{BuildState, Transition, WorkspaceStatus};
use bailey_core::{BuildId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::agent::AppHealth;
use crate::schema::{
    AppHealthSchema, BuildStateSchema, ParameterValueSchema, SharingSchema, TransitionSchema, WorkspaceStatusSchema,
};
use crate::{Named, Patch, Time};
use bailey_core::template::Sharing;

/// A workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Workspace {
    /// Its id.
    #[schema(value_type = String)]
    pub id: WorkspaceId,
    /// Its name, unique among its owner's.
    #[schema(example = "dev")]
    pub name: String,
    /// Whose it is.
    pub owner: Named,
    /// Its template.
    pub template: Named,
    /// The number of the template's version that it was last built from.
    pub version: u64,
    /// Whether the template has a newer version in force.
    pub outdated: bool,
    /// How it is.
    #[schema(value_type = WorkspaceStatusSchema)]
    pub status: WorkspaceStatus,
    /// Its last build.
    pub build: Build,
    /// Its parameters.
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Its limits.
    pub resources: Resources,
    /// What is reached with a browser.
    pub apps: Vec<App>,
    /// Whether its agent is connected at the moment.
    pub connected: bool,
    /// Whether nothing but the browser leads in.
    pub browser_only: bool,
    /// After how long without activity it is stopped; absent = never.
    #[schema(example = "30m")]
    pub auto_stop: Option<String>,
    /// When it is stopped whatever it does; absent = never.
    pub ends_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
    /// When something was last done in it.
    pub last_active_at: Time,
    /// When it came up; absent = it is down.
    pub started_at: Option<Time>,
}

/// Limits of a workspace; what is absent is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub cpu_milli: Option<u32>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processes and threads.
    pub processes: Option<u32>,
    /// Bytes of the home directory.
    pub disk: Option<u64>,
    /// Bytes per second read from and written to disks.
    pub io_bytes: Option<u64>,
}

/// Something in a workspace that is reached with a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct App {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// Name of an icon.
    pub icon: String,
    /// Its address, where it lies outside Bailey; absent = it is opened with a code of its own.
    pub external: Option<String>,
    /// Who may open it.
    #[schema(value_type = SharingSchema)]
    pub sharing: Sharing,
    /// How it is; absent = not known at the moment.
    #[schema(value_type = Option<AppHealthSchema>)]
    pub health: Option<AppHealth>,
}

/// A build of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Build {
    /// Its id.
    #[schema(value_type = String)]
    pub id: BuildId,
    /// Counts up from 1 within the workspace.
    pub number: u64,
    /// What it does.
    #[schema(value_type = TransitionSchema)]
    pub transition: Transition,
    /// How far it is.
    #[schema(value_type = BuildStateSchema)]
    pub state: BuildState,
    /// Who asked for it; absent = Bailey itself.
    pub initiator: Option<Named>,
    /// Why Bailey itself asked for it.
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Time,
    /// When it began.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// A line of a build's log. As an event of a stream its number is the event's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Counts up from 1 within the build.
    pub number: u64,
    /// When.
    pub at: Time,
    /// Where it comes from: `build`, `layer`, `script:NAME` or `app:NAME`.
    pub source: String,
    /// The text.
    pub text: String,
}

/// A new workspace.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceCreate {
    /// The template, by id or name.
    pub template: String,
    /// Its name: 1 to 32 lower-case letters, digits and single dashes. One is made up if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of the template's version; the one in force if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// A preset of the template, whose values come before the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Values of parameters; they win over the preset's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
}

/// Another version or other parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceRebuild {
    /// The number of the template's version; the one in force if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Values of parameters that change; the others stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
}

/// A change of a workspace's settings. Nothing is restarted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceUpdate {
    /// After how long without activity it is stopped, at most what the template says; `null` = what the template says.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>, example = "30m")]
    pub auto_stop: Patch<String>,
}

/// Which workspaces are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkspaceListQuery {
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Only the one of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those of this template, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Only those whose name, or whose owner's or template's, has this in it, in small letters or large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which builds are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BuildListQuery {
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What becomes of the home directory of a deleted workspace.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkspaceDeleteQuery {
    /// Whether it is put aside on the server instead of removed; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_home: Option<bool>,
}

/// Which lines of a log are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BuildLogQuery {
    /// Only lines after this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most this many lines, 1 to 1000; 1000 if absent. A stream has no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// What is live of a workspace: figures and the health of its apps. Nothing of it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Live {
    /// Whether its agent is connected.
    pub connected: bool,
    /// Figures by name.
    pub metadata: BTreeMap<String, Figure>,
    /// Health by app.
    #[schema(value_type = BTreeMap<String, AppHealthSchema>)]
    pub apps: BTreeMap<String, AppHealth>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Figure {
    /// What people read.
    pub display_name: String,
    /// The value.
    pub value: String,
    /// Why there is none.
    pub error: Option<String>,
    /// When it was read.
    pub at: Time,
}
