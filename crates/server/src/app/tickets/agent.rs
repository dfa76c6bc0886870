//! The AI agent of a run: its chat is begun with the ticket's text, follow-up comments reach it, and what it pushes becomes a merge
//! request. Everything is named by the run before it is made, so that each step can be done again.

use bailey_chats::ChatError;
use bailey_core::authz::Action;
use bailey_core::chat::{CallKind, Cause, Chat, ChatState, Part};
use bailey_core::ticket::RunState;
use bailey_core::{ChatId, MessageId};
use bailey_forges::branch::BranchName;
use bailey_forges::comment::{Phase, Provenance};
use bailey_forges::forge::{MergeRequestWanted, ProjectKey};
use bailey_forges::frame::{self, Nonce, Untrusted};
use bailey_forges::model::Ticket;
use bailey_runtime::ids;
use bailey_store::TicketRun;
use serde_json::json;
use uuid::Uuid;

use super::clone::folder;
use super::facts::Work;
use super::run::Next;
use super::work::{project, ticket};
use super::{ACTOR, Trouble, status};
use crate::app::chats::begin::Begin;
use crate::app::{App, AppError};
use crate::audit::Change;

/// Seconds until a run is looked at again whose agent works.
const WORKS: i64 = 1;
/// Comments that are passed on with a ticket, the newest.
const COMMENTS: u8 = 30;
/// Parts of a chat's log that are read at once.
const PARTS: u32 = 500;

