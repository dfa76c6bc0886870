//! `bailey open`

use bailey_api::apps::AppLink;
use clap::Args;

use super::workspaces::{PATH, find};
use super::{Env, Shown};
use crate::client::segment;
use crate::failure::Failure;
use crate::output::{self, Output, understood};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The workspace: its name, OWNER/NAME, or its id
    workspace: String,
    /// The app
    #[arg(default_value = "terminal")]
    app: String,
    #[command(flatten)]
    shown: Shown,
}

/// Prints an address that opens the app once.
pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let workspace = find(&api, &arguments.workspace).await?;
    let id = workspace.id.to_string();
    let path = format!("{PATH}/{}/apps/{}/open", segment(&id), segment(&arguments.app));
    let link: AppLink = understood(api.post(&path, &serde_json::json!({})).await?)?;
    if arguments.shown.output == Output::Json {
        return output::json(&link);
    }
    output::note("open this in a browser within a minute; it is good once, for whoever has it");
    output::data(&link.url)
}
