//! `bailey connections`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bailey_api::connections::{
    Connection, ConnectionCheck, ConnectionCreate, ConnectionUpdate, DeliveryList, TicketRun,
};
use bailey_api::{Page, Patch};
use clap::{Args, Subcommand};

use super::workspaces::values::{Pair, pair, values};
use super::{Env, Shown, cleared};
use crate::client::{Api, segment};
use crate::failure::{Explain, Failure};
use crate::output::{self, understood};
use crate::table::{Details, Table, time};

const PATH: &str = "/connections";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List connections
    List,
    /// Show a connection
    Show(Named),
    /// Connect a forge
    Create(Create),
    /// Change a connection
    Update(Update),
    /// Delete a connection; workspaces stay
    Delete(Named),
    /// Ask the forge whether anything is missing
    Check(Named),
    /// Register the webhook in each project
    Register(Named),
    /// List the runs that tickets have started
    Runs(Named),
    /// List what the forge told last, and what each came to
    Deliveries(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// Its name or id
    connection: String,
}

impl Named {
    fn path(&self) -> String {
        format!("{PATH}/{}", segment(&self.connection))
    }
}

#[derive(Debug, Args)]
struct Create {
    /// Its unique name
    #[arg(long)]
    name: String,
    /// The forge's make
    #[arg(long, default_value = "gitlab")]
    kind: String,
    /// Where the forge is, such as `https://gitlab.example.com`
    #[arg(long, value_name = "ADDRESS")]
    base_url: String,
    /// A project's path, such as `group/name`; may be repeated
    #[arg(long = "project", value_name = "PATH", required = true)]
    projects: Vec<String>,
    /// A file with the token of Bailey's user at the forge
    #[arg(long, value_name = "FILE")]
    forge_token_file: PathBuf,
    /// What labels begin with
    #[arg(long, value_name = "TEXT")]
    label_prefix: Option<String>,
    /// The template of workspaces
    #[arg(long)]
    template: Option<String>,
    /// A parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<Pair>,
    /// Models that labels may name, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// The model where a label names none
    #[arg(long, value_name = "NAME")]
    default_model: Option<String>,
    /// The forge's name of an identity provider, and its name at Bailey; may be repeated
    #[arg(long = "identity-provider", value_name = "THERE=HERE", value_parser = names)]
    identity_providers: Vec<(String, String)>,
}

/// What is not named stays.
#[derive(Debug, Args)]
struct Update {
    /// Its name or id
    connection: String,
    /// A new unique name
    #[arg(long)]
    name: Option<String>,
    /// The projects' paths, all of them; may be repeated
    #[arg(long = "project", value_name = "PATH")]
    projects: Option<Vec<String>>,
    /// A file with another token
    #[arg(long, value_name = "FILE")]
    forge_token_file: Option<PathBuf>,
    /// What labels begin with
    #[arg(long, value_name = "TEXT")]
    label_prefix: Option<String>,
    /// The template of workspaces, or `none`
    #[arg(long, value_parser = cleared::<String>)]
    template: Option<Patch<String>>,
    /// A parameter of the template, all of them; may be repeated. Takes `--template`
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair, requires = "template")]
    parameters: Vec<Pair>,
    /// Models that labels may name, with commas between them, or `none` for all
    #[arg(long, value_name = "NAMES", value_parser = models)]
    models: Option<Patch<Vec<String>>>,
    /// The model where a label names none, or `none`
    #[arg(long, value_name = "NAME", value_parser = cleared::<String>)]
    default_model: Option<Patch<String>>,
    /// The forge's name of an identity provider, and its name at Bailey, all of them; may be repeated
    #[arg(long = "identity-provider", value_name = "THERE=HERE", value_parser = names)]
    identity_providers: Option<Vec<(String, String)>>,
    /// Whether anything is done for it
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
}

fn names(text: &str) -> Result<(String, String), String> {
    let found = text.split_once('=');
    let found = found.ok_or_else(|| format!("`{text}` has no `=`; write THERE=HERE"))?;
    Ok((found.0.to_owned(), found.1.to_owned()))
}

fn models(text: &str) -> Result<Patch<Vec<String>>, String> {
    let names = |text: String| text.split(',').map(|name| name.trim().to_owned()).collect();
    Ok(cleared::<String>(text)?.map(names))
}

fn token(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).doing(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let form = arguments.shown.output;
    match arguments.verb {
        Verb::List => output::show(form, api.list(PATH, &(), None).await?, table),
        Verb::Show(named) => output::show(form, api.get(&named.path(), &()).await?, details),
        Verb::Create(asked) => output::show(form, create(&api, asked).await?, details),
        Verb::Update(asked) => output::show(form, update(&api, asked).await?, details),
        Verb::Delete(named) => {
            api.delete(&named.path()).await?;
            output::note(&format!("{} is deleted", named.connection));
            Ok(())
        }
        Verb::Check(named) => checked(form, api.post_nothing(&format!("{}/check", named.path())).await?),
        Verb::Register(named) => checked(form, api.post_nothing(&format!("{}/webhook", named.path())).await?),
        Verb::Runs(named) => output::show(
            form,
            api.list(&format!("{}/runs", named.path()), &(), None).await?,
            runs,
        ),
        Verb::Deliveries(named) => {
            let answer = api.get(&format!("{}/deliveries", named.path()), &()).await?;
            output::show(form, answer, deliveries)
        }
    }
}

