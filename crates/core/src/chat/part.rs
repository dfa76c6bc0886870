//! The log of a chat: what was said and done, in order. Nothing in it is ever changed.

use serde::{Deserialize, Serialize};

use super::{Cause, Channel, ChatState, Outcome, PlanMode, Stop};
use crate::ledger::Usage;
use crate::{CallId, MessageId, Money, PersonId, Timestamp};

/// One thing that was said or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// A message came; it waits for the next step.
    Queued {
        /// The message.
        message: MessageId,
        /// Who wrote it; `None` = Bailey itself, for a ticket say.
        by: Option<PersonId>,
        /// The text.
        text: String,
    },
    /// A message reaches the model.
    Message {
        /// The message.
        message: MessageId,
        /// Who wrote it.
        by: Option<PersonId>,
        /// The text.
        text: String,
    },
    /// A message reaches the model never: the chat was over first.
    Dropped {
        /// The message.
        message: MessageId,
    },
    /// The model is asked. What follows up to the step's end is its answer.
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
    /// What a provider signs a block of thinking with, to be given back with it.
    Signature {
        /// The block of the answer.
        block: u32,
        /// The signature.
        signature: String,
    },
    /// A block of thinking that only the provider can read.
    Redacted {
        /// The block of the answer.
        block: u32,
        /// What is to be given back.
        data: String,
    },
    /// The answer wants a tool to be run.
    ToolCall {
        /// The call.
        call: CallId,
        /// The block of the answer.
        block: u32,
        /// The tool's name, as the model wrote it.
        tool: String,
        /// What it is to be run with, as the model wrote it: JSON, if the model did its part.
        arguments: String,
        /// The provider's name for the call.
        provider_id: String,
    },
    /// The answer is whole.
    StepFinished {
        /// Why the model ended it.
        stop: Stop,
        /// Its usage, where the provider told it.
        usage: Option<Usage>,
        /// What it cost.
        cost: Money,
    },
    /// The answer was cut off. Kept: its text stays part of the conversation; otherwise the step is done again.
    StepCut {
        /// Whether it is kept.
        kept: bool,
    },
    /// A tool begins.
    ToolStarted {
        /// The call.
        call: CallId,
    },
    /// More output of a tool.
    ToolOutput {
        /// The call.
        call: CallId,
        /// Where it comes from.
        channel: Channel,
        /// The text.
        text: String,
    },
    /// The one result of a call, as the model is told.
    ToolResult {
        /// The call.
        call: CallId,
        /// What came of it.
        outcome: Outcome,
        /// The text.
        text: String,
        /// Who gave it, where a person did.
        by: Option<PersonId>,
    },
    /// The chat is in another state now.
    State {
        /// The state.
        state: ChatState,
        /// Why, where it is paused or over.
        cause: Option<Cause>,
        /// Whether anything may be written.
        plan: PlanMode,
    },
    /// Bailey says something about the run. The model does not read it.
    Note {
        /// The text.
        text: String,
    },
}

/// A part in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// Counts up from 1 within the chat, without gaps.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub part: Part,
}
