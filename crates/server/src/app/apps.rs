//! Opening apps of workspaces.

use bailey_api::apps::AppLink;
use bailey_core::WorkspaceId;
use bailey_core::template::Sharing;

use serde_json::json;

use super::{App, AppError, Caller};
use crate::apps::{Grant, site};
use crate::audit::{Change, Resource};

impl App {
    /// An address at which the caller's browser opens an app: good once, within a minute.
    ///
    /// Nobody is let into another person's workspace by a role: only the app's sharing does that.
    pub async fn app_open(&self, caller: &Caller, workspace: WorkspaceId, app: &str) -> Result<AppLink, AppError> {
        let change = Change::new("apps.link", Resource::new("workspace", workspace)).after(&json!({ "app": app }));
        caller.record(change).await?;
        self.app_open_at(caller, workspace, app, None).await
    }

    /// The same for the app that a host's label names, at `path`. What is not there, and what the caller may not open, is not
    /// found.
    pub(crate) async fn app_open_named(
        &self,
        caller: &Caller,
        label: &str,
        path: Option<&str>,
    ) -> Result<AppLink, AppError> {
        let (workspace, app) = self.apps().named(label).await?.ok_or(AppError::NotFound)?;
        self.app_open_at(caller, workspace, &app, path).await
    }

    async fn app_open_at(
        &self,
        caller: &Caller,
        workspace: WorkspaceId,
        app: &str,
        path: Option<&str>,
    ) -> Result<AppLink, AppError> {
        let found = self.store().workspace_get(workspace).await?;
        let site = found.and_then(|found| site(found, app, self.apps().max_sharing()));
        let open =
            |owner| owner == caller.person() || site.as_ref().is_some_and(|s| s.sharing >= Sharing::Authenticated);
        let site = site
            .as_ref()
            .filter(|site| open(site.owner))
            .ok_or(AppError::NotFound)?;
        if let Some(external) = &site.external {
            return Ok(AppLink { url: external.clone() });
        }
        let owner = self.store().person_get(site.owner).await?.ok_or(AppError::NotFound)?;
        let grant = Grant {
            person: caller.person(),
            token: caller.actor.token,
            session: caller.actor.session,
            workspace,
            app: app.to_owned(),
        };
        let link = self.apps().link(&site.name, &owner.name, grant, path)?;
        // A template's names are held to what fits; a name that does not is nobody's.
        let link = link.ok_or(AppError::NotFound)?;
        Ok(AppLink {
            url: link.expose().clone(),
        })
    }
}
