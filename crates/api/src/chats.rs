//! Chats: runs of AI agents in workspaces, and their logs.

use bailey_core::chat::{CallKind, Cause, Channel, ChatState, Outcome, PlanMode, Stop};
use bailey_core::{CallId, ChatId, MessageId, PersonId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::{
    CallKindSchema, CallOutcomeSchema, ChannelSchema, ChatCauseSchema, ChatStateSchema, ChatStopSchema, PlanModeSchema,
};
use crate::{Amount, AmountInput, Named, Time};

/// A run of an AI agent in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chat {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ChatId,
    /// What it is called.
    pub title: String,
    /// Whose it is: always its workspace's owner.
    pub owner: Named,
    /// The workspace that its tools run in.
    pub workspace: Named,
    /// The model. It stays the same for the whole chat.
    pub model: String,
    /// How it is.
    #[schema(value_type = ChatStateSchema)]
    pub state: ChatState,
    /// Why, where it is paused or over.
    #[schema(value_type = Option<ChatCauseSchema>)]
    pub cause: Option<Cause>,
    /// Whether anything may be written yet.
    #[schema(value_type = PlanModeSchema)]
    pub plan: PlanMode,
    /// Whether it is over with the agent's first turn.
    pub once: bool,
    /// The directory that tools start in; absent = the home directory.
    pub directory: Option<String>,
    /// What it may take before a person is asked.
    pub limits: ChatLimits,
    /// The task that it is a run of; absent = somebody began it as a conversation.
    pub task: Option<ChatTask>,
    /// Times that the model was asked.
    pub steps: u32,
    /// What its model calls cost so far.
    pub cost: Amount,
    /// Seconds of work so far, without waiting for people.
    pub worked_seconds: u64,
    /// Messages that the model has not read yet.
    pub queued: u32,
    /// Questions and plans that wait for a person.
    pub awaiting: Vec<ChatAwaited>,
    /// The number of the last event of its log.
    pub last: u64,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed its state.
    pub changed_at: Time,
}

/// The task that a chat is a run of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatTask {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
}

/// What a chat may take; what is absent is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatLimits {
    /// Times that the model is asked.
    pub steps: Option<u32>,
    /// Seconds of work.
    pub seconds: Option<u64>,
    /// What its model calls cost.
    pub cost: Option<Amount>,
}

/// A question or a plan that waits for a person. Its text stands in the log, in the `tool_call` of this id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatAwaited {
    /// The tool call.
    #[schema(value_type = String)]
    pub call: CallId,
    /// `ask` or `plan`.
    #[schema(value_type = CallKindSchema)]
    pub kind: CallKind,
}

/// A new chat in a workspace of one's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatCreate {
    /// The first message; without one the agent waits for it. At most 256 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What it is called; the beginning of the first message if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The model; the template's or the deployment's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether nothing is written until a person accepts a plan; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<bool>,
    /// Whether it is over with the agent's first turn; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<bool>,
    /// The directory that tools start in, absolute or below the home directory; the home directory if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// What it may take, at most what the deployment allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ChatLimitsInput>,
}

/// Limits as they are asked for; what is absent is the deployment's.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatLimitsInput {
    /// Times that the model is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Seconds of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What its model calls cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<AmountInput>,
}

/// A change of a chat. Its model stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatUpdate {
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// A message to a chat.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatMessage {
    /// The text, at most 256 KiB.
    pub text: String,
}

/// What a person says to a plan.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatPlanAnswer {
    /// Whether it is accepted.
    pub accept: bool,
    /// With acceptance: the plan as the person has changed it; as it is if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Without acceptance: why, for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a paused chat goes on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatResume {
    /// How much more it may take; as much again of what it is held by if it is absent; at most what the deployment allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<ChatLimitsInput>,
}

/// What there is for chats in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatOptions {
    /// The models.
    pub models: Vec<ChatModel>,
    /// The one that is taken where none is named; absent = there is none.
    pub model: Option<String>,
    /// What a chat may take.
    pub limits: ChatLimits,
}

