//! Runs of tickets: what asked for one starts it once, and a ticket has one at a time. Both are indexes of the database.

use bailey_core::ticket::RunState;
use bailey_core::{ChatId, ConnectionId, PersonId, RunId, Timestamp, WorkspaceId};

use crate::page::cut;
use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::ticket_status::want;
use crate::value::Row;
use crate::{ListPage, Store, StoreError, TicketKey};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, connection, project, path, ticket, arrival, number, label, person, assignee, assignee_name, agent, \
             model, confidential, branch, workspace, workspace_name, chat, state, cause, merge_request, seen, tries, created_at, \
             updated_at, finished_at FROM ticket_runs",
            $rest
        )
    };
}

statements! {
    INSERT = same(
        "INSERT INTO ticket_runs (id, connection, project, path, ticket, arrival, number, label, person, assignee, \
         assignee_name, agent, model, confidential, branch, workspace, workspace_name, chat, state, tries, due_at, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         'starting', 0, $19, $19, $19)",
    );
    GET = same(select!(" WHERE id = $1"));
    LIVE_OF_TICKET = same(select!(
        " WHERE connection = $1 AND project = $2 AND ticket = $3 AND finished_at IS NULL"
    ));
    ARRIVALS = same("SELECT arrival FROM ticket_runs WHERE connection = $1 AND project = $2 AND ticket = $3");
    LIVE = same(select!(" WHERE connection = $1 AND finished_at IS NULL ORDER BY id"));
    DUE = same(select!(" WHERE connection = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3"));
    CHATS_LEFT = same(
        "SELECT r.chat FROM ticket_runs r JOIN chats c ON c.id = r.chat \
         WHERE r.state IN ('failed', 'stopped') AND c.state NOT IN ('completed', 'failed', 'cancelled') LIMIT 100",
    );
    CHANGE = same(
        "UPDATE ticket_runs SET state = $3, cause = $4, tries = 0, due_at = $5, updated_at = $6, finished_at = $7 \
         WHERE id = $1 AND state = $2",
    );
    LATER = same("UPDATE ticket_runs SET tries = tries + 1, due_at = $3 WHERE id = $1 AND state = $2");
    SEEN = same(
        "UPDATE ticket_runs SET seen = $3, merge_request = COALESCE($4, merge_request), tries = 0 WHERE id = $1 AND state = $2",
    );
    MESSAGE = same(
        "INSERT INTO ticket_messages (run, comment, author, body, at, passed) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING",
    );
    MESSAGES_LEFT = same(
        "SELECT comment, author, body, at FROM ticket_messages WHERE run = $1 AND NOT passed ORDER BY comment",
    );
    MESSAGE_PASSED = same("UPDATE ticket_messages SET passed = $3 WHERE run = $1 AND comment = $2");
}

/// A run that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The ticket.
    pub key: TicketKey,
    /// What asked for it: the forge's id of the label event, or the delivery's.
    pub arrival: String,
    /// Counts the ticket's runs from 1.
    pub number: u32,
    /// The label.
    pub label: String,
    /// For whom.
    pub person: PersonId,
    /// The forge's id of who that is there.
    pub assignee: i64,
    /// Their user name there.
    pub assignee_name: String,
    /// Whether an AI agent is asked for.
    pub agent: bool,
    /// The model that it works with.
    pub model: Option<String>,
    /// Whether the ticket's text may not be written anywhere else.
    pub confidential: bool,
    /// The branch.
    pub branch: String,
    /// The workspace, which is made afterwards.
    pub workspace: WorkspaceId,
    /// Its name.
    pub workspace_name: String,
    /// The chat of the AI agent, where one is asked for: begun afterwards, too.
    pub chat: Option<ChatId>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRun {
    /// What it was started with.
    pub new: NewRun,
    /// How far it is.
    pub state: RunState,
    /// Why it ended, or is stopped.
    pub cause: Option<String>,
    /// The number of the merge request that was proposed last.
    pub merge_request: Option<u64>,
    /// How its chat stood when the ticket was last brought up to date.
    pub seen: Option<String>,
    /// How often the step at hand was tried.
    pub tries: u32,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What came of starting a run. Where both stand against it, either is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunBegun {
    /// It is there now.
    Yes,
    /// What asks for it has started one before.
    Handled,
    /// The ticket has another one.
    Live,
}

/// A step of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunChange<'a> {
    /// Where to.
    pub to: RunState,
    /// Why, where it ends or is stopped.
    pub cause: Option<&'a str>,
    /// When it is looked at next; `None` = never.
    pub due_at: Option<Timestamp>,
    /// What the ticket's status comment is to say from now on.
    pub status: Option<&'a str>,
}

