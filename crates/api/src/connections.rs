//! Connections to forges, and the runs of tickets that they start.

use std::collections::BTreeMap;
use std::fmt;

use bailey_core::template::ParameterValue;
use bailey_core::{ConnectionId, RunId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::ParameterValueSchema;
use crate::{Named, Patch, Time};

/// A connection to a forge. Its token and its webhook's secret are never shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ConnectionId,
    /// Its unique name.
    pub name: String,
    /// The forge's make: `gitlab`.
    pub kind: String,
    /// Where the forge is.
    pub base_url: String,
    /// The paths of the projects that it is for.
    pub projects: Vec<String>,
    /// What its labels begin with.
    pub label_prefix: String,
    /// The name of the template that workspaces are made of.
    pub template: Option<String>,
    /// Values for the template's parameters.
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The models that a label may name; absent = all that the person may use.
    pub models: Option<Vec<String>>,
    /// The model where a label names none; absent = the template's, or else the deployment's.
    pub default_model: Option<String>,
    /// The forge's name of an identity provider, and its name at Bailey.
    pub identity_providers: BTreeMap<String, String>,
    /// Whether anything is done for it.
    pub enabled: bool,
    /// Whether the forge signs its deliveries; then nothing else is taken from it.
    pub signs: bool,
    /// Where the forge sends its deliveries.
    pub hook_url: String,
    /// When it was made.
    pub created_at: Time,
}

/// A new connection.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionCreate {
    /// Its unique name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
    #[schema(example = "gitlab")]
    pub name: String,
    /// The forge's make: `gitlab`. Others come later.
    #[schema(example = "gitlab")]
    pub kind: String,
    /// Where the forge is: `https://`, or `http://` on the server's own machine.
    #[schema(example = "https://gitlab.example.com")]
    pub base_url: String,
    /// The paths of the projects that it is for, at most 64.
    pub projects: Vec<String>,
    /// A token of the user as whom Bailey works at the forge, with the scope `api`. It is kept encrypted.
    pub token: String,
    /// What its labels begin with; `bailey` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_prefix: Option<String>,
    /// The name of the template that workspaces are made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Values for the template's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The models that a label may name; all that the person may use if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// The model where a label names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_model: Option<String>,
    /// The forge's name of an identity provider, and its name at Bailey: who has the same identity in both is the same person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub identity_providers: BTreeMap<String, String>,
    /// Whether anything is done for it; yes if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl fmt::Debug for ConnectionCreate {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionCreate")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// A change of a connection. The forge's address stays: a token is for one forge.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionUpdate {
    /// A new unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The paths of the projects, as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<String>>,
    /// Another token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What its labels begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_prefix: Option<String>,
    /// The name of the template; `null` = none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub template: Patch<String>,
    /// Values for the template's parameters, as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, ParameterValueSchema>>)]
    pub parameters: Option<BTreeMap<String, ParameterValue>>,
    /// The models that a label may name; `null` = all that the person may use.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Vec<String>>)]
    pub models: Patch<Vec<String>>,
    /// The model where a label names none; `null` = none.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>)]
    pub default_model: Patch<String>,
    /// The forge's names of identity providers, and their names at Bailey, as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_providers: Option<BTreeMap<String, String>>,
    /// Whether anything is done for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl fmt::Debug for ConnectionUpdate {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionUpdate")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Whether a connection can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionCheck {
    /// Whether nothing is missing.
    pub ok: bool,
    /// The user name of the token's user.
    pub account: Option<String>,
    /// When the token ends, as the forge writes it.
    pub token_expires: Option<String>,
    /// Where the forge sends its deliveries.
    pub hook_url: String,
    /// Each project.
    pub projects: Vec<ProjectCheck>,
    /// What to look after besides.
    pub notes: Vec<String>,
}

/// Whether a connection can do its work in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectCheck {
    /// The project's path.
    pub path: String,
    /// Whether the webhook is registered.
    pub registered: bool,
    /// What is missing, and what to do about it.
    pub missing: Vec<String>,
}

/// A run: what a label on a ticket started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketRun {
    /// Its id. It ties together what is recorded of it.
    #[schema(value_type = String)]
    pub id: RunId,
    /// The project's path.
    pub project: String,
    /// The ticket's number.
    pub ticket: u64,
    /// The label.
    pub label: String,
    /// For whom.
    pub person: Named,
    /// Their user name at the forge.
    pub assignee: String,
    /// Whether an AI agent was asked for.
    pub agent: bool,
    /// The model that was chosen for it.
    pub model: Option<String>,
    /// The branch.
    pub branch: String,
    /// Its workspace.
    #[schema(value_type = String)]
    pub workspace: WorkspaceId,
    /// The workspace's name.
    pub workspace_name: String,
    /// How far it is: `starting`, `building`, `cloning`, `ready`, `stopping`, `done`, `failed` or `stopped`.
    pub state: String,
    /// Why it ended, or is stopped.
    pub cause: Option<String>,
    /// When it was started.
    pub created_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// What a forge told, or a poll found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Its id at the forge.
    pub id: String,
    /// What the forge calls it.
    pub what: String,
    /// How it stands: `waiting`, `done`, `ignored` or `dead`.
    pub state: String,
    /// How often it was worked on.
    pub tries: u32,
    /// What it came to, or why it was ignored, tried again or given up.
    pub reason: Option<String>,
    /// When it came.
    pub received_at: Time,
    /// When it ended.
    pub finished_at: Option<Time>,
}

/// The last deliveries of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries, newest first.
    pub items: Vec<Delivery>,
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
