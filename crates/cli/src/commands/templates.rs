//! `bailey templates`

mod access;
mod build;
mod local;
mod pull;
mod push;
mod views;

use std::path::PathBuf;

use bailey_api::templates::{TemplateListQuery, TemplatePromote};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output;

pub(crate) const PATH: &str = "/templates";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a template to begin with into a new directory
    Init(local::Init),
    /// Say everything that is wrong with a template; needs no server
    Validate(local::Validate),
    /// Check a template and make it the next version
    Push(push::Push),
    /// List templates
    List,
    /// Show a template and what can be chosen
    Show {
        /// Its name or id
        template: String,
        /// The number of a version [default: the one in force]
        #[arg(long)]
        version: Option<u32>,
    },
    /// List the versions of a template
    Versions {
        /// Its name or id
        template: String,
    },
    /// Put a version in force
    Promote {
        /// The template's name or id
        template: String,
        /// The version's number
        version: u64,
    },
    /// Put the version in force again that was so before
    Rollback {
        /// The template's name or id
        template: String,
    },
    /// Show or set who may use a template; for others it does not exist
    Access(access::Access),
    /// Build what a version installs, so that the first workspace does not wait for it
    Build(build::Build),
    /// Write a version's files into a directory
    Pull(pull::Pull),
    /// Delete a template that no workspace uses
    Delete {
        /// Its name or id
        template: String,
    },
}

/// The argument that names a template's directory.
#[derive(Debug, Args)]
struct Directory {
    /// The directory that has the `template.toml`
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let shown = arguments.shown;
    let api = || shown.api(env);
    match arguments.verb {
        Verb::Init(init) => local::init(&init, shown.output),
        Verb::Validate(validate) => local::validate(&validate, shown.output),
        Verb::Push(push) => push::run(push, &api()?, shown.output).await,
        Verb::List => {
            let answer = api()?.list(PATH, &TemplateListQuery::default(), None).await;
            // Pages are the client's business, and the query has nothing else in it.
            output::show(shown.output, answer?, views::table)
        }
        Verb::Show { template, version } => show(&api()?, &template, version, shown.output).await,
        Verb::Versions { template } => {
            let answer = api()?.list(&format!("{}/versions", path(&template)), &(), None).await?;
            output::show(shown.output, answer, views::versions)
        }
        Verb::Promote { template, version } => {
            let body = TemplatePromote { version };
            let answer = api()?.post(&format!("{}/promote", path(&template)), &body).await?;
            output::show(shown.output, answer, views::in_force)
        }
        Verb::Rollback { template } => {
            let answer = api()?.post_nothing(&format!("{}/rollback", path(&template))).await?;
            output::show(shown.output, answer, views::in_force)
        }
        Verb::Access(access) => access::run(access, &api()?, shown.output).await,
        Verb::Build(build) => build::run(build, &api()?, shown.output).await,
        Verb::Pull(pull) => pull::run(&pull, &api()?, shown.output).await,
        Verb::Delete { template } => {
            api()?.delete(&path(&template)).await?;
            output::note(&format!("{template} is deleted"));
            Ok(())
        }
    }
}

async fn show(api: &Api, template: &str, version: Option<u32>, output: output::Output) -> Result<(), Failure> {
    let path = path(template);
    match version {
        None => output::show(output, api.get(&path, &()).await?, views::template),
        Some(number) => {
            let answer = api.get(&format!("{path}/versions/{number}"), &()).await?;
            output::show(output, answer, views::version)
        }
    }
}

/// The path of a template.
pub(crate) fn path(template: &str) -> String {
    format!("{PATH}/{}", segment(template))
}
