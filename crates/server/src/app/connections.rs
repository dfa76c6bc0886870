//! Connections to forges.

mod check;

use std::collections::BTreeMap;

use bailey_api::Page;
use bailey_api::connections::{
    Connection, ConnectionCreate, ConnectionUpdate, Delivery, DeliveryList, ListQuery, TicketRun,
};
use bailey_core::authz::Action;
use bailey_core::{ConnectionId, RunId};
use bailey_forges::label::Prefix;
use bailey_forges::model::ForgeKind;
use bailey_runtime::ids::NewId;
use bailey_store::{ConnectionRecord, ConnectionSettings};
use serde_json::json;

use super::checks::Checks;
use super::names::Names;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};
use crate::forges::Secrets;

const CURSOR: u8 = b'c';
const RUNS: u8 = b'x';
/// The most projects of one connection.
const PROJECTS: usize = 64;
/// The most bytes of a project's path.
const PATH: usize = 1_024;
/// Deliveries that are shown.
const RECENT: u32 = 100;

impl App {
    /// Makes a connection. Nothing is asked of the forge yet.
    pub async fn connection_create(&self, caller: &Caller, ask: ConnectionCreate) -> Result<Connection, AppError> {
        if ask.kind != ForgeKind::GitLab.as_str() {
            return Err(AppError::field("/kind", "must be `gitlab`; other forges come later"));
        }
        let base = self.forges().base_url(&ask.base_url);
        let settings = ConnectionSettings {
            projects: ask.projects,
            prefix: ask.label_prefix.unwrap_or_else(|| Prefix::default().to_string()),
            template: ask.template,
            parameters: ask.parameters,
            models: ask.models,
            default_model: ask.default_model,
            identity_providers: ask.identity_providers,
        };
        let mut checks = self.checked(&ask.name, &settings, Some(&ask.token));
        let base_url = match &base {
            Ok(base) => base.to_string(),
            Err(error) => {
                checks.wrong("/base_url", error.to_string());
                ask.base_url
            }
        };
        checks.done()?;
        vouches(caller, None, &settings)?;
        self.others_projects(None, &base_url, &settings).await?;
        let now = self.now();
        let id = ConnectionId::new_at(now);
        let record = ConnectionRecord {
            id,
            name: ask.name,
            kind: ask.kind,
            base_url,
            settings,
            sealed: self.forges().seal(id, &Secrets::new(ask.token)?)?,
            signs: false,
            enabled: ask.enabled.unwrap_or(true),
            created_at: now,
            created_by: Some(caller.person()),
        };
        let shown = self.connection_view(&record);
        let change = Change::new("connections.create", resource(&record)).after(&shown);
        caller.record(change).await?;
        self.store().connection_insert(&record).await?;
        let projects = &record.settings.projects;
        self.store().connection_polls_begin(record.id, projects, now).await?;
        Ok(shown)
    }