/// What somebody wrote on a ticket while its run was under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketMessage {
    /// The forge's id of the comment.
    pub comment: i64,
    /// The author's user name: a stranger's text.
    pub author: String,
    /// A stranger's text.
    pub body: String,
    /// When it came.
    pub at: Timestamp,
}

fn read(row: &Row) -> Result<TicketRun, StoreError> {
    Ok(TicketRun {
        new: NewRun {
            id: row.get("id")?,
            key: TicketKey {
                connection: row.get("connection")?,
                project: row.get("project")?,
                path: row.get("path")?,
                ticket: row.get("ticket")?,
            },
            arrival: row.get("arrival")?,
            number: row.get("number")?,
            label: row.get("label")?,
            person: row.get("person")?,
            assignee: row.get("assignee")?,
            assignee_name: row.get("assignee_name")?,
            agent: row.get("agent")?,
            model: row.get("model")?,
            confidential: row.get("confidential")?,
            branch: row.get("branch")?,
            workspace: row.get("workspace")?,
            workspace_name: row.get("workspace_name")?,
            chat: row.get("chat")?,
        },
        state: row.parse("state", |text| text.parse().ok())?,
        cause: row.get("cause")?,
        merge_request: row.get("merge_request")?,
        seen: row.get("seen")?,
        tries: row.get("tries")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        finished_at: row.get("finished_at")?,
    })
}

fn read_message(row: &Row) -> Result<TicketMessage, StoreError> {
    Ok(TicketMessage {
        comment: row.get("comment")?,
        author: row.get("author")?,
        body: row.get("body")?,
        at: row.get("at")?,
    })
}

fn insert(new: &NewRun, now: Timestamp) -> crate::sql::Query {
    INSERT
        .bind(new.id)
        .bind(new.key.connection)
        .bind(new.key.project)
        .bind(new.key.path.as_str())
        .bind(new.key.ticket)
        .bind(new.arrival.as_str())
        .bind(new.number)
        .bind(new.label.as_str())
        .bind(new.person)
        .bind(new.assignee)
        .bind(new.assignee_name.as_str())
        .bind(new.agent)
        .bind(new.model.as_deref())
        .bind(new.confidential)
        .bind(new.branch.as_str())
        .bind(new.workspace)
        .bind(new.workspace_name.as_str())
        .bind(new.chat)
        .bind(now)
}

impl Store {
    /// Starts a run, if nothing has started it before and the ticket has no other; the ticket's status comment is to say `status`.
    pub async fn ticket_run_begin(&self, new: &NewRun, status: &str, now: Timestamp) -> Result<RunBegun, StoreError> {
        let begun = transaction!(self, async |tx| {
            tx.execute(insert(new, now)).await?;
            want(tx, &new.key, status, now).await
        });
        match begun {
            Ok(()) => Ok(RunBegun::Yes),
            Err(StoreError::Conflict { field: "arrival", .. }) => Ok(RunBegun::Handled),
            Err(StoreError::Conflict { field: "ticket", .. }) => Ok(RunBegun::Live),
            Err(error) => Err(error),
        }
    }

    /// The run of this id.
    pub async fn ticket_run_get(&self, id: RunId) -> Result<Option<TicketRun>, StoreError> {
        self.reader().await?.read_optional(GET.bind(id), read).await
    }

    /// The run of a ticket that has not ended.
    pub async fn ticket_run_live(&self, key: &TicketKey) -> Result<Option<TicketRun>, StoreError> {
        let query = LIVE_OF_TICKET.bind(key.connection).bind(key.project).bind(key.ticket);
        self.reader().await?.read_optional(query, read).await
    }

    /// What asked for the runs that a ticket has had; there are as many as there were runs.
    pub async fn ticket_run_arrivals(&self, key: &TicketKey) -> Result<Vec<String>, StoreError> {
        let query = ARRIVALS.bind(key.connection).bind(key.project).bind(key.ticket);
        let read = |row: &Row| row.get("arrival");
        self.reader().await?.read_all(query, read).await
    }

