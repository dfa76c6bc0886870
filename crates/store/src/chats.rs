//! Chats: records, lists, and what becomes of them with their workspace and their owner. Transitions are in
//! [`crate::chat_steps`], leases in [`crate::chat_leases`].

use bailey_core::chat::{
    Call, CallKind, CallState, Cause, Chat, ChatCall, ChatState, Engine, Event, Limits, PlanMode, Prompts, Run,
};
use bailey_core::template::TaskOrigin;
use bailey_core::{CallId, ChatId, MessageId, PersonId, Timestamp, WorkspaceId};

use crate::chat_steps::{Change, apply, lock};
use crate::conn::Conn;
use crate::page::cut;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::workspaces::{active_owner, workspace};
use crate::{LedgerReach, ListPage, Store, StoreError};

/// The columns of a chat.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.owner, c.workspace, c.title, c.engine, c.prompts, c.directory, c.system, c.state, c.cause, c.plan, \
             c.once, c.limits, c.steps, c.asking, c.losses, c.cost, c.active, c.since, c.last, c.generation, c.worker, \
             c.task_origin, c.created_at, c.changed_at FROM chats c",
            $rest
        )
    };
}
pub(crate) use select;

macro_rules! call {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.chat, k.step, k.position, k.kind, k.state, k.tool, k.arguments, k.started_at, k.finished_at \
             FROM chat_calls k",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO chats (id, owner, workspace, title, engine, prompts, directory, state, plan, once, limits, steps, asking, \
         losses, cost, active, last, generation, created_at, changed_at, task, task_origin) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, 0, 0, 0, 0, 0, $13, $13, $14, $15)",
    );
    GET = same(select!(" WHERE c.id = $1"));
    SET_TITLE = same("UPDATE chats SET title = $2 WHERE id = $1");
    CALL = same(call!(" WHERE k.id = $1"));
    OPEN_OF_WORKSPACE = same(
        "SELECT id FROM chats WHERE workspace = $1 AND state NOT IN ('completed', 'failed', 'cancelled') ORDER BY id",
    );
    OPEN_OF_OWNER = same(
        "SELECT id FROM chats WHERE owner = $1 AND state NOT IN ('completed', 'failed', 'cancelled') ORDER BY id",
    );
    HAND_OVER = same("UPDATE chats SET owner = $2 WHERE owner = $1");
}

/// What a chat is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChat {
    /// Its id.
    pub id: ChatId,
    /// The workspace that its tools run in; its owner is the chat's.
    pub workspace: WorkspaceId,
    /// What it is called.
    pub title: String,
    /// The model.
    pub engine: Engine,
    /// The deployment's instructions.
    pub prompts: Prompts,
    /// The directory that tools start in.
    pub directory: Option<String>,
    /// Whether anything may be written before a plan is accepted.
    pub plan: PlanMode,
    /// Whether it is over with the agent's first turn.
    pub once: bool,
    /// What it may take.
    pub limits: Limits,
    /// The task that it is a run of.
    pub task: Option<TaskOrigin>,
    /// The first message.
    pub message: Option<NewMessage>,
    /// Now.
    pub created_at: Timestamp,
}

/// A message to a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// Who writes it; `None` = Bailey itself.
    pub by: Option<PersonId>,
    /// The text.
    pub text: String,
}

/// Which chats to list. What is `None` does not limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatFilter {
    /// Those of this person.
    pub owner: Option<PersonId>,
    /// Those in this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Those in this state.
    pub state: Option<ChatState>,
    /// Those that are runs of tasks.
    pub tasks: bool,
    /// Those that are runs of a task of this name.
    pub task: Option<String>,
    /// Those whose title has this in it, whatever its letters' case.
    pub text: Option<String>,
    /// Whose chats may be seen.
    pub reach: LedgerReach,
}

impl ChatFilter {
    /// All chats within `reach`.
    pub const fn within(reach: LedgerReach) -> Self {
        Self {
            owner: None,
            workspace: None,
            state: None,
            tasks: false,
            task: None,
            text: None,
            reach,
        }
    }
}