async fn create(api: &Api, asked: Create) -> Result<serde_json::Value, Failure> {
    let parameters = match &asked.template {
        Some(template) => values(api, template, None, asked.parameters).await?,
        None => BTreeMap::new(),
    };
    let body = ConnectionCreate {
        name: asked.name,
        kind: asked.kind,
        base_url: asked.base_url,
        projects: asked.projects,
        token: token(&asked.forge_token_file)?,
        label_prefix: asked.label_prefix,
        template: asked.template,
        parameters,
        models: asked.models,
        default_model: asked.default_model,
        identity_providers: asked.identity_providers.into_iter().collect(),
        enabled: None,
    };
    api.post(PATH, &body).await
}

async fn update(api: &Api, asked: Update) -> Result<serde_json::Value, Failure> {
    let parameters = match &asked.template {
        Some(Patch::Set(template)) if !asked.parameters.is_empty() => {
            Some(values(api, template, None, asked.parameters).await?)
        }
        _ => None,
    };
    let body = ConnectionUpdate {
        name: asked.name,
        projects: asked.projects,
        token: asked.forge_token_file.as_deref().map(token).transpose()?,
        label_prefix: asked.label_prefix,
        template: asked.template.unwrap_or_default(),
        parameters,
        models: asked.models.unwrap_or_default(),
        default_model: asked.default_model.unwrap_or_default(),
        identity_providers: asked.identity_providers.map(|names| names.into_iter().collect()),
        enabled: asked.enabled,
    };
    api.patch(&format!("{PATH}/{}", segment(&asked.connection)), &body)
        .await
}

/// Shows a check; one that found something missing is a failure, for scripts.
fn checked(form: output::Output, answer: serde_json::Value) -> Result<(), Failure> {
    let check: ConnectionCheck = understood(answer.clone())?;
    output::show(form, answer, check_text)?;
    if check.ok {
        return Ok(());
    }
    Err(Failure::new("the connection lacks something").hint("mend what is named above, then check again"))
}

fn check_text(check: &ConnectionCheck) -> String {
    let mut lines = vec![format!("webhook  {}", check.hook_url)];
    lines.extend(check.account.iter().map(|account| format!("account  {account}")));
    lines.extend(check.token_expires.iter().map(|at| format!("token until  {at}")));
    for project in &check.projects {
        let word = match (project.missing.is_empty(), project.registered) {
            (true, _) => "ok",
            (false, true) => "webhook registered, something is missing",
            (false, false) => "something is missing",
        };
        lines.push(format!("{}: {word}", project.path));
        lines.extend(project.missing.iter().map(|missing| format!("  - {missing}")));
    }
    lines.extend(check.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

fn table(page: &Page<Connection>) -> String {
    let mut table = Table::new(["NAME", "FORGE", "PROJECTS", "TEMPLATE", "ENABLED", "CREATED"]);
    for connection in &page.items {
        table.row([
            connection.name.clone(),
            connection.base_url.clone(),
            connection.projects.join(", "),
            connection.template.clone().unwrap_or_default(),
            connection.enabled.to_string(),
            time(connection.created_at),
        ]);
    }
    table.text("no connections")
}

fn details(connection: &Connection) -> String {
    let all = |models: &Option<Vec<String>>| models.as_ref().map_or("all".to_owned(), |models| models.join(", "));
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let providers: Vec<String> = connection
        .identity_providers
        .iter()
        .map(|(there, here)| format!("{there}={here}"))
        .collect();
    Details::default()
        .with("id", connection.id.to_string())
        .with("name", connection.name.clone())
        .with("forge", format!("{} at {}", connection.kind, connection.base_url))
        .with("projects", connection.projects.join(", "))
        .with("labels begin with", connection.label_prefix.clone())
        .with("template", said(&connection.template))
        .with("models", all(&connection.models))
        .with("default model", said(&connection.default_model))
        .with("identity providers", providers.join(", "))
        .with("enabled", connection.enabled.to_string())
        .with("deliveries are signed", connection.signs.to_string())
        .with("webhook", connection.hook_url.clone())
        .with("created", time(connection.created_at))
        .text()
}

fn runs(page: &Page<TicketRun>) -> String {
    let mut table = Table::new(["TICKET", "LABEL", "PERSON", "WORKSPACE", "STATE", "CAUSE", "STARTED"]);
    for run in &page.items {
        table.row([
            format!("{}#{}", run.project, run.ticket),
            run.label.clone(),
            run.person.name.clone(),
            run.workspace_name.clone(),
            run.state.clone(),
            run.cause.clone().unwrap_or_default(),
            time(run.created_at),
        ]);
    }
    table.text("no runs")
}

fn deliveries(list: &DeliveryList) -> String {
    let mut table = Table::new(["RECEIVED", "WHAT", "STATE", "TRIES", "REASON", "ID"]);
    for delivery in &list.items {
        table.row([
            time(delivery.received_at),
            delivery.what.clone(),
            delivery.state.clone(),
            delivery.tries.to_string(),
            delivery.reason.clone().unwrap_or_default(),
            delivery.id.clone(),
        ]);
    }
    table.text("no deliveries")
}
