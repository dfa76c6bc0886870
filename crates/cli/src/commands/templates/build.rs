//! `bailey templates build`

use std::time::Duration;

use bailey_api::Page;
use bailey_api::layers::{LayerBuild, LayerState};
use bailey_api::templates::TemplateDetail;
use bailey_api::workspaces::{BuildLogQuery, LogLine};
use clap::Args;

use crate::client::Api;
use crate::failure::Failure;
use crate::output::{self, Output, understood};

/// The wait before the second look; it grows, since a build takes seconds or minutes.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(500);
/// The most lines of one look.
const LINES: u32 = 1000;

/// The arguments.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The template's name or id
    template: String,
    /// The number of a version [default: the one in force]
    #[arg(long)]
    version: Option<u64>,
    /// Do not wait until it is built
    #[arg(long)]
    no_wait: bool,
}

/// Builds what a version installs, and shows the log until that is over.
pub(super) async fn run(build: Build, api: &Api, output: Output) -> Result<(), Failure> {
    let number = match build.version {
        Some(number) => number,
        None => in_force(api, &build.template).await?,
    };
    let path = format!("{}/versions/{number}/build", super::path(&build.template));
    let begun: LayerBuild = understood(api.post_nothing(&path).await?)?;
    let ended = if build.no_wait {
        begun
    } else {
        follow(api, &path, begun).await?
    };
    let name = &build.template;
    if ended.layer == LayerState::Failed {
        let cause = ended.error.unwrap_or_default();
        return Err(Failure::new(format!(
            "version {number} of {name} could not be built: {cause}"
        )));
    }
    output::show(output, serde_json::to_value(&ended)?, |build: &LayerBuild| {
        format!("{}\n", said(name, number, build.layer))
    })
}

fn said(name: &str, number: u64, layer: LayerState) -> String {
    match layer {
        LayerState::None => format!("version {number} of {name} installs nothing"),
        LayerState::Ready => format!("what version {number} of {name} installs is there"),
        LayerState::Building => format!("what version {number} of {name} installs is being built"),
        LayerState::Missing | LayerState::Failed => format!("what version {number} of {name} installs is not there"),
    }
}

async fn in_force(api: &Api, template: &str) -> Result<u64, Failure> {
    let detail: TemplateDetail = understood(api.get(&super::path(template), &()).await?)?;
    detail
        .template
        .active
        .ok_or_else(|| Failure::new(format!("no version of {template} is in force")).hint("name one with --version"))
}

async fn follow(api: &Api, path: &str, begun: LayerBuild) -> Result<LayerBuild, Failure> {
    let (mut build, mut after, mut wait) = (begun, 0, FIRST);
    loop {
        let over = build.layer != LayerState::Building;
        after = read(api, path, after).await?;
        if over {
            return Ok(build);
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST);
        // Asked before the lines are read: what the build has said when it is over is then read above.
        build = understood(api.get(path, &()).await?)?;
    }
}

/// Shows the lines after the one of this number; answers with the number of the last.
async fn read(api: &Api, path: &str, mut after: u64) -> Result<u64, Failure> {
    loop {
        let query = BuildLogQuery {
            after: Some(after),
            limit: Some(LINES),
        };
        let page: Page<LogLine> = understood(api.get(&format!("{path}/log"), &query).await?)?;
        let Some(last) = page.items.last() else {
            return Ok(after);
        };
        after = last.number;
        for line in &page.items {
            output::note(&line.text);
        }
    }
}
