//! Following a build.

use std::time::{Duration, Instant};

use bailey_api::Page;
use bailey_api::workspaces::{Build, BuildLogQuery, LogLine, Workspace};
use bailey_core::workspace::WorkspaceStatus;
use serde::de::DeserializeOwned;

use super::views;
use crate::client::Api;
use crate::failure::Failure;
use crate::output::{self, understood};
use crate::table::plain;

/// The wait before the second look; it grows, since builds that are not over at once take their time.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(500);
/// The most lines of one look.
const LINES: u32 = 1000;

/// The name of the event that says that a build is over.
const END: &str = "end";
/// How long a server that has gone away is waited for, and the pause between tries.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(200);

/// The log of a build, read line by line.
pub(super) struct Log {
    path: String,
    after: u64,
}

impl Log {
    /// Nothing of it was read yet.
    pub(super) fn new(workspace: &str, number: u64) -> Self {
        Self {
            path: format!("{workspace}/builds/{number}"),
            after: 0,
        }
    }

    /// Writes all lines that are there.
    pub(super) async fn all(mut self, api: &Api, write: Write) -> Result<(), Failure> {
        self.read(api, write).await
    }

    /// Writes lines as they come until the build is over; answers with the build. Where the server goes away meanwhile, it
    /// is waited for, and goes on where it was.
    pub(super) async fn follow(mut self, api: &Api, write: Write) -> Result<Build, Failure> {
        let path = format!("{}/log", self.path);
        let mut seen = Instant::now();
        loop {
            match api.events(&path, self.after).await {
                Ok(mut events) => {
                    while let Some(event) = events.next().await {
                        seen = Instant::now();
                        if event.name == END {
                            return said(&event.data);
                        }
                        let line: LogLine = said(&event.data)?;
                        self.after = line.number;
                        write(&views::line(&line))?;
                    }
                }
                Err(none) if none.passing && seen.elapsed() < PATIENCE => {}
                Err(none) => return Err(none.failure),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn read(&mut self, api: &Api, write: Write) -> Result<(), Failure> {
        loop {
            let query = BuildLogQuery {
                after: Some(self.after),
                limit: Some(LINES),
            };
            let page: Page<LogLine> = understood(api.get(&format!("{}/log", self.path), &query).await?)?;
            let Some(last) = page.items.last() else { return Ok(()) };
            self.after = last.number;
            for line in &page.items {
                write(&views::line(line))?;
            }
        }
    }
}

fn said<T: DeserializeOwned>(data: &str) -> Result<T, Failure> {
    serde_json::from_str(data).map_err(Failure::from).and_then(understood)
}

/// Where lines go.
type Write = fn(&str) -> Result<(), Failure>;

/// Shows a build's log until it is over; answers with the workspace as it is then.
pub(super) async fn until_done(api: &Api, path: &str, number: u64) -> Result<Workspace, Failure> {
    Log::new(path, number)
        .follow(api, |line| {
            output::note(line);
            Ok(())
        })
        .await?;
    understood(api.get(path, &()).await?)
}

/// Waits until a workspace is gone, over a restart of the server; fails where its deletion does.
pub(super) async fn until_gone(api: &Api, workspace: &Workspace) -> Result<(), Failure> {
    let path = super::path(workspace);
    let mut wait = FIRST;
    loop {
        let Some(answer) = api.get_if_there(&path, PATIENCE).await? else {
            return Ok(());
        };
        let now: Workspace = understood(answer)?;
        match now.status {
            WorkspaceStatus::Deleted => return Ok(()),
            WorkspaceStatus::Failed => {
                let why = plain(&now.build.error.unwrap_or_default());
                return Err(Failure::new(format!("{} could not be deleted: {why}", now.name)));
            }
            _ => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(LONGEST);
    }
}