    /// The runs of a connection that have not ended, oldest first.
    pub async fn ticket_runs_live(&self, connection: ConnectionId) -> Result<Vec<TicketRun>, StoreError> {
        self.reader().await?.read_all(LIVE.bind(connection), read).await
    }

    /// Runs of a connection that are to be looked at.
    pub async fn ticket_runs_due(
        &self,
        connection: ConnectionId,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<TicketRun>, StoreError> {
        let query = DUE.bind(connection).bind(now).bind(most);
        self.reader().await?.read_all(query, read).await
    }

    /// Chats that go on although their runs have failed or were stopped: a server was killed between the one and the other.
    pub async fn ticket_chats_left(&self) -> Result<Vec<ChatId>, StoreError> {
        let read = |row: &Row| row.get("chat");
        self.reader().await?.read_all(CHATS_LEFT.query(), read).await
    }

    /// Notes how a run's chat stood when its ticket was brought up to date, and the merge request, if one was proposed.
    pub async fn ticket_run_seen(
        &self,
        run: &TicketRun,
        seen: &str,
        merge_request: Option<u64>,
    ) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let update = SEEN
                .bind(run.new.id)
                .bind(run.state.as_str())
                .bind(seen)
                .bind(merge_request);
            tx.execute(update).await.map(drop)
        })
    }

    /// Runs of a connection, or of all, newest first, and where to go on if there are more.
    pub async fn ticket_runs_list(
        &self,
        connection: Option<ConnectionId>,
        page: ListPage<RunId>,
    ) -> Result<(Vec<TicketRun>, Option<RunId>), StoreError> {
        let mut query = Assembly::new(self.backend(), select!(" WHERE 1 = 1"));
        query
            .when(" AND id < ", page.after)
            .when(" AND connection = ", connection);
        query.push(" ORDER BY id DESC LIMIT ").bind(page.rows());
        let runs = self.reader().await?.read_all(query.finish(), read).await?;
        Ok(cut(runs, page.rows(), |run| run.new.id))
    }

    /// Takes a run a step further, if it is still where `run` says; the ticket's status comment in the same transaction. `false`, and
    /// nothing changes, if it is not.
    pub async fn ticket_run_change(
        &self,
        run: &TicketRun,
        change: RunChange<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if !run.state.leads_to(change.to) {
            return Ok(false);
        }
        transaction!(self, async |tx| {
            let update = CHANGE
                .bind(run.new.id)
                .bind(run.state.as_str())
                .bind(change.to.as_str())
                .bind(change.cause)
                .bind(change.due_at)
                .bind(now)
                .bind(change.to.is_final().then_some(now));
            if tx.execute(update).await? == 0 {
                return Ok(false);
            }
            if let Some(status) = change.status {
                want(tx, &run.new.key, status, now).await?;
            }
            Ok(true)
        })
    }

    /// Says when a run is looked at next, if it is still where `run` says.
    pub async fn ticket_run_later(&self, run: &TicketRun, due_at: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let later = LATER.bind(run.new.id).bind(run.state.as_str()).bind(due_at);
            tx.execute(later).await.map(drop)
        })
    }

    /// Keeps what somebody wrote for a run; `passed` says that its chat has it. `false` if it is there already.
    pub async fn ticket_message_insert(
        &self,
        run: RunId,
        message: &TicketMessage,
        passed: bool,
    ) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| {
            let insert = MESSAGE
                .bind(run)
                .bind(message.comment)
                .bind(message.author.as_str())
                .bind(message.body.as_str())
                .bind(message.at)
                .bind(passed);
            tx.execute(insert).await
        })?;
        Ok(rows > 0)
    }

    /// What was written for a run and its chat does not have yet, in the forge's order.
    pub async fn ticket_messages_left(&self, run: RunId) -> Result<Vec<TicketMessage>, StoreError> {
        self.reader()
            .await?
            .read_all(MESSAGES_LEFT.bind(run), read_message)
            .await
    }

    /// Notes that a run's chat has what was written in this comment.
    pub async fn ticket_message_passed(&self, run: RunId, comment: i64) -> Result<(), StoreError> {
        transaction!(self, async |tx| {
            let passed = MESSAGE_PASSED.bind(run).bind(comment).bind(true);
            tx.execute(passed).await.map(drop)
        })
    }
}