    /// Connections, newest first.
    pub async fn connections_list(&self, query: ListQuery) -> Result<Page<Connection>, AppError> {
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), ConnectionId::from_uuid)?;
        let (found, next) = self.store().connections_list(page).await?;
        Ok(Page {
            items: found.iter().map(|record| self.connection_view(record)).collect(),
            next_cursor: cursor::next(CURSOR, next.map(ConnectionId::uuid)),
        })
    }

    /// One connection, by id or name.
    pub async fn connection_get(&self, text: &str) -> Result<Connection, AppError> {
        let record = self.connection_named(text).await?;
        Ok(self.connection_view(&record))
    }

    /// Changes a connection.
    pub async fn connection_update(
        &self,
        caller: &Caller,
        text: &str,
        ask: ConnectionUpdate,
    ) -> Result<Connection, AppError> {
        let old = self.connection_named(text).await?;
        let mut record = old.clone();
        let settings = &mut record.settings;
        settings.projects = ask.projects.or_old(&old.settings.projects);
        settings.prefix = ask.label_prefix.or_old(&old.settings.prefix);
        settings.template = ask.template.or(old.settings.template.clone());
        // Another template has parameters of its own.
        settings.parameters = match ask.parameters {
            Some(parameters) => parameters,
            None if settings.template == old.settings.template => old.settings.parameters.clone(),
            None => BTreeMap::new(),
        };
        settings.models = ask.models.or(old.settings.models.clone());
        settings.default_model = ask.default_model.or(old.settings.default_model.clone());
        settings.identity_providers = ask.identity_providers.or_old(&old.settings.identity_providers);
        record.name = ask.name.unwrap_or(record.name);
        record.enabled = ask.enabled.unwrap_or(record.enabled);
        self.checked(&record.name, &record.settings, ask.token.as_deref())
            .done()?;
        vouches(caller, Some(&old.settings), &record.settings)?;
        if record.enabled {
            self.others_projects(Some(old.id), &old.base_url, &record.settings)
                .await?;
        }
        let new_token = ask.token.is_some();
        if let Some(token) = ask.token {
            let secrets = self.forges().open(&old)?.with_token(token);
            record.sealed = self.forges().seal(old.id, &secrets)?;
        }
        let shown = self.connection_view(&record);
        let change = Change::new("connections.update", resource(&old))
            .before(&self.connection_view(&old))
            .after(&json!({ "connection": shown, "new_credential": new_token }));
        caller.record(change).await?;
        self.store().connection_update(&record).await?;
        self.connection_changed(&old, &record, new_token).await?;
        Ok(shown)
    }

    /// What follows from a change: runs end that nothing is done for any more, and projects are looked at from now on that were not before.
    async fn connection_changed(
        &self,
        old: &ConnectionRecord,
        new: &ConnectionRecord,
        new_token: bool,
    ) -> Result<(), AppError> {
        let (now, before) = (self.now(), &old.settings.projects);
        let fresh = |path: &&String| !old.enabled || !before.contains(path);
        let fresh: Vec<String> = new.settings.projects.iter().filter(fresh).cloned().collect();
        self.store().connection_polls_begin(new.id, &fresh, now).await?;
        if new_token {
            self.store().ticket_statuses_again(new.id, now).await?;
        }
        self.runs_end(new).await
    }

    /// Refuses projects that another connection with the same labels is for: a ticket would start two runs.
    async fn others_projects(
        &self,
        own: Option<ConnectionId>,
        base_url: &str,
        settings: &ConnectionSettings,
    ) -> Result<(), AppError> {
        let mut checks = Checks::default();
        for other in self.store().connections_enabled().await? {
            if own == Some(other.id) || other.base_url != base_url || other.settings.prefix != settings.prefix {
                continue;
            }
            for (i, path) in settings.projects.iter().enumerate() {
                if other
                    .settings
                    .projects
                    .iter()
                    .any(|theirs| theirs.eq_ignore_ascii_case(path))
                {
                    let what = format!(
                        "is a project of the connection `{}` already; take it out there, or give one of them another label prefix",
                        other.name
                    );
                    checks.wrong(format!("/projects/{i}"), what);
                }
            }
        }
        checks.done()
    }

    /// Deletes a connection and the records of its runs. Their agents and workspaces are stopped, and the homes stay.
    pub async fn connection_delete(&self, caller: &Caller, text: &str) -> Result<(), AppError> {
        let record = self.connection_named(text).await?;
        let change = Change::new("connections.delete", resource(&record)).before(&self.connection_view(&record));
        caller.record(change).await?;
        self.runs_abandon(&record).await?;
        self.store().connection_delete(record.id).await?;
        self.forges().forget(record.id);
        Ok(())
    }

    /// Runs that a connection has started, newest first.
    pub async fn connection_runs(&self, text: &str, query: ListQuery) -> Result<Page<TicketRun>, AppError> {
        let record = self.connection_named(text).await?;
        let page = cursor::page(RUNS, query.limit, query.cursor.as_deref(), RunId::from_uuid)?;
        let (runs, next) = self.store().ticket_runs_list(Some(record.id), page).await?;
        let mut names = Names::default();
        let mut items = Vec::with_capacity(runs.len());
        for run in runs {
            let new = run.new;
            items.push(TicketRun {
                id: new.id,
                project: new.key.path,
                ticket: new.key.ticket,
                label: new.label,
                person: names.person(self, new.person).await?,
                assignee: new.assignee_name,
                agent: new.agent,
                model: new.model,
                branch: new.branch,
                workspace: new.workspace,
                workspace_name: new.workspace_name,
                state: run.state.to_string(),
                cause: run.cause,
                created_at: run.created_at.into(),
                finished_at: run.finished_at.map(Into::into),
            });
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(RUNS, next.map(RunId::uuid)),
        })
    }

    /// The last deliveries of a connection.
    pub async fn connection_deliveries(&self, text: &str) -> Result<DeliveryList, AppError> {
        let record = self.connection_named(text).await?;
        let found = self.store().deliveries_recent(record.id, RECENT).await?;
        let items = found.into_iter().map(|found| Delivery {
            id: found.delivery,
            what: found.what,
            state: found.state.as_str().to_owned(),
            tries: found.tries,
            reason: found.reason,
            received_at: found.received_at.into(),
            finished_at: found.finished_at.map(Into::into),
        });
        Ok(DeliveryList { items: items.collect() })
    }

    /// The connection of this id or name.
    async fn connection_named(&self, text: &str) -> Result<ConnectionRecord, AppError> {
        let by_id = match text.parse() {
            Ok(id) => self.store().connection_get(id).await?,
            Err(_) => None,
        };
        let found = match by_id {
            Some(record) => Some(record),
            None => self.store().connection_by_name(text).await?,
        };
        found.ok_or(AppError::NotFound)
    }

    fn connection_view(&self, record: &ConnectionRecord) -> Connection {
        let settings = record.settings.clone();
        Connection {
            id: record.id,
            name: record.name.clone(),
            kind: record.kind.clone(),
            base_url: record.base_url.clone(),
            projects: settings.projects,
            label_prefix: settings.prefix,
            template: settings.template,
            parameters: settings.parameters,
            models: settings.models,
            default_model: settings.default_model,
            identity_providers: settings.identity_providers,
            enabled: record.enabled,
            signs: record.signs,
            hook_url: self.hook_url(record.id),
            created_at: record.created_at.into(),
        }
    }

    /// Where a connection's forge sends its deliveries.
    fn hook_url(&self, id: ConnectionId) -> String {
        format!("{}/hooks/{id}", self.platform())
    }

    /// What can be checked without asking anybody.
    fn checked(&self, name: &str, settings: &ConnectionSettings, token: Option<&str>) -> Checks {
        let mut checks = Checks::default();
        checks.unique_name("/name", name);
        if settings.projects.is_empty() || settings.projects.len() > PROJECTS {
            checks.wrong("/projects", format!("must have 1 to {PROJECTS} entries"));
        }
        for (i, path) in settings.projects.iter().enumerate() {
            if !is_project(path) {
                checks.wrong(
                    format!("/projects/{i}"),
                    "must be a project's path, such as `group/name`",
                );
            }
        }
        if let Err(error) = Prefix::parse(&settings.prefix) {
            checks.wrong("/label_prefix", error.to_string());
        }
        if let Some(token) = token
            && (!(1..=4_096).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()))
        {
            checks.wrong("/token", "must be 1 to 4,096 visible ASCII characters");
        }
        if let Some(template) = &settings.template {
            checks.text("/template", template);
        }
        if let Some(models) = &settings.models {
            checks.names("/models", models);
        }
        if let Some(model) = &settings.default_model {
            checks.text("/default_model", model);
        }
        for provider in settings.identity_providers.values() {
            if self.identity().providers.get(provider).is_err() {
                let detail = format!("`{provider}` is no identity provider of Bailey's configuration");
                checks.wrong("/identity_providers", detail);
            }
        }
        checks
    }
}

