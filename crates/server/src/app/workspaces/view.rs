//! Workspaces as the API shows them.

use std::collections::HashMap;

use bailey_api::agent::{AgentStatus, Reading};
use bailey_api::workspaces::{self as wire, App as WireApp, Figure, Resources};
use bailey_api::{Named, Time};
use bailey_core::template::Target;
use bailey_core::workspace::{Build, Workspace};
use bailey_core::{TemplateId, TemplateVersionId, Timestamp};
use bailey_runtime::config::format_duration;

use crate::app::names::Names;
use crate::app::{App, AppError};

/// What was looked up already.
#[derive(Default)]
pub(super) struct Looked {
    names: Names,
    templates: HashMap<TemplateId, (String, Option<u64>)>,
    versions: HashMap<TemplateVersionId, u64>,
}

impl App {
    pub(super) async fn workspace_view(
        &self,
        workspace: Workspace,
        looked: &mut Looked,
    ) -> Result<wire::Workspace, AppError> {
        let build = self.store().build_get(workspace.id, workspace.build).await?;
        let build = build.ok_or(AppError::NotFound)?;
        let (template, in_force) = self.template_of(workspace.template, looked).await?;
        let version = self.number_of(workspace.version, looked).await?;
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
            version,
            outdated: in_force.is_some_and(|number| number > version),
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

    async fn template_of(&self, id: TemplateId, looked: &mut Looked) -> Result<(String, Option<u64>), AppError> {
        if let Some(known) = looked.templates.get(&id) {
            return Ok(known.clone());
        }
        let template = self.store().template_get(id).await?.ok_or(AppError::NotFound)?;
        let found = (template.name, template.active.map(u64::from));
        looked.templates.insert(id, found.clone());
        Ok(found)
    }

    async fn number_of(&self, id: TemplateVersionId, looked: &mut Looked) -> Result<u64, AppError> {
        if let Some(known) = looked.versions.get(&id) {
            return Ok(*known);
        }
        let version = self.store().template_version_get(id).await?.ok_or(AppError::NotFound)?;
        let number = u64::from(version.number);
        looked.versions.insert(id, number);
        Ok(number)
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
