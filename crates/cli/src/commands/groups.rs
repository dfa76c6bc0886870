//! `bailey groups`

use bailey_api::Page;
use bailey_api::groups::{Group, GroupCreate, GroupDetail, GroupUpdate};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output;
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
            api.patch(&path, &GroupUpdate { name, display_name }).await?
        }
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
    Details::default()
        .with("id", group.id.to_string())
        .with("name", group.name.clone())
        .with("display name", group.display_name.clone())
        .with("created", time(group.created_at))
}
