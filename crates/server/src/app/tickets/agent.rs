//! The AI agent of a run: its chat is begun with the ticket's text, follow-up comments reach it, and its ticket is
//! told where it is. Everything is named by the run before it is made, so that each step can be done again.

use std::time::Duration;

use bailey_chats::ChatError;
use bailey_core::authz::Action;
use bailey_core::chat::{CallKind, Cause, Chat, ChatState, Part};
use bailey_core::ticket::RunState;
use bailey_core::{ChatId, MessageId};
use bailey_forges::comment::Phase;
use bailey_forges::frame::{self, Nonce, Untrusted};
use bailey_forges::model::Comment;
use bailey_runtime::ids;
use bailey_store::{TicketMessage, TicketRun};
use uuid::Uuid;

use super::clone::folder;
use super::facts::Work;
use super::propose::Proposed;
use super::run::Next;
use super::work::project;
use super::{Trouble, status};
use crate::app::chats::begin::Begin;
use crate::app::{App, AppError};

/// How long until a run is looked at again whose agent works.
const WORKS: Duration = Duration::from_secs(1);
/// How long until one is looked at again whose agent waits for people.
const SETTLED: Duration = Duration::from_secs(5);
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
            return Ok(Err("the connection was turned off".to_owned()));
        };
        let project = project(&run.new.key);
        let Some(found) = work.forge.ticket(&project, run.new.key.ticket).await? else {
            return Ok(Err("the ticket is not there any more".to_owned()));
        };
        let said = work.forge.comments(&project, run.new.key.ticket, COMMENTS).await?;
        let confidential = run.new.confidential || found.confidential;
        // What is for some people alone is not to come out in what the agent writes for all.
        let read = |comment: &&Comment| {
            !comment.system && comment.author.id != work.myself && (confidential || !comment.internal)
        };
        let said: Vec<Comment> = said.iter().filter(read).cloned().collect();
        let texts: Vec<Untrusted<'_>> = said
            .iter()
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
        let framed = frame::ticket(&nonce, found.number, &found.title, body, &texts);
        let begin = Begin {
            id,
            title: format!("{}#{}", run.new.key.path, run.new.key.ticket),
            model: run.new.model.clone(),
            directory: folder(&run.new.key.path),
            rules: framed.rules,
            message: format!("{}\n\n{}", task(run, confidential), framed.text),
        };
        let made = self.chat_begin(&caller, run.new.workspace, begin).await;
        caller.trail.conclude(made.as_ref().err()).await;
        match made {
            Ok(()) => {
                for comment in said {
                    self.has_read(run, comment).await?;
                }
                Ok(Ok(()))
            }
            Err(AppError::Invalid(errors)) => {
                let errors: Vec<String> = errors.into_iter().map(|error| error.detail).collect();
                Ok(Err(format!("no agent works: {}", errors.join("; "))))
            }
            Err(error @ (AppError::Denied(_) | AppError::NotFound)) => Ok(Err(format!("no agent works: {error}"))),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks how far a run's agent is: passes on what was written meanwhile, says in the ticket where it is, and proposes what it pushed.
    /// The forge is asked only where the chat has moved since the last look.
    pub(super) async fn look_after_chat(&self, run: &TicketRun, id: ChatId) -> Result<Next, Trouble> {
        let Some(chat) = self.store().chat_get(id).await? else {
            return Ok(Next::failed("the agent's chat is not there"));
        };
        let state = chat.run.state;
        if !state.is_final() && self.pass_on(run, id).await? {
            return Ok(Next::Wait(WORKS));
        }
        let works = matches!(state, ChatState::Running | ChatState::Tool);
        let wait = Next::Wait(if works { WORKS } else { SETTLED });
        let seen = if works {
            format!("{state}:{}:{}", chat.run.steps, chat.run.cost)
        } else {
            format!("{state}:{}", chat.last)
        };
        if run.seen.as_deref() == Some(seen.as_str()) {
            return Ok(wait);
        }
        let mut proposed = None;
        match state {
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
            // It has not read what it was told.
            ChatState::Waiting if !chat.run.queue.is_empty() || chat.run.steps == 0 => return Ok(Next::Wait(WORKS)),
            // It has ended its turn.
            ChatState::Waiting | ChatState::Completed => match self.propose(run, &chat).await? {
                Proposed::Open(number) => proposed = Some(number),
                Proposed::Nothing => {}
                Proposed::Merged(number) => {
                    let said = format!("merge request {number} was merged");
                    return Ok(Next::To(RunState::Done, Some(said.into())));
                }
            },
            ChatState::Failed => return Ok(Next::failed(format!("the agent failed: {}", cause(chat.run.cause)))),
            ChatState::Cancelled => {
                let why = format!("the agent was stopped: {}", cause(chat.run.cause));
                return Ok(Next::To(RunState::Stopped, Some(why.into())));
            }
        }
        self.store().ticket_run_seen(run, &seen, proposed).await?;
        Ok(wait)
    }

    /// Ends the chat of a run that is being stopped.
    pub(super) async fn stop_chat(&self, id: ChatId) -> Result<(), AppError> {
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

    /// Notes that the chat has a comment: it is not passed on once more, whether it came before or comes yet.
    async fn has_read(&self, run: &TicketRun, comment: Comment) -> Result<(), Trouble> {
        let message = TicketMessage {
            comment: comment.id,
            author: comment.author.name,
            body: comment.body,
            at: comment.created_at,
        };
        if !self.store().ticket_message_insert(run.new.id, &message, true).await? {
            self.store().ticket_message_passed(run.new.id, message.comment).await?;
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
            for part in parts {
                look(part.part);
            }
        }
    }

    pub(super) async fn show(
        &self,
        run: &TicketRun,
        chat: &Chat,
        phase: Phase,
        plan: Option<String>,
    ) -> Result<(), Trouble> {
        self.show_with(run, chat, phase, plan, None).await
    }

    /// Says in the ticket how far the agent is.
    pub(super) async fn show_with(
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

    /// A run's connection, ready for work; `None` where it is gone or turned off.
    pub(super) async fn work_of_run(&self, run: &TicketRun) -> Result<Option<Work>, Trouble> {
        match self.store().connection_get(run.new.key.connection).await? {
            Some(record) if record.enabled => self.work_of(record).await.map(Some),
            _ => Ok(None),
        }
    }
}

/// What the agent is to do, in Bailey's own words.
fn task(run: &TicketRun, confidential: bool) -> String {
    let mut task = format!(
        "Work on ticket {} of {}. The repository is in your directory, on the branch {}. Do what the ticket asks for, check it with what \
         the project has for that, commit it with `git_commit` and push this branch with `git_push`. Bailey opens the merge request when your \
         turn is over, with what you say last as its description.",
        run.new.key.ticket, run.new.key.path, run.new.branch
    );
    if confidential {
        task.push_str(
            " The ticket is confidential, and what you push is not: put nothing of its text, or that tells what it is about, into names of \
             files, comments in code or commit messages.",
        );
    }
    task
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
