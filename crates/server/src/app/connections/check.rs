//! Whether a connection can do its work, and its webhook.

use bailey_api::connections::{ConnectionCheck, ProjectCheck};
use bailey_forges::forge::{Forge, HookWanted, Missing, ProjectKey};
use bailey_store::ConnectionRecord;
use serde_json::json;

use super::resource;
use crate::app::{App, AppError, Caller};
use crate::audit::Change;

impl App {
    /// Asks the forge whether everything is there that the connection needs. Changes nothing there.
    pub async fn connection_check(&self, caller: &Caller, text: &str) -> Result<ConnectionCheck, AppError> {
        let record = self.connection_named(text).await?;
        caller
            .record(Change::new("connections.check", resource(&record)))
            .await?;
        self.check(&record).await
    }

    /// Registers the webhook in each project, or brings it up to date; then checks.
    pub async fn connection_register(&self, caller: &Caller, text: &str) -> Result<ConnectionCheck, AppError> {
        let record = self.connection_named(text).await?;
        let change = Change::new("connections.register", resource(&record))
            .after(&json!({ "hook_url": self.hook_url(record.id), "projects": record.settings.projects }));
        caller.record(change).await?;
        let forge = self.forges().forge(&record, self.gate().clock())?;
        let secrets = self.forges().open(&record)?;
        let wanted = HookWanted {
            url: self.hook_url(record.id),
            token: secrets.hook(),
            signing_token: Some(secrets.signing()),
        };
        let mut signs = Vec::new();
        let mut refused = Vec::new();
        for path in &record.settings.projects {
            match register(&*forge, path, &wanted).await {
                Ok(Some(signed)) => signs.push(signed),
                // The check says what is missing.
                Ok(None) => {}
                Err(error) => refused.push(format!("{path}: {error}")),
            }
        }
        // One way for all: what is signed in one project would be taken unsigned for it from another.
        let signs = !signs.is_empty() && signs.iter().all(|signed| *signed);
        if signs != record.signs {
            self.store().connection_set_signs(record.id, signs).await?;
        }
        let mut check = self.check(&record).await?;
        check.ok &= refused.is_empty();
        check.notes.extend(refused);
        Ok(check)
    }

    async fn check(&self, record: &ConnectionRecord) -> Result<ConnectionCheck, AppError> {
        let forge = self.forges().forge(record, self.gate().clock())?;
        let hook_url = self.hook_url(record.id);
        let mut shown = ConnectionCheck {
            ok: true,
            account: None,
            token_expires: None,
            hook_url: hook_url.clone(),
            projects: Vec::new(),
            notes: Vec::new(),
        };
        shown.ok &= self.notes(record, &mut shown.notes).await?;
        for path in &record.settings.projects {
            let check = match forge.check(ProjectKey::Path(path), &hook_url).await {
                Ok(check) => check,
                // The others are looked at all the same.
                Err(error) => {
                    shown.ok = false;
                    shown.projects.push(ProjectCheck {
                        path: path.clone(),
                        registered: false,
                        missing: vec![error.to_string()],
                    });
                    continue;
                }
            };
            shown.ok &= check.missing.is_empty();
            shown.account = check.account.map(|account| account.actor.name).or(shown.account);
            shown.token_expires = check.expires.or(shown.token_expires);
            shown.projects.push(ProjectCheck {
                path: path.clone(),
                registered: check.hook.is_some(),
                missing: check.missing.iter().map(Missing::to_string).collect(),
            });
        }
        Ok(shown)
    }

    /// What to look after on Bailey's side. Says whether labels can start anything.
    async fn notes(&self, record: &ConnectionRecord, notes: &mut Vec<String>) -> Result<bool, AppError> {
        let mut works = record.enabled;
        if !self.is_public() {
            notes.push(format!(
                "`server.public_url` is not set, so the webhook's address is that of the server's own machine ({}); the forge reaches it only from there",
                self.platform()
            ));
        }
        match &record.settings.template {
            None => {
                works = false;
                notes.push("no template is named, so that no label starts anything".to_owned());
            }
            Some(name) => match self.find_template(name).await? {
                None => {
                    works = false;
                    notes.push(format!("there is no template `{name}`"));
                }
                Some(template) if template.active.is_none() => {
                    works = false;
                    notes.push(format!("the template `{name}` has no version in force; promote one"));
                }
                Some(_) => {}
            },
        }
        let links = self.identity().external.links_at(&record.base_url);
        if !links && record.settings.identity_providers.is_empty() {
            notes.push(format!(
                "nobody can link an account of this forge: no `[[external_auth]]` of the configuration has the address {}",
                record.base_url
            ));
        }
        if !record.enabled {
            notes.push("the connection is turned off; nothing is done for it".to_owned());
        }
        Ok(works)
    }
}

/// Registers the webhook in one project; says whether the forge signs. `None` = the project cannot be seen.
async fn register(
    forge: &dyn Forge,
    path: &str,
    wanted: &HookWanted,
) -> Result<Option<bool>, bailey_forges::ForgeError> {
    let Some(project) = forge.project(ProjectKey::Path(path)).await? else {
        return Ok(None);
    };
    let hook = forge.hook_ensure(&project.project, wanted).await?;
    Ok(Some(hook.get().signs))
}
