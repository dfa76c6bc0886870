//! Workspaces: `bailey create`, `list`, `show`, `start`, `stop`, `restart`, `update`, `delete`, `logs`.

mod build;
mod find;
pub(crate) mod values;
mod views;

use bailey_api::workspaces::{Workspace, WorkspaceCreate, WorkspaceListQuery, WorkspaceRebuild};
use bailey_core::workspace::WorkspaceStatus;
use clap::Args;

use super::{Env, Shown};
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output::{self, Output, understood};
use crate::table::plain;

pub(crate) use find::find;

pub(crate) const PATH: &str = "/workspaces";

/// Values of parameters.
#[derive(Debug, Args)]
struct Parameters {
    /// A parameter's value, as the template's parameter wants it; commas separate the elements of a list
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = values::pair)]
    parameters: Vec<values::Pair>,
}

/// Whether to wait for a build.
#[derive(Debug, Args)]
struct Wait {
    /// Do not wait until it is done
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The template
    template: String,
    /// Its name [default: one is made up]
    name: Option<String>,
    #[command(flatten)]
    parameters: Parameters,
    /// A preset of the template
    #[arg(long)]
    preset: Option<String>,
    /// The number of the template's version [default: the one in force]
    #[arg(long)]
    version: Option<u64>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this person [default: all that you may see]
    #[arg(long)]
    user: Option<String>,
    /// Only those of this template
    #[arg(long)]
    template: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

/// One workspace.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its name, OWNER/NAME, or its id
    workspace: String,
    #[command(flatten)]
    shown: Shown,
}

/// One workspace, and whether to wait for its build.
#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    parameters: Parameters,
    /// The number of the template's version [default: the one in force]
    #[arg(long)]
    version: Option<u64>,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    one: One,
    /// Put the home directory aside on the server instead of removing it
    #[arg(long)]
    keep_home: bool,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    one: One,
    /// The number of the build [default: the last one]
    #[arg(long)]
    build: Option<u64>,
    /// Go on until the build is over
    #[arg(short, long)]
    follow: bool,
}

pub(crate) async fn create(arguments: Create, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let (template, version) = (arguments.template, arguments.version);
    let parameters = values::values(&api, &template, version, arguments.parameters.parameters).await?;
    let body = WorkspaceCreate {
        template,
        name: arguments.name,
        version,
        preset: arguments.preset,
        parameters,
    };
    let made: Workspace = understood(api.post(PATH, &body).await?)?;
    finish(&api, made, &arguments.wait, arguments.shown.output).await
}

pub(crate) async fn list(arguments: List, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let query = WorkspaceListQuery {
        owner: arguments.user,
        template: arguments.template,
        ..WorkspaceListQuery::default()
    };
    output::show(
        arguments.shown.output,
        api.list(PATH, &query, None).await?,
        views::table,
    )
}

pub(crate) async fn show(arguments: One, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let workspace = find(&api, &arguments.workspace).await?;
    if arguments.shown.output == Output::Json {
        return output::json(&workspace);
    }
    let live = api.get(&format!("{}/live", path(&workspace)), &()).await?;
    output::data(&views::details(&workspace, &understood(live)?))
}

/// `start`, `stop` or `restart`, as `verb` says.
pub(crate) async fn build(verb: &str, arguments: Build, env: &Env) -> Result<(), Failure> {
    let api = arguments.one.shown.api(env)?;
    let workspace = find(&api, &arguments.one.workspace).await?;
    let answer = api.post(&format!("{}/{verb}", path(&workspace)), &Nothing {}).await?;
    finish(&api, understood(answer)?, &arguments.wait, arguments.one.shown.output).await
}

pub(crate) async fn update(arguments: Update, env: &Env) -> Result<(), Failure> {
    let api = arguments.one.shown.api(env)?;
    let workspace = find(&api, &arguments.one.workspace).await?;
    let (template, version) = (&workspace.template.id, arguments.version);
    let parameters = values::values(&api, template, version, arguments.parameters.parameters).await?;
    let body = WorkspaceRebuild { version, parameters };
    let answer = api.post(&format!("{}/update", path(&workspace)), &body).await?;
    finish(&api, understood(answer)?, &arguments.wait, arguments.one.shown.output).await
}

pub(crate) async fn delete(arguments: Delete, env: &Env) -> Result<(), Failure> {
    let api = arguments.one.shown.api(env)?;
    let workspace = find(&api, &arguments.one.workspace).await?;
    let keep = arguments.keep_home;
    api.delete(&format!("{}?keep_home={keep}", path(&workspace))).await?;
    if arguments.wait.no_wait {
        output::note(&format!("{} is on its way out", workspace.name));
        return Ok(());
    }
    build::until_gone(&api, &workspace).await?;
    let home = if keep { "; its home is kept on the server" } else { "" };
    output::note(&format!("{} is deleted{home}", workspace.name));
    Ok(())
}

pub(crate) async fn logs(arguments: Logs, env: &Env) -> Result<(), Failure> {
    let api = arguments.one.shown.api(env)?;
    let workspace = find(&api, &arguments.one.workspace).await?;
    let number = arguments.build.unwrap_or(workspace.build.number);
    let log = build::Log::new(&path(&workspace), number);
    if arguments.follow {
        log.follow(&api, output::data).await.map(drop)
    } else {
        log.all(&api, output::data).await
    }
}

/// The path of a workspace.
fn path(workspace: &Workspace) -> String {
    format!("{PATH}/{}", segment(&workspace.id.to_string()))
}

/// Shows the progress of a workspace's build, and the workspace when it is done. A build that failed fails the command.
async fn finish(api: &Api, workspace: Workspace, wait: &Wait, output: Output) -> Result<(), Failure> {
    let workspace = if wait.no_wait {
        workspace
    } else {
        build::until_done(api, &path(&workspace), workspace.build.number).await?
    };
    if output == Output::Json {
        return output::json(&workspace);
    }
    output::note(&views::done(&workspace));
    match workspace.status {
        WorkspaceStatus::Failed => {
            let why = workspace
                .build
                .error
                .unwrap_or_else(|| "the server does not say why".to_owned());
            let hint = format!("`bailey logs {}` shows the whole log", workspace.name);
            Err(Failure::new(format!("{} failed: {}", workspace.name, plain(&why))).hint(hint))
        }
        _ => output::data(&workspace.name),
    }
}

/// A body without fields.
#[derive(serde::Serialize)]
struct Nothing {}