/// Reads a chat without its calls and its queue: [`fill`] adds them.
pub(crate) fn read(row: &Row) -> Result<Chat, StoreError> {
    let cause: Option<String> = row.get("cause")?;
    let cause = cause
        .map(|text| Cause::parse(&text).ok_or(StoreError::Corrupt { what: "cause" }))
        .transpose()?;
    let task: Option<String> = row.get("task_origin")?;
    let task = task.map(|text| serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { what: "task_origin" }));
    Ok(Chat {
        id: row.get("id")?,
        owner: row.get("owner")?,
        workspace: row.get("workspace")?,
        title: row.get("title")?,
        engine: row.json("engine")?,
        prompts: row.json("prompts")?,
        directory: row.get("directory")?,
        system: row.get("system")?,
        run: Run {
            state: row.parse("state", ChatState::parse)?,
            cause,
            plan: row.parse("plan", PlanMode::parse)?,
            once: row.get("once")?,
            limits: row.json("limits")?,
            steps: row.get("steps")?,
            asking: row.get("asking")?,
            losses: row.get("losses")?,
            cost: row.get("cost")?,
            active: row.get("active")?,
            since: row.get("since")?,
            calls: Vec::new(),
            queue: Vec::new(),
        },
        task: task.transpose()?,
        last: row.get("last")?,
        generation: row.get("generation")?,
        created_at: row.get("created_at")?,
        changed_at: row.get("changed_at")?,
    })
}

fn read_call(row: &Row) -> Result<ChatCall, StoreError> {
    Ok(ChatCall {
        id: row.get("id")?,
        chat: row.get("chat")?,
        step: row.get("step")?,
        position: row.get("position")?,
        kind: row.parse("kind", CallKind::parse)?,
        state: row.parse("state", CallState::parse)?,
        tool: row.get("tool")?,
        arguments: row.get("arguments")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
    })
}

/// Adds to chats the calls of their last steps, and the messages that wait for them.
pub(crate) async fn fill(conn: &mut Conn, chats: &mut [Chat]) -> Result<(), StoreError> {
    let ids: Vec<uuid::Uuid> = chats.iter().map(|chat| chat.id.uuid()).collect();
    let mut query = Assembly::new(
        conn.backend(),
        call!(" JOIN chats c ON c.id = k.chat AND c.steps = k.step WHERE k.chat"),
    );
    query.among("", ids.clone()).push(" ORDER BY k.chat, k.position");
    for call in conn.read_all(query.finish(), read_call).await? {
        if let Some(chat) = chats.iter_mut().find(|chat| chat.id == call.chat) {
            let (id, kind, state) = (call.id, call.kind, call.state);
            chat.run.calls.push(Call { id, kind, state });
        }
    }
    let mut query = Assembly::new(
        conn.backend(),
        "SELECT id, chat FROM chat_messages WHERE state = 'queued' AND chat",
    );
    query.among("", ids).push(" ORDER BY chat, number");
    let waiting = |row: &Row| Ok((row.get::<ChatId>("chat")?, row.get::<MessageId>("id")?));
    for (id, message) in conn.read_all(query.finish(), waiting).await? {
        if let Some(chat) = chats.iter_mut().find(|chat| chat.id == id) {
            chat.run.queue.push(message);
        }
    }
    Ok(())
}

async fn insert(tx: &mut Conn, owner: PersonId, new: &NewChat) -> Result<(), StoreError> {
    let origin = new.task.as_ref().map(|task| json("task_origin", task)).transpose()?;
    let insert = INSERT
        .bind(new.id)
        .bind(owner)
        .bind(new.workspace)
        .bind(new.title.as_str())
        .bind(json("engine", &new.engine)?)
        .bind(json("prompts", &new.prompts)?)
        .bind(new.directory.as_deref())
        .bind(ChatState::Waiting.as_str())
        .bind(new.plan.as_str())
        .bind(new.once)
        .bind(json("limits", &new.limits)?)
        .bind(false)
        .bind(new.created_at)
        .bind(new.task.as_ref().map(|task| task.name.as_str()))
        .bind(origin.as_deref());
    tx.execute(insert).await.map(drop)
}

async fn stop_all(tx: &mut Conn, ids: Vec<ChatId>, cause: Cause, now: Timestamp) -> Result<(), StoreError> {
    for id in ids {
        let chat = lock(tx, id).await?;
        // Over by now: another transaction was faster.
        let _ = apply(tx, chat, Event::Stop(cause), Change::at(now)).await?;
    }
    Ok(())
}

