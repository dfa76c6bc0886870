//! `bailey chats`

use bailey_api::Page;
use bailey_api::chats::{Chat, ChatListQuery};
use bailey_core::ChatId;
use clap::{Args, Subcommand};

use super::workspaces::find;
use super::{Env, Shown};
use crate::client::segment;
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, plain, spent, time};

pub(super) const PATH: &str = "/chats";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List chats, newest first
    List(List),
    /// Show a chat
    Show {
        /// Its id, which `bailey chats list` shows
        id: ChatId,
    },
    /// Stop a chat for good
    Stop {
        /// Its id, which `bailey chats list` shows
        id: ChatId,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only those of this person
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// Only those in this workspace: its name, OWNER/NAME, or its id
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Only those in this state, such as `running`, `requires_action` or `paused`
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// At most this many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
}

pub(super) fn path(id: ChatId) -> String {
    format!("{PATH}/{}", segment(&id.to_string()))
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let answer = match arguments.verb {
        Verb::List(list) => {
            let workspace = match &list.workspace {
                Some(text) => Some(find(&api, text).await?.id.to_string()),
                None => None,
            };
            let query = ChatListQuery {
                owner: list.owner,
                workspace,
                state: list.state,
                ..ChatListQuery::default()
            };
            return output::show(arguments.shown.output, api.list(PATH, &query, list.limit).await?, table);
        }
        Verb::Show { id } => api.get(&path(id), &()).await?,
        Verb::Stop { id } => api.post_nothing(&format!("{}/stop", path(id))).await?,
    };
    output::show(arguments.shown.output, answer, one)
}

fn state(chat: &Chat) -> String {
    chat.cause
        .map_or_else(|| chat.state.to_string(), |cause| format!("{} ({cause})", chat.state))
}

fn table(page: &Page<Chat>) -> String {
    let mut table = Table::new([
        "TITLE",
        "WORKSPACE",
        "OWNER",
        "MODEL",
        "STATE",
        ">STEPS",
        ">COST",
        "CREATED (UTC)",
        "ID",
    ]);
    for chat in &page.items {
        table.row([
            plain(&chat.title),
            chat.workspace.name.clone(),
            chat.owner.name.clone(),
            plain(&chat.model),
            state(chat),
            chat.steps.to_string(),
            spent(&chat.cost),
            time(chat.created_at),
            chat.id.to_string(),
        ]);
    }
    table.text("no chats")
}

fn one(chat: &Chat) -> String {
    let mut page = Table::new(["OF", "SAYS"]);
    let rows = [
        ("id", chat.id.to_string()),
        ("title", plain(&chat.title)),
        ("workspace", chat.workspace.name.clone()),
        ("owner", chat.owner.name.clone()),
        ("model", plain(&chat.model)),
        ("state", state(chat)),
        ("plan", chat.plan.to_string()),
        ("steps", chat.steps.to_string()),
        ("cost", spent(&chat.cost)),
        ("worked", format!("{} s", chat.worked_seconds)),
        ("created", time(chat.created_at)),
    ];
    for (name, text) in rows {
        page.row([name.to_owned(), text]);
    }
    page.text("")
}
