//! `bailey tasks`: named jobs for AI agents that a workspace's template has.

use std::time::Duration;

use bailey_api::Page;
use bailey_api::tasks::{Task, TaskList, TaskRun, TaskRunCreate, TaskRunListQuery};
use bailey_core::ChatId;
use bailey_core::chat::ChatState;
use bailey_core::template::ParameterValue;
use clap::{Args, Subcommand};

use super::workspaces::{find, values};
use super::{Env, Shown, chat};
use crate::client::{Api, segment};
use crate::failure::{ExitStatus, Failure};
use crate::output::{self, Output, note, understood};
use crate::table::{Details, Table, plain, spent, time};

const PATH: &str = "/task-runs";
/// How long a server that is away is waited for, and how often it is asked.
const PATIENCE: Duration = Duration::from_mins(1);
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the tasks that can be run in a workspace, and what they ask
    List {
        /// The workspace: its name, OWNER/NAME, or its id
        workspace: String,
    },
    /// Run a task in a workspace
    Run(Run),
    /// List runs of tasks, newest first
    Runs(Runs),
    /// Show a run and what came of it
    Show {
        /// Its id, which `bailey tasks runs` shows
        id: ChatId,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// The workspace: its name, OWNER/NAME, or its id
    workspace: String,
    /// The task, which `bailey tasks list` shows
    task: String,
    /// A parameter's value, as the task's parameter wants it; commas separate the elements of a list
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = values::pair)]
    parameters: Vec<values::Pair>,
    /// The model [default: the task's]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Change nothing until a plan is accepted
    #[arg(long)]
    plan: bool,
    /// The directory that the agent starts in [default: the task's]
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
    /// Wait until the run is over or paused, and show its result; the status says whether it was completed
    #[arg(long, conflicts_with = "follow")]
    wait: bool,
    /// Show the agent at work and ask what it asks; the status says whether the run was completed
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Args)]
struct Runs {
    /// Only those of this person
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
    /// Only those in this workspace: its name, OWNER/NAME, or its id
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Only those of this task
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Only those in this state, such as `running`, `completed` or `failed`
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// At most this many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<ExitStatus, Failure> {
    let api = arguments.shown.api(env)?;
    let output = arguments.shown.output;
    match arguments.verb {
        Verb::List { workspace } => {
            let answer = api.get(&tasks_of(&api, &workspace).await?, &()).await?;
            output::show(output, answer, tasks)?;
        }
        Verb::Run(ask) => return begin(api, ask, output).await,
        Verb::Runs(list) => {
            let workspace = match &list.workspace {
                Some(text) => Some(find(&api, text).await?.id.to_string()),
                None => None,
            };
            let query = TaskRunListQuery {
                owner: list.owner,
                workspace,
                task: list.task,
                state: list.state,
                ..TaskRunListQuery::default()
            };
            output::show(output, api.list(PATH, &query, list.limit).await?, table)?;
        }
        Verb::Show { id } => output::show(output, api.get(&path(id), &()).await?, one)?,
    }
    Ok(ExitStatus::Ok)
}

fn path(id: ChatId) -> String {
    format!("{PATH}/{}", segment(&id.to_string()))
}

async fn tasks_of(api: &Api, workspace: &str) -> Result<String, Failure> {
    let workspace = find(api, workspace).await?;
    Ok(format!("/workspaces/{}/tasks", segment(&workspace.id.to_string())))
}

async fn begin(api: Api, ask: Run, output: Output) -> Result<ExitStatus, Failure> {
    let workspace = find(&api, &ask.workspace).await?;
    let place = format!("/workspaces/{}", segment(&workspace.id.to_string()));
    let list: TaskList = understood(api.get(&format!("{place}/tasks"), &()).await?)?;
    // Of a task that is not there the server says best which there are.
    let known = list.items.into_iter().find(|task| task.name == ask.task);
    let definitions = known.map(|task| task.parameters).unwrap_or_default();
    let body = TaskRunCreate {
        task: ask.task,
        parameters: values::map(ask.parameters, &definitions)?,
        model: ask.model,
        plan: ask.plan.then_some(true),
        directory: ask.directory,
        limits: None,
    };
    let answer = api.post(&format!("{place}/task-runs"), &body).await?;
    if !ask.wait && !ask.follow {
        output::show(output, answer, one)?;
        return Ok(ExitStatus::Ok);
    }
    let begun: TaskRun = understood(answer)?;
    note(&format!("run {} with {}", begun.id, plain(&begun.model)));
    if ask.follow {
        return chat::follow(api, begun.id).await;
    }
    wait(&api, begun.id, output).await
}