/// A model for chats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatModel {
    /// The name that it is asked for by.
    pub name: String,
    /// What people read.
    pub display_name: String,
}

/// Which chats are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChatListQuery {
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Only those in the workspace of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Only those in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Only those whose title has this in it, in small letters or large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which events are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChatEventsQuery {
    /// Only those after the one of this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most this many, 1 to 1000; 1000 if absent. Only where they do not come as a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Something that was said or done in a chat. As an event of a stream its number is the event's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatEvent {
    /// Counts up within the chat; some numbers stand for what only the provider can read, and do not come.
    pub number: u64,
    /// When.
    pub at: Time,
    /// What.
    #[serde(flatten)]
    pub part: ChatPart,
}

/// What was said or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChatPart {
    /// A message came; it waits for the next step.
    Queued {
        /// The message.
        #[schema(value_type = String)]
        message: MessageId,
        /// Who wrote it; absent = Bailey itself.
        #[schema(value_type = Option<String>)]
        by: Option<PersonId>,
        /// The text.
        text: String,
    },
    /// A message reaches the model.
    Message {
        /// The message.
        #[schema(value_type = String)]
        message: MessageId,
        /// Who wrote it; absent = Bailey itself.
        #[schema(value_type = Option<String>)]
        by: Option<PersonId>,
        /// The text.
        text: String,
    },
    /// A message reaches the model never: the chat was over first.
    Dropped {
        /// The message.
        #[schema(value_type = String)]
        message: MessageId,
    },
    /// The model is asked. What follows up to the step's end is its answer. The same step begins again where it was cut off.
    StepStarted {
        /// Counts up from 1.
        step: u32,
    },
    /// More text of the answer.
    Text {
        /// The block of the answer that it belongs to.
        block: u32,
        /// The text.
        text: String,
    },
    /// More of what the model thinks.
    Thinking {
        /// The block of the answer.
        block: u32,
        /// The text.
        text: String,
    },
    /// The answer wants a tool to be run.
    ToolCall {
        /// The call.
        #[schema(value_type = String)]
        call: CallId,
        /// The block of the answer.
        block: u32,
        /// The tool's name.
        tool: String,
        /// What it is to be run with, as the model wrote it: JSON, if the model did its part.
        arguments: String,
    },
    /// The answer is whole.
    StepFinished {
        /// Why the model ended it.
        #[schema(value_type = ChatStopSchema)]
        stop: Stop,
        /// Tokens that it has read, those from a cache included; absent = the provider did not say.
        input_tokens: Option<u64>,
        /// Tokens that it has written.
        output_tokens: Option<u64>,
        /// What it cost.
        cost: Amount,
    },
    /// The answer was cut off. Kept: its text stays part of the conversation; otherwise the step is done again.
    StepCut {
        /// Whether it is kept.
        kept: bool,
    },
    /// A tool begins.
    ToolStarted {
        /// The call.
        #[schema(value_type = String)]
        call: CallId,
    },
    /// More output of a tool.
    ToolOutput {
        /// The call.
        #[schema(value_type = String)]
        call: CallId,
        /// Where it comes from.
        #[schema(value_type = ChannelSchema)]
        channel: Channel,
        /// The text.
        text: String,
    },
    /// The one result of a call, as the model is told.
    ToolResult {
        /// The call.
        #[schema(value_type = String)]
        call: CallId,
        /// What came of it.
        #[schema(value_type = CallOutcomeSchema)]
        outcome: Outcome,
        /// The text.
        text: String,
        /// Who gave it, where a person did.
        #[schema(value_type = Option<String>)]
        by: Option<PersonId>,
    },
    /// The chat is in another state now.
    State {
        /// The state.
        #[schema(value_type = ChatStateSchema)]
        state: ChatState,
        /// Why, where it is paused or over.
        #[schema(value_type = Option<ChatCauseSchema>)]
        cause: Option<Cause>,
        /// Whether anything may be written.
        #[schema(value_type = PlanModeSchema)]
        plan: PlanMode,
    },
    /// Bailey says something about the run. The model does not read it.
    Note {
        /// The text.
        text: String,
    },
}
