//! Workspaces: what people ask for. What is done about it is the fleet's business.

mod build;
pub(super) mod choice;
mod create;
pub(crate) mod follow;
mod view;

use bailey_api::Page;
use bailey_api::workspaces::{self as wire, Live, WorkspaceListQuery, WorkspaceUpdate};
use bailey_api::{FieldError, Patch};
use bailey_core::WorkspaceId;
use bailey_core::workspace::{Exceeded, Workspace};
use bailey_runtime::config::parse_duration;
use bailey_store::WorkspaceFilter;
use serde_json::json;

use super::caller::sees;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'w';

impl App {
    /// Workspaces within reach, newest first.
    pub async fn workspaces_list(
        &self,
        caller: &Caller,
        query: WorkspaceListQuery,
    ) -> Result<Page<wire::Workspace>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), WorkspaceId::from_uuid)?;
        let nothing = Page {
            items: Vec::new(),
            next_cursor: None,
        };
        let owner = match &query.owner {
            Some(text) => match self.find_person(text, &reach).await? {
                Some(person) => Some(person.id),
                None => return Ok(nothing),
            },
            None => None,
        };
        let template = match &query.template {
            Some(text) => match self.find_template(text).await? {
                Some(template) => Some(template.id),
                None => return Ok(nothing),
            },
            None => None,
        };
        let filter = WorkspaceFilter {
            owner,
            template,
            name: query.name,
            text: query.q,
            reach,
        };
        let (found, next) = self.store().workspaces_list(&filter, page).await?;
        Ok(Page {
            items: self.workspaces_view(found).await?,
            next_cursor: cursor::next(CURSOR, next.map(WorkspaceId::uuid)),
        })
    }

    /// One workspace.
    pub async fn workspace_get(&self, caller: &Caller, id: WorkspaceId) -> Result<wire::Workspace, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        self.workspace_view(workspace).await
    }

    /// What is live of a workspace.
    pub async fn workspace_live(&self, caller: &Caller, id: WorkspaceId) -> Result<Live, AppError> {
        self.workspace_within(caller, id).await?;
        let status = self.fleet().links().status(id).unwrap_or_default();
        Ok(Live {
            connected: self.fleet().links().is_connected(id),
            metadata: status
                .metadata
                .into_iter()
                .map(|(name, reading)| (name, view::figure(reading)))
                .collect(),
            apps: status.apps,
        })
    }

    /// Changes a workspace's settings.
    pub async fn workspace_update(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        change: WorkspaceUpdate,
    ) -> Result<wire::Workspace, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        let most = workspace.resolved.auto_stop;
        let seconds = match change.auto_stop {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(text) => {
                let asked = parse_duration(&text).map_err(|error| AppError::field("/auto_stop", error))?;
                if asked.as_secs() == 0 {
                    return Err(AppError::field("/auto_stop", "must be at least a second"));
                }
                if most.is_some_and(|most| asked.as_secs() > most) {
                    return Err(AppError::field("/auto_stop", "is longer than the template allows"));
                }
                Some(Some(asked.as_secs()))
            }
        };
        let record = Change::new("workspaces.settings", resource(&workspace))
            .before(&json!({ "auto_stop_seconds": workspace.auto_stop, "most_seconds": most }))
            .after(&json!({ "auto_stop_seconds": seconds.flatten(), "changed": seconds.is_some() }));
        caller.record(record).await?;
        if let Some(seconds) = seconds {
            self.store().workspace_set_auto_stop(id, seconds).await?;
        }
        self.workspace_get(caller, id).await
    }

    /// The workspace of this id, if it is within reach and not deleted.
    pub(crate) async fn workspace_within(&self, caller: &Caller, id: WorkspaceId) -> Result<Workspace, AppError> {
        let reach = self.people_within(caller).await?;
        let workspace = self.store().workspace_get(id).await?;
        workspace
            .filter(|workspace| workspace.deleted_at.is_none() && sees(&reach, Some(workspace.owner)))
            .ok_or(AppError::NotFound)
    }
}

/// A workspace as the audit log names it.
pub(crate) fn resource(workspace: &Workspace) -> Resource {
    Resource::new("workspace", workspace.id).named(&workspace.name)
}

/// What a quota has no room for, as mistakes of the body.
pub(super) fn beyond(exceeded: &[Exceeded]) -> AppError {
    let errors = exceeded.iter().map(|limit| FieldError::body("", limit.to_string()));
    AppError::Quota(errors.collect())
}