/// Waits until a run is over, or paused: then it goes on only if somebody resumes it.
async fn wait(api: &Api, id: ChatId, output: Output) -> Result<ExitStatus, Failure> {
    let mut told = false;
    loop {
        let answer = api.get_if_there(&path(id), PATIENCE).await?;
        let answer = answer.ok_or_else(|| Failure::new(format!("the run {id} is not there any more")))?;
        let run: TaskRun = understood(answer.clone())?;
        if run.state.is_final() || run.state == ChatState::Paused {
            output::show(output, answer, one)?;
            return Ok(match run.state {
                ChatState::Completed => ExitStatus::Ok,
                _ => ExitStatus::Failed,
            });
        }
        let asks = run.state == ChatState::RequiresAction;
        if asks && !told {
            note("the agent has a question or a plan for you: answer it in the web app");
        }
        told = asks;
        tokio::time::sleep(AGAIN).await;
    }
}

fn state(run: &TaskRun) -> String {
    run.cause
        .map_or_else(|| run.state.to_string(), |cause| format!("{} ({cause})", run.state))
}

fn tasks(list: &TaskList) -> String {
    let mut table = Table::new(["TASK", "TITLE", "PARAMETERS", "PLAN", "DESCRIPTION"]);
    for task in &list.items {
        table.row([
            task.name.clone(),
            plain(&task.display_name),
            asked(task),
            if task.plan { "first" } else { "-" }.to_owned(),
            plain(&task.description),
        ]);
    }
    table.text("no tasks")
}

/// The parameters of a task: `name=default`, or `name` where a value is needed.
fn asked(task: &Task) -> String {
    let shown = task.parameters.iter().map(|parameter| match &parameter.default {
        Some(default) => format!("{}={}", parameter.name, value(default)),
        None => parameter.name.clone(),
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        "-".to_owned()
    } else {
        shown.join(" ")
    }
}

fn value(value: &ParameterValue) -> String {
    plain(&value.to_string())
}

fn table(page: &Page<TaskRun>) -> String {
    let mut table = Table::new([
        "TASK",
        "WORKSPACE",
        "OWNER",
        "STATE",
        ">STEPS",
        ">COST",
        "CREATED (UTC)",
        "ID",
    ]);
    for run in &page.items {
        table.row([
            run.task.clone(),
            run.workspace.name.clone(),
            run.owner.name.clone(),
            state(run),
            run.steps.to_string(),
            spent(&run.cost),
            time(run.created_at),
            run.id.to_string(),
        ]);
    }
    table.text("no runs")
}

fn one(run: &TaskRun) -> String {
    let given = run.parameters.iter();
    let given: Vec<String> = given.map(|(name, given)| format!("{name}={}", value(given))).collect();
    let details = Details::default()
        .with("id", run.id.to_string())
        .with("task", run.task.clone())
        .with("title", plain(&run.display_name))
        .maybe("parameters", (!given.is_empty()).then(|| given.join(" ")))
        .with("workspace", run.workspace.name.clone())
        .with("owner", run.owner.name.clone())
        .with("model", plain(&run.model))
        .with("state", state(run))
        .with("steps", run.steps.to_string())
        .with("cost", spent(&run.cost))
        .with("worked", format!("{} s", run.worked_seconds))
        .with("created", time(run.created_at))
        .maybe("finished", run.finished_at.map(time));
    match &run.answer {
        Some(answer) => format!("{}\n{}", details.text(), chat::clean(answer)),
        None => details.text(),
    }
}
