//! `bailey templates access`

use bailey_api::templates::TemplateAccess;
use clap::Args;

use super::path;
use crate::client::Api;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::table::Details;

#[derive(Debug, Args)]
pub(super) struct Access {
    /// The template's name or id
    template: String,
    /// Let everyone use it
    #[arg(long, conflicts_with_all = ["groups", "people", "nobody"])]
    everyone: bool,
    /// Let this group use it, and nobody who is not named; may be given several times
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Let this person use it, and nobody who is not named; may be given several times
    #[arg(long = "person", value_name = "PERSON")]
    people: Vec<String>,
    /// Let nobody use it but those who see all templates
    #[arg(long, conflicts_with_all = ["groups", "people"])]
    nobody: bool,
}

/// Shows who may use a template, or sets it.
pub(super) async fn run(access: Access, api: &Api, shown: Output) -> Result<(), Failure> {
    let at = format!("{}/access", path(&access.template));
    let named = !access.groups.is_empty() || !access.people.is_empty();
    let answer = if access.everyone || access.nobody || named {
        let body = TemplateAccess {
            everyone: access.everyone,
            groups: access.groups,
            people: access.people,
        };
        api.put_json(&at, &body).await?
    } else {
        api.get(&at, &()).await?
    };
    output::show(shown, answer, details)
}

fn details(access: &TemplateAccess) -> String {
    let all = |names: &[String]| {
        if names.is_empty() {
            "-".to_owned()
        } else {
            names.join(", ")
        }
    };
    Details::default()
        .with("everyone", if access.everyone { "yes" } else { "no" })
        .with("groups", all(&access.groups))
        .with("people", all(&access.people))
        .text()
}
