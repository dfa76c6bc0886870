//! Tasks and their runs as the API shows them.

use bailey_api::{chats, tasks as wire};
use bailey_core::chat::{Chat, Limits};
use bailey_core::template::{Task, TaskOrigin};

use crate::app::chats::view::limits as shown_limits;
use crate::app::names::Names;
use crate::app::templates::view::parameter;
use crate::app::{App, AppError};

/// A task, and what a run of it may take.
pub(super) fn task(task: &Task, limits: &Limits) -> wire::Task {
    wire::Task {
        name: task.name.clone(),
        display_name: task.display_name.clone(),
        description: task.description.clone(),
        parameters: task.parameters.iter().map(parameter).collect(),
        prompt: task.prompt.shown(),
        model: task.model.clone(),
        plan: task.plan,
        limits: shown_limits(limits),
        directory: task.directory.clone(),
    }
}

impl App {
    /// Runs as they are shown in a list. Chats that are none are left out.
    pub(super) async fn task_runs_view(&self, found: Vec<Chat>) -> Result<Vec<wire::TaskRun>, AppError> {
        let origins: Vec<Option<TaskOrigin>> = found.iter().map(|chat| chat.task.clone()).collect();
        let views = self.chats_view(found).await?;
        let runs = views.into_iter().zip(origins);
        Ok(runs
            .filter_map(|(chat, origin)| Some(run(chat, origin?, None)))
            .collect())
    }

    /// A run as it is shown; a chat that is none is not found.
    pub(super) async fn task_run_view(&self, chat: Chat, answer: Option<String>) -> Result<wire::TaskRun, AppError> {
        let origin = chat.task.clone().ok_or(AppError::NotFound)?;
        let view = self.chat_view(chat, &mut Names::default()).await?;
        Ok(run(view, origin, answer))
    }
}

fn run(chat: chats::Chat, origin: TaskOrigin, answer: Option<String>) -> wire::TaskRun {
    wire::TaskRun {
        id: chat.id,
        task: origin.name,
        display_name: origin.display_name,
        template_version: origin.version,
        parameters: origin.parameters,
        owner: chat.owner,
        workspace: chat.workspace,
        model: chat.model,
        finished_at: chat.state.is_final().then_some(chat.changed_at),
        state: chat.state,
        cause: chat.cause,
        plan: chat.plan,
        limits: chat.limits,
        steps: chat.steps,
        cost: chat.cost,
        worked_seconds: chat.worked_seconds,
        answer,
        created_at: chat.created_at,
    }
}
