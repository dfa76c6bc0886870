//! `bailey roles`

use bailey_api::Page;
use bailey_api::roles::{Permission, Role, RoleCreate, RoleUpdate};
use bailey_core::authz::{Action, Reach};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::client::segment;
use crate::failure::Failure;
use crate::output;
use crate::table::{Details, Table, counted, time};

const PATH: &str = "/roles";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List roles
    List,
    /// Show a role and what it includes
    Show {
        /// Its name
        role: String,
    },
    /// Make a role
    Create {
        /// Its unique name, which never changes
        #[arg(long)]
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// What it includes, such as `keys.read=group`; may be given several times
        #[arg(long = "allow", value_name = "ACTION=REACH", value_parser = permission, required = true)]
        permissions: Vec<Permission>,
    },
    /// Change a role, for everyone who holds it
    Update {
        /// Its name
        role: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// All that it includes from now on; may be given several times
        #[arg(long = "allow", value_name = "ACTION=REACH", value_parser = permission)]
        permissions: Vec<Permission>,
    },
    /// Delete a role that nobody holds
    Delete {
        /// Its name
        role: String,
    },
}

/// Reads `ACTION=REACH`; the reach is `own` if it is absent.
fn permission(text: &str) -> Result<Permission, String> {
    let (action, reach) = text.split_once('=').unwrap_or((text, Reach::Own.as_str()));
    let action: Action = action
        .parse()
        .map_err(|error: bailey_core::authz::UnknownName| error.to_string())?;
    let reach: Reach = reach
        .parse()
        .map_err(|error: bailey_core::authz::UnknownName| error.to_string())?;
    Ok(Permission::new(action, reach))
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let shown = arguments.shown.output;
    let answer = match arguments.verb {
        Verb::List => return output::show(shown, api.list(PATH, &(), None).await?, table),
        Verb::Show { role } => api.get(&path(&role), &()).await?,
        Verb::Create {
            name,
            description,
            permissions,
        } => {
            let body = RoleCreate {
                name,
                description,
                permissions,
            };
            api.post(PATH, &body).await?
        }
        Verb::Update {
            role,
            description,
            permissions,
        } => {
            let body = RoleUpdate {
                description,
                permissions: (!permissions.is_empty()).then_some(permissions),
            };
            api.patch(&path(&role), &body).await?
        }
        Verb::Delete { role } => {
            api.delete(&path(&role)).await?;
            output::note(&format!("{role} is deleted"));
            return Ok(());
        }
    };
    output::show(shown, answer, details)
}

fn path(role: &str) -> String {
    format!("{PATH}/{}", segment(role))
}

fn table(page: &Page<Role>) -> String {
    let mut table = Table::new(["NAME", "KIND", "INCLUDES", "DESCRIPTION"]);
    for role in &page.items {
        table.row([
            role.name.clone(),
            if role.built_in { "built-in" } else { "custom" }.to_owned(),
            counted(role.permissions.len(), "action"),
            role.description.clone(),
        ]);
    }
    table.text("no roles")
}

fn details(role: &Role) -> String {
    let about = Details::default()
        .with("name", role.name.clone())
        .with("kind", if role.built_in { "built-in" } else { "custom" })
        .with("description", role.description.clone())
        .with("created", role.created_at.map_or_else(|| "-".to_owned(), time));
    let mut table = Table::new(["ACTION", "REACH"]);
    for permission in &role.permissions {
        table.row([permission.action.clone(), permission.reach.as_str().to_owned()]);
    }
    format!("{}\n{}", about.text(), table.text("nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_an_action_and_its_reach() {
        assert_eq!(
            permission("keys.read=all").unwrap(),
            Permission::new(Action::KeyRead, Reach::All)
        );
        assert_eq!(permission("keys.read").unwrap().reach, Reach::Own);
        assert!(permission("keys.reed=all").unwrap_err().contains("keys.read"));
        assert!(permission("keys.read=some").unwrap_err().contains("group"));
    }
}
