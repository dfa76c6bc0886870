//! `bailey users`

mod offboarding;

use bailey_api::invitations::{InvitationCreate, InvitationWithLink};
use bailey_api::users::{User, UserCreate, UserDetail, UserListQuery, UserUpdate};
use bailey_api::{Lifetime, Patch};
use bailey_core::authz::Role;
use bailey_core::people::PersonStatus;
use clap::{Args, Subcommand, ValueEnum};

use super::{Env, Shown, cleared};
use crate::client::segment;
use crate::failure::Failure;
use crate::output::{self, Output, understood};
use crate::table::{Details, Table, or_nothing, time};

const PATH: &str = "/users";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List people
    List(List),
    /// Show a person and their groups
    Show {
        /// Their name or id
        user: String,
    },
    /// Add a person
    Create(Create),
    /// Print a link with which somebody becomes a person; it is good once
    Invite(Invite),
    /// Change a person
    Update(Update),
    /// Suspend a person: all that they have open ends within 5 seconds, and their workspaces stop
    Suspend(offboarding::Suspend),
    /// Show what a person's last suspension ended
    Suspension {
        /// Their name or id
        user: String,
    },
    /// Let a suspended person back in; what was ended stays ended
    Reactivate {
        /// Their name or id
        user: String,
    },
    /// Delete a person for good; they are suspended first
    Delete(offboarding::Delete),
}

#[derive(Debug, Args)]
struct List {
    /// Only the members of this group
    #[arg(long)]
    group: Option<String>,
    /// Only those of this status
    #[arg(long, value_enum)]
    status: Option<Status>,
}

#[derive(Debug, Args)]
struct Create {
    /// Their unique login name
    #[arg(long)]
    name: String,
    /// The name to show
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Their address
    #[arg(long)]
    email: Option<String>,
    /// What they may do: owner, template-admin, member or auditor [default: member]
    #[arg(long)]
    role: Option<Role>,
}

#[derive(Debug, Args)]
struct Invite {
    /// The login name that they get
    name: String,
    /// The name to show
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// What they may do: owner, template-admin, member or auditor [default: member]
    #[arg(long)]
    role: Option<Role>,
    /// A group that they join; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// How long the link works, at most 30d [default: 7d]
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<Lifetime>,
}

#[derive(Debug, Args)]
struct Update {
    /// Their name or id
    user: String,
    /// The name to show
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Their address, or `none`
    #[arg(long, value_parser = cleared::<String>)]
    email: Option<Patch<String>>,
    /// What they may do
    #[arg(long)]
    role: Option<Role>,
    /// Whether they may use Bailey
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// The group that their spend is charged to, or `none`
    #[arg(long, value_name = "GROUP", value_parser = cleared::<String>)]
    charged_group: Option<Patch<String>>,
}

/// Whether a person may use Bailey.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Active,
    Suspended,
    Deleted,
}

impl From<Status> for PersonStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Suspended => Self::Suspended,
            Status::Deleted => Self::Deleted,
        }
    }
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let output = arguments.shown.output;
    match arguments.verb {
        Verb::List(list) => {
            let query = UserListQuery {
                status: list.status.map(Into::into),
                group: list.group,
                ..UserListQuery::default()
            };
            output::show(output, api.list(PATH, &query, None).await?, table)
        }
        Verb::Show { user } => {
            let answer = api.get(&format!("{PATH}/{}", segment(&user)), &()).await?;
            output::show(output, answer, |detail: &UserDetail| {
                let groups: Vec<&str> = detail.groups.iter().map(|group| group.name.as_str()).collect();
                details(&detail.user).with("groups", groups.join(", ")).text()
            })
        }
        Verb::Create(create) => {
            let body = UserCreate {
                name: create.name,
                display_name: create.display_name,
                email: create.email,
                role: create.role,
            };
            output::show(output, api.post(PATH, &body).await?, |user: &User| details(user).text())
        }
        Verb::Invite(invite) => {
            let body = InvitationCreate {
                name: invite.name,
                display_name: invite.display_name,
                role: invite.role,
                groups: invite.groups,
                expires_in: invite.expires_in,
            };
            let answer = api.post("/invitations", &body).await?;
            if output == Output::Json {
                return output::json(&answer);
            }
            let made: InvitationWithLink = understood(answer)?;
            let until = time(made.record.expires_at);
            output::note(&format!("good once, until {until} UTC; it is not shown again"));
            output::data(&made.link)
        }
        Verb::Suspend(ask) => offboarding::suspend(&api, output, ask).await,
        Verb::Suspension { user } => offboarding::suspension(&api, output, &user).await,
        Verb::Reactivate { user } => offboarding::reactivate(&api, output, &user).await,
        Verb::Delete(ask) => offboarding::delete(&api, output, ask).await,
        Verb::Update(update) => {
            let body = UserUpdate {
                display_name: update.display_name,
                email: update.email.unwrap_or_default(),
                role: update.role,
                status: update.status.map(Into::into),
                charged_group: update.charged_group.unwrap_or_default(),
            };
            let path = format!("{PATH}/{}", segment(&update.user));
            output::show(output, api.patch(&path, &body).await?, |user: &User| {
                details(user).text()
            })
        }
    }
}

fn table(page: &bailey_api::Page<User>) -> String {
    let mut table = Table::new(["NAME", "DISPLAY NAME", "ROLE", "STATUS", "ID", "CREATED"]);
    for user in &page.items {
        table.row([
            user.name.clone(),
            user.display_name.clone(),
            user.role.to_string(),
            user.status.as_str().to_owned(),
            user.id.to_string(),
            time(user.created_at),
        ]);
    }
    table.text("no people")
}

fn details(user: &User) -> Details {
    Details::default()
        .with("id", user.id.to_string())
        .with("name", user.name.clone())
        .with("display name", user.display_name.clone())
        .with("email", or_nothing(user.email.as_ref()))
        .with("role", user.role.to_string())
        .with("status", user.status.as_str())
        .with("charged group", or_nothing(user.charged_group.as_ref()))
        .with("created", time(user.created_at))
}
