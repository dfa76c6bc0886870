//! Tasks: named jobs for AI agents that a workspace's template has, and their runs.

use std::collections::BTreeMap;

use bailey_core::chat::{Cause, ChatState, PlanMode};
use bailey_core::template::ParameterValue;
use bailey_core::{ChatId, TemplateVersionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::chats::{ChatLimits, ChatLimitsInput};
use crate::schema::{ChatCauseSchema, ChatStateSchema, ParameterValueSchema, PlanModeSchema};
use crate::templates::TemplateParameter;
use crate::{Amount, Named, Time};

/// The tasks of a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// In the order of the template.
    pub items: Vec<Task>,
}

/// A task of a workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// What is asked of whoever runs it, in the order of a form.
    pub parameters: Vec<TemplateParameter>,
    /// What the agent is told; `{{NAME}}` stands for a parameter.
    pub prompt: String,
    /// The model; absent = the one that chats of the workspace get.
    pub model: Option<String>,
    /// Whether nothing is written until a person accepts a plan.
    pub plan: bool,
    /// What a run may take: the task's limits, at most the deployment's.
    pub limits: ChatLimits,
    /// The directory that the agent starts in; absent = the home directory.
    pub directory: Option<String>,
}

/// A run of a task, to be begun in a workspace of one's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskRunCreate {
    /// The task's name.
    pub task: String,
    /// Values of its parameters; those that are not named get their default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
    /// The model; the task's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether nothing is written until a person accepts a plan. Where the task wants a plan there is one anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<bool>,
    /// The directory that the agent starts in, absolute or below the home directory; the task's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// What it may take, at most what the task and the deployment allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ChatLimitsInput>,
}

/// A run of a task: a chat of the same id, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskRun {
    /// Its id, which is also its chat's.
    #[schema(value_type = String)]
    pub id: ChatId,
    /// The task's name.
    pub task: String,
    /// What people read.
    pub display_name: String,
    /// The version of the template that the task stands in.
    #[schema(value_type = String)]
    pub template_version: TemplateVersionId,
    /// The values of its parameters.
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Whose it is: always its workspace's owner.
    pub owner: Named,
    /// The workspace. It may be gone.
    pub workspace: Named,
    /// The model.
    pub model: String,
    /// How its chat is.
    #[schema(value_type = ChatStateSchema)]
    pub state: ChatState,
    /// Why, where it is paused or over.
    #[schema(value_type = Option<ChatCauseSchema>)]
    pub cause: Option<Cause>,
    /// Whether anything may be written yet.
    #[schema(value_type = PlanModeSchema)]
    pub plan: PlanMode,
    /// What it may take before a person is asked.
    pub limits: ChatLimits,
    /// Times that the model was asked.
    pub steps: u32,
    /// What its model calls cost.
    pub cost: Amount,
    /// Seconds of work, without waiting for people.
    pub worked_seconds: u64,
    /// What the agent said last: once the run is over, its answer. At most 32 KiB; of a longer one the beginning and the end.
    /// Only where one run is shown; absent = it has said nothing.
    pub answer: Option<String>,
    /// When it was begun.
    pub created_at: Time,
    /// When it was over; absent = it is not.
    pub finished_at: Option<Time>,
}

/// Which runs are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaskRunListQuery {
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Only those in the workspace of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Only those of the task of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
