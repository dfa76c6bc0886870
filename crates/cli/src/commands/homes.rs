//! `bailey homes`

use bailey_api::Page;
use bailey_api::homes::{Home, HomeListQuery};
use bailey_core::WorkspaceId;
use bailey_runtime::config::format_size;
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::client::segment;
use crate::failure::Failure;
use crate::output;
use crate::table::{Table, or_nothing, time};

const PATH: &str = "/homes";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List homes that were kept when their workspaces were deleted
    List(List),
    /// Remove a kept home and everything in it, for good
    Delete {
        /// Its id, which `bailey homes list` shows
        id: WorkspaceId,
    },
}

#[derive(Debug, Args)]
struct List {
    /// Only those of this person
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    match arguments.verb {
        Verb::List(list) => {
            let query = HomeListQuery {
                owner: list.owner,
                ..HomeListQuery::default()
            };
            output::show(arguments.shown.output, api.list(PATH, &query, None).await?, table)
        }
        Verb::Delete { id } => api.delete(&format!("{PATH}/{}", segment(&id.to_string()))).await,
    }
}

fn table(page: &Page<Home>) -> String {
    let mut table = Table::new(["NAME", "OWNER", "TEMPLATE", "DISK", "DELETED (UTC)", "ID"]);
    for home in &page.items {
        table.row([
            home.name.clone(),
            home.owner.name.clone(),
            home.template.name.clone(),
            or_nothing(home.disk.map(format_size)),
            time(home.deleted_at),
            home.id.to_string(),
        ]);
    }
    table.text("no kept homes")
}
