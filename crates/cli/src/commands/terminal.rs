//! `bailey terminal`: a terminal of a workspace in this one.
//!
//! The terminal inside stays when this ends, and is come back to. A connection that is lost is made again; output is
//! numbered, so that nothing is shown twice and nothing is left out.

mod keys;
mod session;
mod tty;

use std::time::{Duration, Instant};

use bailey_runtime::http::{Reader, Writer};
use clap::Args;

use super::Env;
use super::workspaces::{PATH, find};
use crate::client::{Api, NoStream, Remote, segment};
use crate::failure::{ExitStatus, Failure};
use crate::output;
use session::{Over, Session};
use tty::{Events, Tty};

/// How long the first connection is tried for where the workspace has just come up.
const FIRST: Duration = Duration::from_secs(10);
/// Pauses between tries to connect again: the first is at most this long, and so is the last.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(after_help = "Enter, then ~ and . leave the terminal; it stays, with what runs in it. ~~ is one ~.")]
pub(crate) struct Arguments {
    /// The workspace: its name, OWNER/NAME, or its id
    workspace: String,
    /// Which of its terminals; one that is not there is made
    #[arg(long, default_value = "main")]
    name: String,
    #[command(flatten)]
    remote: Remote,
}

/// Where the terminal is.
struct Place {
    api: Api,
    path: String,
    name: String,
}

impl Place {
    async fn connect(&self, query: &str) -> Result<(Reader, Writer), NoStream> {
        self.api.socket(&format!("{}?{query}", self.path)).await
    }
}

/// Shows the terminal until its program ends, whose status is this process's, or until it is left.
pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<ExitStatus, Failure> {
    let tty = Tty::new()?;
    let api = arguments.remote.api(env)?;
    let workspace = find(&api, &arguments.workspace).await?;
    let place = Place {
        api,
        path: format!("{PATH}/{}/terminal", segment(&workspace.id.to_string())),
        name: arguments.name,
    };
    let mut session = Session::new(tty::size());
    let connection = first(&place, &session).await?;
    // From here on the terminal is in another state, which every way out of this function sets back.
    let mut events = Events::new()?;
    let raw = tty.raw()?;
    let over = show(&place, &mut session, &mut events, &raw, connection).await;
    drop(raw);
    match over? {
        Over::Exited(status) => Ok(ExitStatus::Of(u8::try_from(status).unwrap_or(u8::MAX))),
        Over::Left => {
            let back = format!("bailey terminal {}", arguments.workspace);
            output::note(&format!("left; the terminal stays, and `{back}` comes back to it"));
            Ok(ExitStatus::Ok)
        }
        Over::Signal(number) => Ok(ExitStatus::Of(number.saturating_add(128))),
        Over::Lost => Err(Failure::new("the connection is lost")),
    }
}

/// The first connection. A workspace that has just come up may need a moment.
async fn first(place: &Place, session: &Session) -> Result<(Reader, Writer), Failure> {
    let began = Instant::now();
    loop {
        match place.connect(&session.query(&place.name)).await {
            Ok(connection) => return Ok(connection),
            Err(none) if none.passing && none.code.is_some() && began.elapsed() < FIRST => {
                tokio::time::sleep(SHORTEST).await;
            }
            Err(none) => return Err(none.failure),
        }
    }
}

/// Shows the terminal over one connection after the other.
async fn show(
    place: &Place,
    session: &mut Session,
    events: &mut Events,
    raw: &tty::Raw<'_>,
    mut connection: (Reader, Writer),
) -> Result<Over, Failure> {
    loop {
        match session.show(events, raw, connection).await? {
            Over::Lost => {}
            over => return Ok(over),
        }
        let began = Instant::now();
        let mut pause = SHORTEST;
        connection = loop {
            if let Some(over) = session.wait(events, raw, began, random(pause)).await? {
                return Ok(over);
            }
            let query = session.query(&place.name);
            let tried = tokio::select! {
                tried = place.connect(&query) => tried,
                over = session.idle(events, raw, began) => match over? {
                    Some(over) => return Ok(over),
                    None => continue,
                },
            };
            match tried {
                Ok(connection) => break connection,
                Err(none) if none.passing => pause = (pause * 2).min(LONGEST),
                Err(none) => return Err(none.failure),
            }
        };
    }
}

/// A random part of a pause, so that many do not come back at the same moment.
fn random(pause: Duration) -> Duration {
    let part = bailey_runtime::ids::random::<1>().map_or(255, |[byte]| byte);
    pause.mul_f64(f64::from(part) / 255.0)
}
