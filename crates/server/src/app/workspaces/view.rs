//! Workspaces as the API shows them.

use std::collections::HashMap;

use bailey_api::agent::{AgentStatus, Reading};
use bailey_api::workspaces::{self as wire, App as WireApp, Figure, Resources};
use bailey_api::{Named, Time};
use bailey_core::template::Target;
use bailey_core::workspace::{Build, Workspace};
use bailey_core::{TemplateVersionId, Timestamp, WorkspaceId};
use bailey_runtime::config::format_duration;
use bailey_store::VersionName;

use crate::app::names::Names;
use crate::app::{App, AppError};

/// What the view of workspaces takes beside themselves.
#[derive(Default)]
struct Looked {
    names: Names,
    builds: HashMap<WorkspaceId, Build>,
    versions: HashMap<TemplateVersionId, VersionName>,
}

impl App {
    /// A workspace as it is shown.
    pub(super) async fn workspace_view(&self, workspace: Workspace) -> Result<wire::Workspace, AppError> {
        let mut views = self.workspaces_view(vec![workspace]).await?;
        views.pop().ok_or(AppError::NotFound)
    }

    /// Workspaces as they are shown. However many there are, the database is asked three questions.
    pub(super) async fn workspaces_view(&self, workspaces: Vec<Workspace>) -> Result<Vec<wire::Workspace>, AppError> {
        let mut looked = Looked::default();
        let ids: Vec<WorkspaceId> = workspaces.iter().map(|workspace| workspace.id).collect();
        let builds = self.store().builds_last(&ids).await?;
        looked.builds = builds.into_iter().map(|build| (build.workspace, build)).collect();
        let owners = workspaces.iter().map(|workspace| workspace.owner);
        let initiators = looked.builds.values().filter_map(|build| build.initiator);
        looked.names.look_up(self, owners.chain(initiators)).await?;
        let mut versions: Vec<TemplateVersionId> = workspaces.iter().map(|workspace| workspace.version).collect();
        versions.sort_unstable();
        versions.dedup();
        let versions = self.store().template_version_names(&versions).await?;
        looked.versions = versions.into_iter().map(|version| (version.id, version)).collect();
        let mut views = Vec::with_capacity(workspaces.len());
        for workspace in workspaces {
            views.push(self.view_with(workspace, &mut looked).await?);
        }
        Ok(views)
    }

    async fn view_with(&self, workspace: Workspace, looked: &mut Looked) -> Result<wire::Workspace, AppError> {
        let build = looked.builds.remove(&workspace.id);
        let build = match build.filter(|build| build.number == workspace.build) {
            Some(build) => build,
            // Another one has begun since the workspace was read: its own belongs to the rest of it.
            None => {
                let build = self.store().build_get(workspace.id, workspace.build).await?;
                build.ok_or(AppError::NotFound)?
            }
        };
        let version = looked.versions.get(&workspace.version).ok_or(AppError::NotFound)?;
        let (template, number) = (version.template.clone(), version.number);
        let outdated = version.active.is_some_and(|active| active > number);
        let links = self.fleet().links();
        let status = links.status(workspace.id).unwrap_or_default();
        let resolved = &workspace.resolved;
        let ends_at = workspace
            .started_at
            .zip(resolved.max_lifetime)
            .map(|(at, seconds)| after(at, seconds));
        let active = self.fleet().last_active(workspace.id);
        let limits = self.fleet().limits(&resolved.resources);
        let browser_only = resolved.browser_only || self.fleet().settings().browser_only;
        Ok(wire::Workspace {
            id: workspace.id,
            owner: looked.names.person(self, workspace.owner).await?,
            template: Named {
                id: workspace.template.to_string(),
                name: template,
            },
            version: u64::from(number),
            outdated,
            status: workspace.status(),
            build: self.build_view(build, &mut looked.names).await?,
            resources: Resources {
                cpu_milli: limits.cpu_milli,
                memory: limits.memory,
                processes: limits.processes,
                disk: limits.disk,
                io_bytes: limits.io_bytes,
            },
            apps: resolved.apps.iter().map(|app| app_view(app, &status)).collect(),
            connected: links.is_connected(workspace.id),
            browser_only,
            auto_stop: workspace
                .auto_stop
                .map(|seconds| format_duration(std::time::Duration::from_secs(seconds))),
            ends_at,
            created_at: Time(workspace.created_at),
            last_active_at: Time(active.map_or(workspace.last_active_at, |at| at.max(workspace.last_active_at))),
            started_at: workspace.started_at.map(Time),
            name: workspace.name,
            parameters: workspace.parameters,
        })
    }

    pub(super) async fn build_view(&self, build: Build, names: &mut Names) -> Result<wire::Build, AppError> {
        let initiator = match build.initiator {
            Some(person) => Some(names.person(self, person).await?),
            None => None,
        };
        Ok(wire::Build {
            id: build.id,
            number: build.number,
            transition: build.transition,
            state: build.state,
            initiator,
            reason: build.reason,
            error: build.error,
            created_at: Time(build.created_at),
            started_at: build.started_at.map(Time),
            finished_at: build.finished_at.map(Time),
        })
    }
}

fn after(at: Timestamp, seconds: u64) -> Time {
    let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Time(Timestamp::from_micros(at.micros().saturating_add(micros)))
}

fn app_view(app: &bailey_core::template::App, status: &AgentStatus) -> WireApp {
    let external = match &app.target {
        Target::External(address) => Some(address.clone()),
        Target::Port(_) | Target::Socket(_) => None,
    };
    WireApp {
        name: app.name.clone(),
        display_name: app.display_name.clone(),
        icon: app.icon.clone(),
        external,
        sharing: app.sharing,
        health: status.apps.get(&app.name).copied(),
    }
}

pub(super) fn figure(reading: Reading) -> Figure {
    Figure {
        display_name: reading.display_name,
        value: reading.value,
        error: reading.error,
        at: Time(Timestamp::from_micros(reading.at)),
    }
}