/// Refuses to let a forge vouch for who people are, unless the caller may say that themselves: whoever runs the forge could name anybody.
fn vouches(caller: &Caller, old: Option<&ConnectionSettings>, new: &ConnectionSettings) -> Result<(), AppError> {
    let before = old.map_or_else(BTreeMap::new, |old| old.identity_providers.clone());
    if new.identity_providers.is_empty()
        || new.identity_providers == before
        || caller.actor.may(Action::PersonWrite).is_ok()
    {
        return Ok(());
    }
    let what = "says whom the forge may vouch for, which takes `users.write`";
    Err(AppError::field("/identity_providers", what))
}

/// The old value where nothing is said.
trait OrOld<T> {
    fn or_old(self, old: &T) -> T;
}

impl<T: Clone> OrOld<T> for Option<T> {
    fn or_old(self, old: &T) -> T {
        self.unwrap_or_else(|| old.clone())
    }
}

fn is_project(path: &str) -> bool {
    let part = |part: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
        !part.is_empty() && part.bytes().all(allowed) && !part.starts_with('-') && part != "." && part != ".."
    };
    path.len() <= PATH && path.contains('/') && path.split('/').all(part)
}

/// A connection as the audit log names it.
pub(super) fn resource(record: &ConnectionRecord) -> Resource {
    Resource::new("connection", record.id).named(&record.name)
}

/// The forge cannot be asked, or says no.
pub(super) fn forge_error(error: &bailey_forges::ForgeError) -> AppError {
    AppError::Forge(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::is_project;

    #[test]
    fn a_project_is_a_path() {
        for path in ["g/p", "group/sub.group/p-1", "a/b/c_d+e"] {
            assert!(is_project(path), "{path}");
        }
        for path in ["", "p", "/p", "g/", "g//p", "g/..", "g/-p", "g/p?x", "g/p q", "g/ä"] {
            assert!(!is_project(path), "{path}");
        }
    }
}
