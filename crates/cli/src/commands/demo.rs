//! `bailey demo`: from a ticket to a merge request, on this machine alone. The model is scripted; everything else is what people use:
//! the server is a process of its own, set up over its API, and the forge has real repositories and webhooks.

mod check;
mod forge;
mod place;
mod reset;
mod server;
mod session;
mod setup;
mod story;
mod watch;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Env, stopped};
use crate::failure::Failure;
use crate::output::Output;
use forge::Forge;
use place::{OWNER, PEOPLE, Place};
use server::Server;
use session::Session;
use story::Story;

/// The project that is shown.
const PROJECT: &str = "demo/greeter";
/// The label that starts an agent.
const LABEL: &str = "bailey-agent";
/// The name of the connection, of the template and of the forge that accounts are linked at.
const NAME: &str = "demo";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// End after the merge request, with a status that says whether all went well
    #[arg(long)]
    once: bool,
    /// Port of the web app [default: that of the last time, 7090, or a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Port of the forge [default: that of the last time, 7091, or a free one]
    #[arg(long, value_name = "PORT")]
    forge_port: Option<u16>,
    /// Where everything of the demonstration lies [default: ~/.local/share/bailey-demo]
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// How to show it; json is an object a line
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Put everything back to how it was before the first time; nothing else is touched
    Reset {
        /// Say what would be done, and do nothing
        #[arg(long)]
        plan: bool,
    },
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let directory = place::directory(arguments.data_dir.as_deref(), env)?;
    match arguments.verb {
        Some(Verb::Reset { plan }) => reset::run(&directory, plan, arguments.output, env).await,
        None => {
            let place = Place::open(&directory, arguments.port, arguments.forge_port)?;
            show(place, arguments.once, arguments.output, env).await
        }
    }
}

async fn show(mut place: Place, once: bool, output: Output, env: &Env) -> Result<(), Failure> {
    check::can_look()?;
    let mut story = Story::new(output);
    story.text("From a ticket to a merge request, on this machine alone. The model is scripted,\nall else is real.")?;
    let forge = Forge::start(&mut place).await?;
    let server = Server::start(&place, env).await?;
    let shown = tokio::select! {
        shown = Box::pin(play(&mut place, &forge, &mut story, once)) => shown,
        stopped = stopped() => stopped,
        ended = server.ended() => Err(ended),
    };
    // Whatever came of it: workspaces run on without a server, and nobody would look after them.
    let rested = rest(&place).await;
    server.stop().await;
    forge.stop().await;
    shown.and(rested)
}

async fn play(place: &mut Place, forge: &Forge, story: &mut Story, once: bool) -> Result<(), Failure> {
    let mia = if place.kept.set_up {
        Session::sign_in(&place.url(), OWNER, place.password(OWNER)).await?
    } else {
        story.text("\nSetting up: people, a template, the connection to the forge ...")?;
        setup::run(place, forge).await?
    };
    // What is there already stays as it is; a newer Bailey brings its own template.
    setup::template(place, &mia).await?;
    setup::connect_again(&mia).await?;
    addresses(place, story)?;
    let ticket = forge.ticket().await?;
    check::fails(place, forge).await?;
    story.text(&format!(
        "\nThe test of {PROJECT} fails on its branch main (looked at in a fresh clone).\nMia puts the label {LABEL} on ticket {ticket}; times are seconds since then.\n\n"
    ))?;
    let made = watch::run(&mia, forge, story, ticket).await?;
    check::passes(place, forge, &made.branch).await?;
    story.end(&made, &place.url(), ticket)?;
    if once {
        return Ok(());
    }
    story.text("\nHave a look around; Ctrl-C ends it, `bailey demo` begins again.")?;
    stopped().await
}

/// Says where to look, and as whom.
fn addresses(place: &Place, story: &mut Story) -> Result<(), Failure> {
    let mut lines = format!("\nWeb app  {}\nForge    {}/{PROJECT}\n", place.url(), place.forge_url());
    for (name, role, what) in PEOPLE {
        let password = place.password(name);
        writeln!(lines, "  sign in as {name:<4} password {password}   {role}: {what}")?;
    }
    story.text(lines.trim_end())
}

/// Stops the workspaces that run.
async fn rest(place: &Place) -> Result<(), Failure> {
    if !place.kept.set_up {
        return Ok(());
    }
    let mia = Session::sign_in(&place.url(), OWNER, place.password(OWNER)).await?;
    setup::stop_workspaces(&mia).await
}
