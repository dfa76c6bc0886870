//! The command line, as data.

use clap::{Parser, Subcommand};

use crate::commands::{
    admin, audit, budgets, chat, chats, config, connections, demo, doctor, exec, external_auth, files, grants, groups,
    homes, keys, login, mock, models, open, org, policy, prices, quota, requests, roles, server, spend, tasks,
    templates, terminal, tokens, users, workspaces,
};

/// One gate for every model call: keys, budgets, routes, and a ledger of what was spent.
#[derive(Debug, Parser)]
#[command(
    name = "bailey",
    version,
    max_term_width = 110,
    disable_help_subcommand = true,
    after_help = "Commands that talk to a server use BAILEY_URL and BAILEY_TOKEN, or what `login` kept.\n\
                  Start with: bailey server"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Server(server::Arguments),
    /// Sign in to a server by way of a browser, and keep the token
    Login(login::Login),
    /// Revoke the token that `login` got, and forget it
    Logout(login::Logout),
    /// Make a workspace from a template
    Create(workspaces::Create),
    /// List workspaces
    List(workspaces::List),
    /// Show a workspace, its apps and its figures
    Show(workspaces::One),
    /// Start a workspace
    Start(workspaces::Build),
    /// Stop a workspace; its home is kept
    Stop(workspaces::Build),
    /// Stop a workspace and start it again
    Restart(workspaces::Build),
    /// Move a workspace to the template's version in force, or to other parameters
    Update(workspaces::Update),
    /// Delete a workspace, and its home unless told otherwise
    Delete(workspaces::Delete),
    /// Open a terminal in a workspace; it stays when this ends
    Terminal(terminal::Arguments),
    /// Run a command in a workspace
    Exec(exec::Arguments),
    /// Talk to an AI agent that works in a workspace
    Chat(chat::Arguments),
    /// List, show and stop chats with AI agents
    Chats(chats::Arguments),
    /// List and run a template's tasks, which are named jobs for AI agents
    Tasks(tasks::Arguments),
    /// List, read, write and search the files of a workspace
    Files(files::Arguments),
    /// Show an address that opens an app of a workspace in a browser
    Open(open::Arguments),
    /// Show the log of a workspace's build
    Logs(workspaces::Logs),
    /// List or remove homes that were kept when their workspaces were deleted
    Homes(homes::Arguments),
    /// Manage templates, which workspaces are made from
    Templates(templates::Arguments),
    /// Connect forges, whose labelled tickets become workspaces
    Connections(connections::Arguments),
    /// Manage keys, which open the model door
    Keys(keys::Arguments),
    /// Show what was spent
    Spend(spend::Arguments),
    /// Show the requests that were made
    Requests(requests::Arguments),
    /// Show, export and verify the log of what was done
    Audit(audit::Arguments),
    /// Manage budgets, which are never exceeded
    Budgets(budgets::Arguments),
    /// Manage people
    Users(users::Arguments),
    /// Manage groups of people
    Groups(groups::Arguments),
    /// Manage roles: what may be done, and on whose things
    Roles(roles::Arguments),
    /// Manage who was granted which roles
    Grants(grants::Arguments),
    /// Explain why something is allowed, or is not
    Policy(policy::Arguments),
    /// Show what you may have of workspaces, and have
    Quota(quota::Arguments),
    /// Show or change the organization
    Org(org::Arguments),
    /// Link your accounts at GitLab and GitHub, so that git in your workspaces acts as you
    ExternalAuth(external_auth::Arguments),
    /// Manage API tokens
    Tokens(tokens::Arguments),
    /// Show models, where they lead, and how that is
    Models(models::Arguments),
    /// Check or import price tables
    Prices(prices::Arguments),
    /// Do what needs no running server
    Admin(admin::Arguments),
    /// Check or show the configuration
    Config(config::Arguments),
    /// Find out what is wrong with this machine or its configuration
    Doctor(doctor::Arguments),
    /// Show how a ticket becomes a merge request, on this machine alone
    Demo(demo::Arguments),
    /// Run a scripted model provider
    Mock(mock::Arguments),
    /// Print the description of the HTTP API
    Openapi,
    /// Print the version
    Version(crate::commands::version::Arguments),
}
