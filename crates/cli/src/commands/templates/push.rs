//! `bailey templates push`

use bailey_api::templates::{TemplatePushQuery, TemplatePushed};
use clap::Args;

use super::{Directory, PATH, local, views};
use crate::client::Api;
use crate::failure::Failure;
use crate::output::{self, Output};

#[derive(Debug, Args)]
pub(super) struct Push {
    #[command(flatten)]
    directory: Directory,
    /// The template's name [default: the directory's]
    #[arg(long)]
    name: Option<String>,
    /// What is said about the version
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Leave the version in force that is; `bailey templates promote` changes it
    #[arg(long)]
    no_promote: bool,
    /// Check everything and store nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(push: Push, api: &Api, output: Output) -> Result<(), Failure> {
    let directory = &push.directory.directory;
    let name = local::name(push.name, directory)?;
    // The server finds the same; here they come with a path that can be opened.
    let (_, sealed) = local::seal(directory).map_err(|faults| local::refused(directory, &faults))?;
    let query = TemplatePushQuery {
        name,
        message: push.message,
        promote: push.no_promote.then_some(false),
        dry_run: push.dry_run.then_some(true),
    };
    let answer = api.upload(PATH, &query, "application/gzip", sealed.archive).await?;
    output::show(output, answer, |pushed: &TemplatePushed| {
        views::pushed(&query.name, pushed, push.dry_run)
    })
}
