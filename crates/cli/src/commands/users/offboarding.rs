//! `bailey users suspend`, `reactivate` and `delete`

use std::time::{Duration, Instant};

use bailey_api::Page;
use bailey_api::offboarding::{Deletion, EndedWorkspace, Suspension, UserDeleteQuery, UserSuspend, WorkspacesGo};
use bailey_api::users::UserDetail;
use bailey_api::workspaces::{Workspace, WorkspaceListQuery};
use bailey_core::people::PersonStatus;
use bailey_core::workspace::WorkspaceStatus;
use clap::Args;

use super::{PATH, details};
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output::{self, Output, understood};
use crate::table::{Details, or_nothing, time};

/// How long workspaces may take to stop before they are handed over.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often they are looked at.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct Suspend {
    /// Their name or id
    user: String,
    /// Why, for whoever reads the report
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Their name or id
    user: String,
    /// Who gets their workspaces and kept homes, once those are stopped
    #[arg(long, value_name = "USER", conflicts_with = "delete_workspaces")]
    hand_over_to: Option<String>,
    /// Delete their workspaces and kept homes
    #[arg(long = "delete-workspaces", id = "delete_workspaces")]
    workspaces_too: bool,
}

fn path(user: &str, verb: &str) -> String {
    format!("{PATH}/{}/{verb}", segment(user))
}

pub(super) async fn suspend(api: &Api, output: Output, ask: Suspend) -> Result<(), Failure> {
    let body = UserSuspend { reason: ask.reason };
    output::show(output, api.post(&path(&ask.user, "suspend"), &body).await?, report)
}

pub(super) async fn suspension(api: &Api, output: Output, user: &str) -> Result<(), Failure> {
    output::show(output, api.get(&path(user, "suspension"), &()).await?, report)
}

pub(super) async fn reactivate(api: &Api, output: Output, user: &str) -> Result<(), Failure> {
    let answer = api.post_nothing(&path(user, "reactivate")).await?;
    output::show(output, answer, |user: &UserDetail| details(&user.user).text())
}

pub(super) async fn delete(api: &Api, output: Output, ask: Delete) -> Result<(), Failure> {
    let own = format!("{PATH}/{}", segment(&ask.user));
    let found: UserDetail = understood(api.get(&own, &()).await?)?;
    if found.user.status == PersonStatus::Active {
        let ended = api.post(&path(&ask.user, "suspend"), &UserSuspend::default()).await?;
        let ended: Suspension = understood(ended)?;
        output::note(&format!("`{}` was suspended first", ended.person.name));
    }
    let workspaces = match (&ask.hand_over_to, ask.workspaces_too) {
        (Some(_), _) => {
            stopped(api, &found.user.id.to_string()).await?;
            Some(WorkspacesGo::HandOver)
        }
        (None, true) => Some(WorkspacesGo::Delete),
        (None, false) => None,
    };
    let query = UserDeleteQuery {
        workspaces,
        to: ask.hand_over_to,
    };
    output::show(output, api.remove(&own, &query).await?, deletion)
}

/// Waits until nothing of a person's is up or on its way.
async fn stopped(api: &Api, owner: &str) -> Result<(), Failure> {
    let query = WorkspaceListQuery {
        owner: Some(owner.to_owned()),
        ..WorkspaceListQuery::default()
    };
    let began = Instant::now();
    loop {
        let page: Page<Workspace> = understood(api.list("/workspaces", &query, None).await?)?;
        let is_down = |w: &Workspace| matches!(w.status, WorkspaceStatus::Stopped | WorkspaceStatus::Failed);
        // What is not down by then is the server's to name.
        if page.items.iter().all(is_down) || began.elapsed() >= PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn named(workspaces: &[EndedWorkspace]) -> String {
    let named = workspaces.iter().map(|w| format!("{} ({})", w.name, w.state));
    named.collect::<Vec<_>>().join(", ")
}

fn report(report: &Suspension) -> String {
    let finished = if report.finished { "yes" } else { "not yet" };
    Details::default()
        .with("person", report.person.name.clone())
        .with("suspended", time(report.at))
        .with("by", or_nothing(report.by.as_ref().map(|by| &by.name)))
        .with("reason", or_nothing(report.reason.as_ref()))
        .with("sessions", report.sessions.to_string())
        .with("API tokens", report.tokens.to_string())
        .with("keys", report.keys.to_string())
        .with("invitations", report.invitations.to_string())
        .with("model calls", report.streams.to_string())
        .with("terminals", report.terminals.to_string())
        .with("commands", report.exec.to_string())
        .with("files", report.files.to_string())
        .with("apps", report.apps.to_string())
        .with("logs", report.logs.to_string())
        .with("workspaces", named(&report.workspaces))
        .with("all ended", finished)
        .maybe("reactivated", report.lifted_at.map(time))
        .text()
}

fn deletion(deletion: &Deletion) -> String {
    Details::default()
        .with("person", deletion.person.name.clone())
        .with("deleted", time(deletion.at))
        .with(
            "handed over to",
            or_nothing(deletion.handed_to.as_ref().map(|to| &to.name)),
        )
        .with("workspaces", named(&deletion.workspaces))
        .with("kept homes", deletion.homes.to_string())
        .text()
}
