//! The webhook, and whether a connection works.

use serde::{Deserialize, Serialize};

use super::wire::{WireProject, WireUser};
use super::{GitLab, PAGE, ROOT};
use crate::api::Paging;
use crate::error::{Cause, ForgeError};
use crate::forge::{Check, Hook, HookWanted, Missing, ProjectKey};
use crate::model::{Access, Ensured, ProjectRef};

#[derive(Debug, Clone, Deserialize)]
struct WireHook {
    id: i64,
    url: String,
    issues_events: Option<bool>,
    confidential_issues_events: Option<bool>,
    note_events: Option<bool>,
    confidential_note_events: Option<bool>,
    merge_requests_events: Option<bool>,
    alert_status: Option<String>,
    signing_token_present: Option<bool>,
}

impl From<WireHook> for Hook {
    fn from(hook: WireHook) -> Self {
        let events = [
            hook.issues_events,
            hook.confidential_issues_events,
            hook.note_events,
            hook.confidential_note_events,
            hook.merge_requests_events,
        ];
        Self {
            id: hook.id,
            url: hook.url,
            signs: hook.signing_token_present == Some(true),
            // Versions that do not say never stop.
            enabled: hook.alert_status.is_none_or(|status| status == "executable"),
            complete: events.iter().all(|event| *event == Some(true)),
        }
    }
}

#[derive(Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "GitLab has one field for each kind of event"
)]
struct HookBody<'a> {
    url: &'a str,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_token: Option<&'a str>,
    push_events: bool,
    issues_events: bool,
    confidential_issues_events: bool,
    note_events: bool,
    confidential_note_events: bool,
    merge_requests_events: bool,
    enable_ssl_verification: bool,
}

#[derive(Debug, Deserialize)]
struct WireToken {
    scopes: Option<Vec<String>>,
    expires_at: Option<String>,
}

impl GitLab {
    async fn find_hook(&self, project: &ProjectRef, url: &str) -> Result<Option<Hook>, ForgeError> {
        let target = Self::of_project(project, &["hooks"]).with("per_page", &PAGE.to_string());
        let mut found = None;
        let take = |page: Vec<WireHook>| {
            found = page.into_iter().find(|hook| hook.url == url);
            if found.is_some() { Paging::Enough } else { Paging::More }
        };
        self.api
            .pages("read the project's webhooks", ROOT, target, take)
            .await?;
        Ok(found.map(Hook::from))
    }

    pub(super) async fn ensure_hook(
        &self,
        project: &ProjectRef,
        wanted: &HookWanted,
    ) -> Result<Ensured<Hook>, ForgeError> {
        let body = HookBody {
            url: &wanted.url,
            token: wanted.token.expose(),
            signing_token: wanted.signing_token.as_ref().map(|token| token.expose().as_str()),
            push_events: false,
            issues_events: true,
            confidential_issues_events: true,
            note_events: true,
            confidential_note_events: true,
            merge_requests_events: true,
            enable_ssl_verification: true,
        };
        let found = self.find_hook(project, &wanted.url).await?;
        let found = match found {
            Some(hook) => hook,
            None => {
                let target = Self::of_project(project, &["hooks"]);
                match self.api.post::<WireHook>("register the webhook", &target, &body).await {
                    Ok(made) => return Ok(Ensured::Created(made.into())),
                    Err(error) if error.may_be_done() => self.find_hook(project, &wanted.url).await?.ok_or(error)?,
                    Err(error) => return Err(error),
                }
            }
        };
        let target = Self::of_project(project, &["hooks", &found.id.to_string()]);
        let changed: WireHook = self.api.put("change the webhook", &target, &body).await?;
        Ok(Ensured::Updated(changed.into()))
    }

    pub(super) async fn check_connection(&self, project: ProjectKey<'_>, hook_url: &str) -> Result<Check, ForgeError> {
        let mut check = Check {
            account: None,
            project: None,
            expires: None,
            hook: None,
            missing: Vec::new(),
        };
        self.check_token(&mut check).await?;
        let user = match self.user_of_token().await {
            Ok(user) => user,
            Err(error) => return refused(check, error),
        };
        let admin = user.is_admin == Some(true);
        check.account = Some(WireUser::account(user));
        match self.read_project(project).await {
            Ok(Some(found)) => self.check_project(&mut check, found, admin, hook_url).await?,
            Ok(None) => check.missing.push(Missing::Project),
            Err(error) => return refused(check, error),
        }
        Ok(check)
    }

    /// Tokens of OAuth cannot be asked for in this way, and GitLab says 404 or 401 of them; what they lack shows later.
    async fn check_token(&self, check: &mut Check) -> Result<(), ForgeError> {
        let target = Self::target(&["personal_access_tokens", "self"]);
        let token: WireToken = match self.api.get("read what the token may do", &target).await {
            Ok(token) => token,
            Err(error) if error.may_pass() => return Err(error),
            Err(_) => return Ok(()),
        };
        check.expires = token.expires_at;
        let scopes = token.scopes.unwrap_or_default();
        if !scopes.iter().any(|scope| scope == "api") {
            let has = if scopes.is_empty() {
                "none".to_owned()
            } else {
                scopes.join(", ")
            };
            check.missing.push(Missing::Scope { needed: "api", has });
        }
        Ok(())
    }

    async fn check_project(
        &self,
        check: &mut Check,
        found: WireProject,
        admin: bool,
        hook_url: &str,
    ) -> Result<(), ForgeError> {
        check.missing.extend(found.off().into_iter().map(Missing::Off));
        let mut project = found.into_model(self.api.base());
        if admin {
            project.access = Some(Access::Own);
        }
        let access = project.access.unwrap_or(Access::None);
        if project.archived {
            check.missing.push(Missing::Archived);
        }
        if project.default_branch.is_none() {
            check.missing.push(Missing::Empty);
        }
        if access < Access::Maintain {
            let what = "register the webhook, and to see confidential tickets";
            check.missing.push(Missing::Role {
                needed: "Maintainer",
                what,
            });
        } else {
            match self.find_hook(&project.project, hook_url).await {
                Ok(Some(hook)) => {
                    if !hook.enabled {
                        check.missing.push(Missing::HookDisabled);
                    }
                    if !hook.complete {
                        check.missing.push(Missing::HookEvents);
                    }
                    check.hook = Some(hook);
                }
                Ok(None) => check.missing.push(Missing::Hook),
                Err(error) if error.may_pass() => return Err(error),
                // The scope that it lacks is told already.
                Err(_) => {}
            }
        }
        check.project = Some(project);
        Ok(())
    }
}

/// What the forge refuses is what is missing.
fn refused(mut check: Check, error: ForgeError) -> Result<Check, ForgeError> {
    match error.cause {
        Cause::Token => check.missing.push(Missing::Token),
        Cause::Scope { .. }
            if check
                .missing
                .iter()
                .any(|missing| matches!(missing, Missing::Scope { .. })) => {}
        Cause::Scope { .. } => check.missing.push(Missing::Scope {
            needed: "api",
            has: "others".to_owned(),
        }),
        _ => return Err(error),
    }
    Ok(check)
}