/// Stops what is open in a workspace that is gone.
pub(crate) async fn stop_of_workspace(tx: &mut Conn, id: WorkspaceId, now: Timestamp) -> Result<(), StoreError> {
    let open = tx.read_all(OPEN_OF_WORKSPACE.bind(id), |row| row.get("id")).await?;
    stop_all(tx, open, Cause::WorkspaceDeleted, now).await
}

/// Stops what is open of a person who is suspended.
pub(crate) async fn stop_of_owner(tx: &mut Conn, owner: PersonId, now: Timestamp) -> Result<(), StoreError> {
    let open = tx.read_all(OPEN_OF_OWNER.bind(owner), |row| row.get("id")).await?;
    stop_all(tx, open, Cause::OwnerSuspended, now).await
}

/// Gives a person's chats to whoever gets their workspaces.
pub(crate) async fn hand_over(tx: &mut Conn, from: PersonId, to: PersonId) -> Result<(), StoreError> {
    tx.execute(HAND_OVER.bind(from).bind(to)).await.map(drop)
}

impl Store {
    /// Makes a chat, with its first message if there is one. A workspace that is gone is [`StoreError::NotFound`], and an
    /// owner who is suspended a conflict of `owner`.
    pub async fn chat_create(&self, new: &NewChat) -> Result<Chat, StoreError> {
        transaction!(self, async |tx| {
            let place = workspace(tx, new.workspace).await?.filter(|w| w.deleted_at.is_none());
            let place = place.ok_or(StoreError::NotFound { what: "workspace" })?;
            active_owner(tx, place.owner).await?;
            insert(tx, place.owner, new).await?;
            let made = lock(tx, new.id).await?;
            let Some(message) = &new.message else { return Ok(made) };
            let change = Change {
                message: Some(message),
                ..Change::at(new.created_at)
            };
            let applied = apply(tx, made, Event::Message(message.id), change).await?;
            applied.map_err(|_| StoreError::Corrupt { what: "chat" })
        })
    }

    /// The chat of this id.
    pub async fn chat_get(&self, id: ChatId) -> Result<Option<Chat>, StoreError> {
        let mut conn = self.snapshot().await?;
        let Some(chat) = conn.read_optional(GET.bind(id), read).await? else {
            return Ok(None);
        };
        let mut found = [chat];
        fill(&mut conn, &mut found).await?;
        let [chat] = found;
        Ok(Some(chat))
    }

    /// Chats, newest first, and where to go on if there are more.
    pub async fn chats_list(
        &self,
        filter: &ChatFilter,
        page: ListPage<ChatId>,
    ) -> Result<(Vec<Chat>, Option<ChatId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query
            .when(" AND c.id < ", page.after)
            .when(" AND c.owner = ", filter.owner)
            .when(" AND c.workspace = ", filter.workspace)
            .when(" AND c.state = ", filter.state.map(ChatState::as_str))
            .when(" AND c.task = ", filter.task.as_deref());
        if filter.tasks {
            query.push(" AND c.task IS NOT NULL");
        }
        if let Some(text) = &filter.text {
            query.push(" AND ").contains("c.title", text);
        }
        filter.reach.limit(&mut query, " AND c.owner");
        query.push(" ORDER BY c.id DESC LIMIT ").bind(page.rows());
        let mut conn = self.snapshot().await?;
        let mut found = conn.read_all(query.finish(), read).await?;
        fill(&mut conn, &mut found).await?;
        Ok(cut(found, page.rows(), |chat| chat.id))
    }

    /// Which of these chats are not over.
    pub async fn chats_open(&self, chats: &[ChatId]) -> Result<Vec<ChatId>, StoreError> {
        let mut query = Assembly::new(
            self.backend(),
            "SELECT id FROM chats WHERE state NOT IN ('completed', 'failed', 'cancelled') AND id",
        );
        query.among("", chats.iter().map(|chat| chat.uuid()).collect());
        self.reader().await?.read_all(query.finish(), |row| row.get("id")).await
    }

    /// Gives a chat another title. `false` if there is no such chat.
    pub async fn chat_set_title(&self, id: ChatId, title: &str) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(SET_TITLE.bind(id).bind(title)).await)?;
        Ok(rows > 0)
    }

    /// The tool call of this id.
    pub async fn chat_call(&self, id: CallId) -> Result<Option<ChatCall>, StoreError> {
        self.reader().await?.read_optional(CALL.bind(id), read_call).await
    }
}