impl App {
    /// Begins the chat of a run whose repository is there. The inner error is for people: the workspace is theirs to work in.
    pub(super) async fn start_chat(&self, run: &TicketRun, id: ChatId) -> Result<Result<(), String>, Trouble> {
        if self.store().chat_get(id).await?.is_some() {
            return Ok(Ok(()));
        }
        let name = &run.new.assignee_name;
        let Some(caller) = self.caller_of(run, Action::ChatWrite).await? else {
            return Ok(Err(format!("{name} may not begin chats")));
        };
        let Some(work) = self.work_of_run(run).await? else {
            return Ok(Err("the connection was deleted".to_owned()));
        };
        let project = project(&run.new.key);
        let Some(found) = work.forge.ticket(&project, run.new.key.ticket).await? else {
            return Ok(Err("the ticket is not there any more".to_owned()));
        };
        let said = work.forge.comments(&project, run.new.key.ticket, COMMENTS).await?;
        let said = said
            .iter()
            .filter(|comment| !comment.system && comment.author.id != work.myself);
        let said: Vec<Untrusted<'_>> = said
            .map(|comment| Untrusted {
                author: &comment.author.name,
                text: &comment.body,
            })
            .collect();
        let body = Untrusted {
            author: &found.author.name,
            text: &found.body,
        };
        let nonce = nonce()?;
        let framed = frame::ticket(&nonce, found.number, &found.title, body, &said);
        let begin = Begin {
            id,
            title: format!("{}#{}", run.new.key.path, run.new.key.ticket),
            model: run.new.model.clone(),
            directory: folder(&run.new.key.path),
            rules: framed.rules,
            message: format!("{}\n\n{}", task(run), framed.text),
        };
        let begun = self.chat_begin(&caller, run.new.workspace, begin).await;
        caller.trail.conclude(begun.as_ref().err()).await;
        match begun {
            Ok(()) => Ok(Ok(())),
            Err(AppError::Invalid(errors)) => {
                let errors: Vec<String> = errors.into_iter().map(|error| error.detail).collect();
                Ok(Err(format!("no agent works: {}", errors.join("; "))))
            }
            Err(error @ (AppError::Denied(_) | AppError::NotFound)) => Ok(Err(format!("no agent works: {error}"))),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks how far a run's agent is: passes on what was written meanwhile, says in the ticket where it is, and proposes what it pushed.
    pub(super) async fn look_after_chat(&self, run: &TicketRun, id: ChatId) -> Result<Next, Trouble> {
        let Some(chat) = self.store().chat_get(id).await? else {
            // It was said why none works.
            return Ok(Next::Wait(super::run::REST));
        };
        if !chat.run.state.is_final() && self.pass_on(run, id).await? {
            return Ok(Next::Wait(WORKS));
        }
        match chat.run.state {
            ChatState::Running | ChatState::Tool => self.show(run, &chat, Phase::Working { note: None }, None).await?,
            ChatState::RequiresAction => match self.plan_of(&chat).await? {
                Some(plan) => self.show(run, &chat, Phase::Planned, Some(plan)).await?,
                None => {
                    let note = Some("the agent has a question, which is answered in its chat".to_owned());
                    self.show(run, &chat, Phase::Working { note }, None).await?;
                }
            },
            ChatState::Paused => {
                let note = Some(format!("paused: {}", cause(chat.run.cause)));
                self.show(run, &chat, Phase::Working { note }, None).await?;
            }
            // It has not read what it was told, or has ended its turn.
            ChatState::Waiting if !chat.run.queue.is_empty() || chat.run.steps == 0 => {}
            ChatState::Waiting | ChatState::Completed => self.propose(run, &chat).await?,
            ChatState::Failed => return Ok(Next::failed(format!("the agent failed: {}", cause(chat.run.cause)))),
            ChatState::Cancelled => {
                let why = format!("the agent was stopped: {}", cause(chat.run.cause));
                return Ok(Next::To(RunState::Stopped, Some(why)));
            }
        }
        Ok(Next::Wait(WORKS))
    }

    /// Ends the chat of a run that is being stopped.
    pub(super) async fn stop_chat(&self, id: ChatId) -> Result<(), Trouble> {
        let over = self
            .store()
            .chat_get(id)
            .await?
            .is_none_or(|chat| chat.run.state.is_final());
        if !over {
            self.chats().stop(id).await.map_err(told)?;
        }
        Ok(())
    }

    /// Writes to the chat what people wrote on the ticket since. Says whether there was anything.
    async fn pass_on(&self, run: &TicketRun, id: ChatId) -> Result<bool, Trouble> {
        let left = self.store().ticket_messages_left(run.new.id).await?;
        for message in &left {
            let said = Untrusted {
                author: &message.author,
                text: &message.body,
            };
            let framed = frame::comment(&nonce()?, said);
            let text = format!("A comment on the ticket. {}\n\n{}", framed.rules, framed.text);
            let passed = self.chats().pass_on(id, message_id(run, message.comment), &text).await;
            passed.map_err(told)?;
            self.store().ticket_message_passed(run.new.id, message.comment).await?;
        }
        Ok(!left.is_empty())
    }

    /// Makes a merge request of what the agent has pushed, or brings the one that is there up to date.
    async fn propose(&self, run: &TicketRun, chat: &Chat) -> Result<(), Trouble> {
        let Some(work) = self.work_of_run(run).await? else {
            return Ok(());
        };
        let at = project(&run.new.key);
        if work.forge.branch(&at, &run.new.branch).await?.is_none() {
            let note = "the agent has ended its turn and pushed nothing; its chat says why".to_owned();
            return self.show(run, chat, Phase::Working { note: Some(note) }, None).await;
        }
        let (Some(branch), Some(found)) = (
            BranchName::read(&work.prefix, &run.new.branch)
                .map(|(number, run)| BranchName::of_ticket(&work.prefix, number, run)),
            work.forge.ticket(&at, run.new.key.ticket).await?,
        ) else {
            return Ok(());
        };
        let base = work.forge.project(ProjectKey::Id(at.id)).await?;
        let target = base.and_then(|project| project.default_branch).unwrap_or_default();
        let provenance = self.provenance(run, chat, &found).await?;
        let wanted = MergeRequestWanted {
            source_branch: branch,
            target_branch: target,
            title: provenance.title(),
            body: provenance.render(),
            draft: false,
            assignee: Some(run.new.assignee),
        };
        let known = work.forge.merge_request(&at, &run.new.branch).await?;
        if known.is_none() {
            let change = Change::new("tickets.propose", ticket(&run.new.key))
                .after(&json!({ "run": run.new.id, "chat": chat.id, "branch": run.new.branch }));
            self.audit().system(ACTOR, change).await.map_err(AppError::from)?;
        }
        let made = work.forge.merge_request_ensure(&at, &wanted).await?.into_inner();
        self.show_with(run, chat, Phase::Proposed, None, Some((made.number, made.url)))
            .await
    }

    async fn provenance(&self, run: &TicketRun, chat: &Chat, found: &Ticket) -> Result<Provenance, Trouble> {
        let open = !run.new.confidential && !found.confidential;
        let workspace = self.store().workspace_get(run.new.workspace).await?;
        let policies = workspace
            .map(|workspace| format!("template version {}", workspace.version))
            .into_iter();
        let summary = match open {
            true => self.last_words(chat).await?,
            false => None,
        };
        Ok(Provenance {
            ticket: run.new.key.ticket,
            title: open.then(|| found.title.clone()),
            closes: true,
            person: run.new.assignee_name.clone(),
            models: vec![chat.engine.model.clone()],
            cost: chat.run.cost,
            policies: policies.collect(),
            causal_id: run.new.id.to_string(),
            summary,
        })
    }

    /// What the agent said last.
    async fn last_words(&self, chat: &Chat) -> Result<Option<String>, Trouble> {
        let mut said = None;
        self.each_part(chat.id, |part| match part {
            Part::StepStarted { .. } => said = None,
            Part::Text { text, .. } => said.get_or_insert_with(String::new).push_str(&text),
            _ => {}
        })
        .await?;
        let secrets = self.secrets_of(chat.owner).await?;
        Ok(said.map(|said| secrets.mask(&said)))
    }

    /// The plan that waits to be accepted, if one does.
    async fn plan_of(&self, chat: &Chat) -> Result<Option<String>, Trouble> {
        let waits = |id| {
            chat.run
                .calls
                .iter()
                .any(|call| call.id == id && call.kind == CallKind::Plan && !call.state.is_over())
        };
        let mut plan = None;
        self.each_part(chat.id, |part| {
            if let Part::ToolCall { call, arguments, .. } = part
                && waits(call)
            {
                let arguments: Option<serde_json::Value> = serde_json::from_str(&arguments).ok();
                plan = arguments.and_then(|arguments| arguments.get("plan")?.as_str().map(str::to_owned));
            }
        })
        .await?;
        let secrets = self.secrets_of(chat.owner).await?;
        Ok(plan.map(|plan| secrets.mask(&plan)))
    }

    async fn each_part(&self, id: ChatId, mut look: impl FnMut(Part) + Send) -> Result<(), Trouble> {
        let mut after = 0;
        loop {
            let parts = self.store().chat_parts(id, after, PARTS).await?;
            let Some(last) = parts.last() else { return Ok(()) };
            after = last.number;
            parts.into_iter().for_each(|part| look(part.part));
        }
    }

    async fn show(&self, run: &TicketRun, chat: &Chat, phase: Phase, plan: Option<String>) -> Result<(), Trouble> {
        self.show_with(run, chat, phase, plan, None).await
    }

    /// Says in the ticket how far the agent is.
    async fn show_with(
        &self,
        run: &TicketRun,
        chat: &Chat,
        phase: Phase,
        plan: Option<String>,
        merge_request: Option<(u64, String)>,
    ) -> Result<(), Trouble> {
        let mut status = self.status(&run.new, phase);
        // What is confidential is read where it is.
        status.plan = plan.filter(|_| !run.new.confidential);
        status.merge_request = merge_request;
        status.model = Some(chat.engine.model.clone());
        status.cost = Some(chat.run.cost);
        let body = status.render(&status::key(&run.new.key));
        Ok(self.store().ticket_status_want(&run.new.key, &body, self.now()).await?)
    }

    async fn work_of_run(&self, run: &TicketRun) -> Result<Option<Work>, Trouble> {
        match self.store().connection_get(run.new.key.connection).await? {
            Some(record) => self.work_of(record).await.map(Some),
            None => Ok(None),
        }
    }
}

/// What the agent is to do, in Bailey's own words.
fn task(run: &TicketRun) -> String {
    format!(
        "Work on ticket {} of {}. The repository is in your directory, on the branch {}. Do what the ticket asks for, check it with what \
         the project has for that, commit it and push this branch with `git_push`. Bailey opens the merge request when your turn is over, \
         with what you say last as its description.",
        run.new.key.ticket, run.new.key.path, run.new.branch
    )
}

fn told(error: ChatError) -> AppError {
    match error {
        ChatError::Store(error) => error.into(),
        // Texts of Bailey's own, in a state that was just looked at: it is tried again.
        _ => AppError::Interrupted,
    }
}

fn nonce() -> Result<Nonce, AppError> {
    Ok(Nonce::new(ids::random::<16>()?))
}

/// The id of a comment as a message: the same whenever it is passed on.
fn message_id(run: &TicketRun, comment: i64) -> MessageId {
    let (high, low) = run.new.id.uuid().as_u64_pair();
    MessageId::from_uuid(Uuid::from_u64_pair(
        high,
        low ^ comment.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15),
    ))
}

fn cause(cause: Option<Cause>) -> String {
    cause.map_or_else(|| "nothing more is known".to_owned(), |cause| cause.to_string())
}
