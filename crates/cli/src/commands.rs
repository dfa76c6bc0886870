//! The commands, one module each.

pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod budgets;
pub(crate) mod chat;
pub(crate) mod chats;
pub(crate) mod config;
pub(crate) mod connections;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod external_auth;
pub(crate) mod files;
pub(crate) mod grants;
pub(crate) mod groups;
pub(crate) mod homes;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod mock;
pub(crate) mod models;
pub(crate) mod open;
pub(crate) mod openapi;
pub(crate) mod org;
pub(crate) mod policy;
pub(crate) mod prices;
pub(crate) mod quota;
pub(crate) mod requests;
pub(crate) mod roles;
pub(crate) mod server;
pub(crate) mod spend;
pub(crate) mod tasks;
pub(crate) mod templates;
pub(crate) mod terminal;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod version;
pub(crate) mod workspaces;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use bailey_api::Patch;
use clap::Args;

use crate::args::Command;
use crate::client::{Api, Remote};
use crate::failure::{ExitStatus, Failure};
use crate::output::Output;

/// The environment.
pub(crate) type Env = BTreeMap<String, String>;

/// The flags of every command that shows what a server answers.
#[derive(Debug, Clone, Args)]
pub(crate) struct Shown {
    /// How to show it
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

impl Shown {
    /// The server that was named.
    pub(crate) fn api(&self, env: &Env) -> Result<Api, Failure> {
        self.remote.api(env)
    }
}

/// Does what was asked.
pub(crate) async fn run(command: Command, env: &Env) -> Result<ExitStatus, Failure> {
    match command {
        Command::Exec(arguments) => exec::run(arguments, env).await,
        Command::Terminal(arguments) => terminal::run(arguments, env).await,
        Command::Chat(arguments) => chat::run(arguments, env).await,
        Command::Tasks(arguments) => tasks::run(arguments, env).await,
        other => act(other, env).await.map(|()| ExitStatus::Ok),
    }
}

/// Does what has no status of its own.
async fn act(command: Command, env: &Env) -> Result<(), Failure> {
    match command {
        Command::Exec(_) | Command::Terminal(_) | Command::Chat(_) | Command::Tasks(_) => Ok(()),
        Command::Chats(arguments) => chats::run(arguments, env).await,
        Command::Server(arguments) => server::run(&arguments, env).await,
        Command::Create(arguments) => workspaces::create(arguments, env).await,
        Command::List(arguments) => workspaces::list(arguments, env).await,
        Command::Show(arguments) => workspaces::show(arguments, env).await,
        Command::Start(arguments) => workspaces::build("start", arguments, env).await,
        Command::Stop(arguments) => workspaces::build("stop", arguments, env).await,
        Command::Restart(arguments) => workspaces::build("restart", arguments, env).await,
        Command::Update(arguments) => workspaces::update(arguments, env).await,
        Command::Delete(arguments) => workspaces::delete(arguments, env).await,
        Command::Files(arguments) => files::run(arguments, env).await,
        Command::Open(arguments) => open::run(arguments, env).await,
        Command::Logs(arguments) => workspaces::logs(arguments, env).await,
        Command::Homes(arguments) => homes::run(arguments, env).await,
        Command::Templates(arguments) => templates::run(arguments, env).await,
        Command::Login(arguments) => login::login(arguments, env).await,
        Command::Logout(arguments) => login::logout(arguments, env).await,
        Command::Keys(arguments) => keys::run(arguments, env).await,
        Command::Spend(arguments) => spend::run(&arguments, env).await,
        Command::Requests(arguments) => requests::run(&arguments, env).await,
        Command::Audit(arguments) => audit::run(arguments, env).await,
        Command::Budgets(arguments) => budgets::run(arguments, env).await,
        Command::Users(arguments) => users::run(arguments, env).await,
        Command::Groups(arguments) => groups::run(arguments, env).await,
        Command::Roles(arguments) => roles::run(arguments, env).await,
        Command::Grants(arguments) => grants::run(arguments, env).await,
        Command::ExternalAuth(arguments) => external_auth::run(arguments, env).await,
        Command::Policy(arguments) => policy::run(arguments, env).await,
        Command::Quota(arguments) => quota::run(arguments, env).await,
        Command::Org(arguments) => org::run(arguments, env).await,
        Command::Connections(arguments) => connections::run(arguments, env).await,
        Command::Tokens(arguments) => tokens::run(arguments, env).await,
        Command::Models(arguments) => models::run(&arguments, env).await,
        Command::Prices(arguments) => prices::run(&arguments),
        Command::Admin(arguments) => admin::run(&arguments, env).await,
        Command::Config(arguments) => config::run(&arguments, env),
        Command::Doctor(arguments) => doctor::run(&arguments, env).await,
        Command::Demo(arguments) => demo::run(arguments, env).await,
        Command::Mock(arguments) => mock::run(&arguments).await,
        Command::Openapi => openapi::run(),
        Command::Version(arguments) => version::run(&arguments),
    }
}

/// What is written to clear a field, or to have no limit.
const NONE: &str = "none";

/// Reads a field that `none` clears.
fn cleared<T>(text: &str) -> Result<Patch<T>, String>
where
    T: FromStr,
    T::Err: Display,
{
    match text {
        NONE => Ok(Patch::Clear),
        _ => text.parse().map(Patch::Set).map_err(|error: T::Err| error.to_string()),
    }
}

/// Waits until the process is asked to end, by Ctrl-C or SIGTERM.
async fn stopped() -> Result<(), Failure> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => Ok(result?),
        _ = terminate.recv() => Ok(()),
    }
}
