//! `bailey org`

use bailey_api::organization::{Organization, OrganizationUpdate};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::failure::Failure;
use crate::output;
use crate::table::{Details, time};

const PATH: &str = "/organization";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the organization
    Show,
    /// Change the organization
    Update {
        /// The name to show
        #[arg(long, value_name = "NAME")]
        display_name: String,
    },
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let answer = match arguments.verb {
        Verb::Show => api.get(PATH, &()).await?,
        Verb::Update { display_name } => {
            let display_name = Some(display_name);
            api.patch(PATH, &OrganizationUpdate { display_name }).await?
        }
    };
    output::show(arguments.shown.output, answer, |org: &Organization| {
        Details::default()
            .with("id", org.id.to_string())
            .with("name", org.display_name.clone())
            .with("created", time(org.created_at))
            .text()
    })
}
