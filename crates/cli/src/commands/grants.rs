//! `bailey grants`

use bailey_api::Page;
use bailey_api::roles::{Grant, GrantCreate, GrantListQuery, GrantSource};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::client::segment;
use crate::failure::Failure;
use crate::output;
use crate::table::{Details, Table, time};

const PATH: &str = "/grants";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List who was granted which roles
    List {
        /// Only those of this person, without those of their groups
        #[arg(long, value_name = "PERSON")]
        person: Option<String>,
        /// Only those of this group
        #[arg(long)]
        group: Option<String>,
        /// Only those of this role
        #[arg(long)]
        role: Option<String>,
    },
    /// Grant a role to a person or to everyone in a group
    Add {
        /// The role's name
        role: String,
        /// To this person
        #[arg(
            long,
            value_name = "PERSON",
            required_unless_present = "group",
            conflicts_with = "group"
        )]
        person: Option<String>,
        /// To everyone in this group
        #[arg(long)]
        group: Option<String>,
    },
    /// Take a granted role away
    Remove {
        /// The grant's id
        grant: String,
    },
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let shown = arguments.shown.output;
    match arguments.verb {
        Verb::List { person, group, role } => {
            let query = GrantListQuery {
                person,
                group,
                role,
                ..GrantListQuery::default()
            };
            output::show(shown, api.list(PATH, &query, None).await?, table)
        }
        Verb::Add { role, person, group } => {
            let answer = api.post(PATH, &GrantCreate { role, person, group }).await?;
            output::show(shown, answer, details)
        }
        Verb::Remove { grant } => {
            api.delete(&format!("{PATH}/{}", segment(&grant))).await?;
            output::note(&format!("{grant} is taken away"));
            Ok(())
        }
    }
}

fn holder(grant: &Grant) -> String {
    match (&grant.person, &grant.group) {
        (Some(person), _) => person.name.clone(),
        (None, Some(group)) => format!("group {}", group.name),
        (None, None) => "-".to_owned(),
    }
}

fn source(grant: &Grant) -> String {
    match (grant.source, &grant.provider) {
        (GrantSource::Provider, Some(name)) => format!("provider {name}"),
        (GrantSource::Provider, None) => "provider".to_owned(),
        (GrantSource::Manual, _) => grant
            .created_by
            .as_ref()
            .map_or_else(|| "-".to_owned(), |by| by.name.clone()),
    }
}

fn table(page: &Page<Grant>) -> String {
    let mut table = Table::new(["ROLE", "WHO", "BY", "ID", "CREATED"]);
    for grant in &page.items {
        table.row([
            grant.role.clone(),
            holder(grant),
            source(grant),
            grant.id.to_string(),
            time(grant.created_at),
        ]);
    }
    table.text("no grants")
}

fn details(grant: &Grant) -> String {
    Details::default()
        .with("id", grant.id.to_string())
        .with("role", grant.role.clone())
        .with("who", holder(grant))
        .with("by", source(grant))
        .with("created", time(grant.created_at))
        .text()
}
