//! Chats as the API shows them.

use std::collections::HashMap;

use bailey_api::chats::{self as wire, ChatAwaited, ChatEvent, ChatPart, ChatTask};
use bailey_api::{Named, Time};
use bailey_core::WorkspaceId;
use bailey_core::chat::{Chat, Limits, LogPart, Part};

use crate::app::names::Names;
use crate::app::{App, AppError};

pub(in crate::app) fn limits(limits: &Limits) -> wire::ChatLimits {
    wire::ChatLimits {
        steps: limits.steps,
        seconds: limits.seconds,
        cost: limits.cost.map(Into::into),
    }
}

impl App {
    /// Chats as they are shown.
    pub(in crate::app) async fn chats_view(&self, chats: Vec<Chat>) -> Result<Vec<wire::Chat>, AppError> {
        let mut names = Names::default();
        names.look_up(self, chats.iter().map(|chat| chat.owner)).await?;
        let mut workspaces = HashMap::new();
        let mut views = Vec::with_capacity(chats.len());
        for chat in chats {
            views.push(self.chat_view_with(chat, &mut names, &mut workspaces).await?);
        }
        Ok(views)
    }

    /// A chat as it is shown.
    pub(in crate::app) async fn chat_view(&self, chat: Chat, names: &mut Names) -> Result<wire::Chat, AppError> {
        self.chat_view_with(chat, names, &mut HashMap::new()).await
    }

    async fn chat_view_with(
        &self,
        chat: Chat,
        names: &mut Names,
        workspaces: &mut HashMap<WorkspaceId, String>,
    ) -> Result<wire::Chat, AppError> {
        let name = if let Some(name) = workspaces.get(&chat.workspace) {
            name.clone()
        } else {
            let found = self.store().workspace_get(chat.workspace).await?;
            let name = found.map_or_else(|| chat.workspace.to_string(), |workspace| workspace.name);
            workspaces.insert(chat.workspace, name.clone());
            name
        };
        let run = &chat.run;
        let awaiting = run
            .calls
            .iter()
            .filter(|call| !call.kind.is_run() && !call.state.is_over());
        Ok(wire::Chat {
            id: chat.id,
            owner: names.person(self, chat.owner).await?,
            workspace: Named {
                id: chat.workspace.to_string(),
                name,
            },
            model: chat.engine.model,
            state: run.state,
            cause: run.cause,
            plan: run.plan,
            once: run.once,
            directory: chat.directory,
            limits: limits(&run.limits),
            task: chat.task.map(|task| ChatTask {
                name: task.name,
                display_name: task.display_name,
            }),
            steps: run.steps,
            cost: run.cost.into(),
            worked_seconds: run.active / 1_000_000,
            queued: u32::try_from(run.queue.len()).unwrap_or(u32::MAX),
            awaiting: awaiting
                .map(|call| ChatAwaited {
                    call: call.id,
                    kind: call.kind,
                })
                .collect(),
            last: chat.last,
            created_at: Time(chat.created_at),
            changed_at: Time(chat.changed_at),
            title: chat.title,
        })
    }
}

/// A part of the log as it is shown; `None` for what only the provider can read.
pub(super) fn event(part: LogPart) -> Option<ChatEvent> {
    let shown = match part.part {
        Part::Queued { message, by, text } => ChatPart::Queued { message, by, text },
        Part::Message { message, by, text } => ChatPart::Message { message, by, text },
        Part::Dropped { message } => ChatPart::Dropped { message },
        Part::StepStarted { step } => ChatPart::StepStarted { step },
        Part::Text { block, text } => ChatPart::Text { block, text },
        Part::Thinking { block, text } => ChatPart::Thinking { block, text },
        Part::Signature { .. } | Part::Redacted { .. } => return None,
        Part::ToolCall {
            call,
            block,
            tool,
            arguments,
            ..
        } => ChatPart::ToolCall {
            call,
            block,
            tool,
            arguments,
        },
        Part::StepFinished { stop, usage, cost } => ChatPart::StepFinished {
            stop,
            input_tokens: usage.map(|usage| usage.total_input()),
            output_tokens: usage.map(|usage| usage.output),
            cost: cost.into(),
        },
        Part::StepCut { kept } => ChatPart::StepCut { kept },
        Part::ToolStarted { call } => ChatPart::ToolStarted { call },
        Part::ToolOutput { call, channel, text } => ChatPart::ToolOutput { call, channel, text },
        Part::ToolResult {
            call,
            outcome,
            text,
            by,
        } => ChatPart::ToolResult {
            call,
            outcome,
            text,
            by,
        },
        Part::State { state, cause, plan } => ChatPart::State { state, cause, plan },
        Part::Note { text } => ChatPart::Note { text },
    };
    Some(ChatEvent {
        number: part.number,
        at: Time(part.at),
        part: shown,
    })
}
