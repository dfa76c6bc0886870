//! Records.

use serde::{Deserialize, Serialize};

use super::{CallKind, CallState, Run};
use crate::template::TaskOrigin;
use crate::{CallId, ChatId, PersonId, Timestamp, WorkspaceId};

/// The model that a chat talks to. It stays the same for the whole chat: another one could not read its cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// The model's name at the model door.
    pub model: String,
    /// The wire protocol that it is asked in: `messages` or `chat`.
    pub protocol: String,
    /// Tokens that it can read and write in one step.
    pub context: u64,
    /// Tokens that it may write in one step.
    pub output: u32,
    /// Tokens of the output that it may think with; `None` = it is not asked to.
    pub thinking: Option<u32>,
}

/// Instructions of a deployment for its agents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompts {
    /// The administrator's.
    pub administrator: Option<String>,
    /// The template's.
    pub template: Option<String>,
}

/// A chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// Its id.
    pub id: ChatId,
    /// Whose it is: always its workspace's owner.
    pub owner: PersonId,
    /// The workspace that its tools run in.
    pub workspace: WorkspaceId,
    /// What it is called.
    pub title: String,
    /// The model.
    pub engine: Engine,
    /// The deployment's instructions.
    pub prompts: Prompts,
    /// The directory that tools start in, absolute or below the home directory; `None` = the home directory.
    pub directory: Option<String>,
    /// The system prompt, once it is put together: it stays the same from then on.
    pub system: Option<String>,
    /// What it has come to.
    pub run: Run,
    /// The task that it is a run of; `None` = somebody began it as a conversation.
    pub task: Option<TaskOrigin>,
    /// The number of the last part of its log.
    pub last: u64,
    /// Counts up whenever a worker takes it.
    pub generation: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed its state.
    pub changed_at: Timestamp,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatCall {
    /// Its id.
    pub id: CallId,
    /// The chat.
    pub chat: ChatId,
    /// The step whose answer wants it.
    pub step: u32,
    /// Its place in the answer.
    pub position: u32,
    /// What it is to the machine.
    pub kind: CallKind,
    /// How far it is.
    pub state: CallState,
    /// The tool's name.
    pub tool: String,
    /// What it is run with.
    pub arguments: String,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
}
