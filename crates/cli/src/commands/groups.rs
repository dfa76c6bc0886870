//! `bailey groups`

use bailey_api::groups::{Group, GroupCreate, GroupDetail, GroupUpdate};
use bailey_api::quota::Quota;
use bailey_api::{Page, Patch};
use bailey_runtime::config::{format_size, parse_size};
use clap::{Args, Subcommand};

use super::{Env, Shown, cleared};
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output::{self, understood};
use crate::table::{Details, Table, time};

const PATH: &str = "/groups";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List groups
    List,
    /// Show a group and who is in it
    Show {
        /// Its name or id
        group: String,
    },
    /// Make a group
    Create {
        /// Its unique name
        #[arg(long)]
        name: String,
        /// The name to show
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
    },
    /// Change a group
    Update {
        /// Its name or id
        group: String,
        /// A new unique name
        #[arg(long)]
        name: Option<String>,
        /// The name to show
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
    },
    /// Say which models a group's members may use, and how much each of them may have
    Limit(Limit),
    /// Delete a group
    Delete {
        /// Its name or id
        group: String,
    },
    /// Put a person into a group
    AddMember(Membership),
    /// Take a person out of a group
    RemoveMember(Membership),
}

/// What is not named stays; `none` = the group does not say it.
#[derive(Debug, Args)]
struct Limit {
    /// The group's name or id
    group: String,
    /// Models, with commas between them, or `none`
    #[arg(long, value_name = "NAMES", value_parser = models)]
    models: Option<Patch<Vec<String>>>,
    /// Workspaces, stopped ones included, or `none`
    #[arg(long, value_name = "NUMBER", value_parser = cleared::<u64>)]
    workspaces: Option<Patch<u64>>,
    /// Workspaces that run, or `none`
    #[arg(long, value_name = "NUMBER", value_parser = cleared::<u64>)]
    running: Option<Patch<u64>>,
    /// Thousandths of CPUs of those that run, or `none`
    #[arg(long, value_name = "NUMBER", value_parser = cleared::<u64>)]
    cpu_milli: Option<Patch<u64>>,
    /// Memory of those that run, such as `16GiB`, or `none`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<Patch<u64>>,
    /// Homes together, such as `100GiB`, or `none`
    #[arg(long, value_name = "SIZE", value_parser = size)]
    disk: Option<Patch<u64>>,
}

fn models(text: &str) -> Result<Patch<Vec<String>>, String> {
    let names = |text: String| text.split(',').map(|name| name.trim().to_owned()).collect();
    Ok(cleared::<String>(text)?.map(names))
}

fn size(text: &str) -> Result<Patch<u64>, String> {
    match cleared::<String>(text)? {
        Patch::Set(text) => parse_size(&text).map(Patch::Set),
        Patch::Clear => Ok(Patch::Clear),
        Patch::Keep => Ok(Patch::Keep),
    }
}

/// Sets what is named, and keeps what the group says already.
async fn limit(api: &Api, limit: Limit) -> Result<serde_json::Value, Failure> {
    let path = format!("{PATH}/{}", segment(&limit.group));
    let group: GroupDetail = understood(api.get(&path, &()).await?)?;
    let had = group.group.quota;
    let quota = Quota {
        workspaces: limit.workspaces.unwrap_or_default().or(had.workspaces),
        running: limit.running.unwrap_or_default().or(had.running),
        cpu_milli: limit.cpu_milli.unwrap_or_default().or(had.cpu_milli),
        memory: limit.memory.unwrap_or_default().or(had.memory),
        disk: limit.disk.unwrap_or_default().or(had.disk),
    };
    let body = GroupUpdate {
        models: limit.models.unwrap_or_default(),
        quota: Patch::Set(quota),
        ..GroupUpdate::default()
    };
    api.patch(&path, &body).await
}

#[derive(Debug, Args)]
struct Membership {
    /// The group's name or id
    group: String,
    /// The person's name or id
    user: String,
}

impl Membership {
    fn path(&self) -> String {
        format!("{PATH}/{}/members/{}", segment(&self.group), segment(&self.user))
    }
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let answer = match arguments.verb {
        Verb::List => {
            let answer = api.list(PATH, &(), None).await?;
            return output::show(arguments.shown.output, answer, table);
        }
        Verb::Show { group } => {
            let answer = api.get(&format!("{PATH}/{}", segment(&group)), &()).await?;
            return output::show(arguments.shown.output, answer, detail);
        }
        Verb::Delete { group } => return delete(&api, &group).await,
        Verb::AddMember(membership) => {
            api.put(&membership.path()).await?;
            output::note(&format!("{} is in {}", membership.user, membership.group));
            return Ok(());
        }
        Verb::RemoveMember(membership) => {
            api.delete(&membership.path()).await?;
            output::note(&format!("{} is not in {}", membership.user, membership.group));
            return Ok(());
        }
        Verb::Create { name, display_name } => api.post(PATH, &GroupCreate { name, display_name }).await?,
        Verb::Update {
            group,
            name,
            display_name,
        } => {
            let path = format!("{PATH}/{}", segment(&group));
            let body = GroupUpdate {
                name,
                display_name,
                ..GroupUpdate::default()
            };
            api.patch(&path, &body).await?
        }
        Verb::Limit(asked) => limit(&api, asked).await?,
    };
    output::show(arguments.shown.output, answer, |group: &Group| details(group).text())
}

async fn delete(api: &Api, group: &str) -> Result<(), Failure> {
    api.delete(&format!("{PATH}/{}", segment(group))).await?;
    output::note(&format!("{group} is deleted"));
    Ok(())
}

fn table(page: &Page<Group>) -> String {
    let mut table = Table::new(["NAME", "DISPLAY NAME", "ID", "CREATED"]);
    for group in &page.items {
        table.row([
            group.name.clone(),
            group.display_name.clone(),
            group.id.to_string(),
            time(group.created_at),
        ]);
    }
    table.text("no groups")
}

fn detail(group: &GroupDetail) -> String {
    let members: Vec<&str> = group.members.iter().map(|member| member.name.as_str()).collect();
    details(&group.group).with("members", members.join(", ")).text()
}

fn details(group: &Group) -> Details {
    let models = group
        .models
        .as_ref()
        .map_or_else(|| "not said".to_owned(), |models| models.join(", "));
    let quota = &group.quota;
    let number = |limit: Option<u64>| limit.map(|limit| limit.to_string());
    let limits = [
        ("workspaces", number(quota.workspaces)),
        ("running", number(quota.running)),
        ("thousandths of CPUs", number(quota.cpu_milli)),
        ("memory", quota.memory.map(format_size)),
        ("disk", quota.disk.map(format_size)),
    ];
    let said: Vec<_> = limits
        .into_iter()
        .filter_map(|(what, limit)| Some(format!("{what} {}", limit?)))
        .collect();
    let quota = if said.is_empty() {
        "not said".to_owned()
    } else {
        said.join(", ")
    };
    Details::default()
        .with("id", group.id.to_string())
        .with("name", group.name.clone())
        .with("display name", group.display_name.clone())
        .with("models", models)
        .with("quota of each", quota)
        .with("created", time(group.created_at))
}
