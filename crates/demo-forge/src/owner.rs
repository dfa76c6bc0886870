//! What the forge's owner, the program that runs it, asks of it directly.

use std::time::Duration;

use crate::act::{Act, IssueChange};
use crate::api::checked_scopes;
use crate::auth;
use crate::clock;
use crate::error::ApiError;
use crate::model::{Application, Project, State};
use crate::secret::{self, Hashed};
use crate::server::{DemoError, DemoForge};

/// A client of OAuth that has been made. Its secret is told here alone.
#[derive(Clone, PartialEq, Eq)]
pub struct OauthClient {
    /// The client's id.
    pub id: String,
    /// The client's secret.
    pub secret: String,
}

impl std::fmt::Debug for OauthClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OauthClient")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl DemoForge {
    /// Makes a personal access token of a user, good for `life` or for ever. The secret is told here alone: the forge keeps a hash.
    ///
    /// # Errors
    /// Where there is no such user or scope.
    pub fn token_create(
        &self,
        username: &str,
        name: &str,
        scopes: &[&str],
        life: Option<Duration>,
    ) -> Result<String, DemoError> {
        let scopes = checked_scopes(scopes.iter().map(|scope| (*scope).to_owned()).collect())?;
        let secret = secret::new("glpat-").map_err(ApiError::from)?;
        let expires = life.map(|life| clock::now().saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX)));
        self.shared.store.change(|state| {
            let user = state.user_named(username).ok_or(ApiError::NotFound("User"))?.id;
            auth::new_token(state, user, name, &scopes, expires, &secret);
            Ok::<_, ApiError>(())
        })?;
        Ok(secret)
    }

    /// Registers a client of OAuth with the addresses that it may return to. A client of the same name is replaced: its secret and its
    /// tokens are no longer good.
    ///
    /// # Errors
    /// Where a scope is none, or an address is not http or https.
    pub fn oauth_client_create(
        &self,
        name: &str,
        redirect_uris: &[&str],
        scopes: &[&str],
    ) -> Result<OauthClient, DemoError> {
        let scopes = checked_scopes(scopes.iter().map(|scope| (*scope).to_owned()).collect())?;
        let web = |uri: &&str| {
            let parsed = uri.parse::<http::Uri>();
            parsed.is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some())
        };
        if redirect_uris.is_empty()
            || !redirect_uris.iter().all(web)
            || redirect_uris.iter().any(|uri| uri.contains('#'))
        {
            return Err(ApiError::Invalid("redirect_uri").into());
        }
        let client = OauthClient {
            id: secret::new("").map_err(ApiError::from)?,
            secret: secret::new("gloas-").map_err(ApiError::from)?,
        };
        self.shared.store.change(|state| {
            let gone: Vec<i64> = state
                .applications
                .iter()
                .filter(|known| known.name == name)
                .map(|known| known.id)
                .collect();
            state.applications.retain(|known| known.name != name);
            state.grants.retain(|grant| !gone.contains(&grant.application));
            let application = Application {
                id: state.new_id(),
                name: name.to_owned(),
                client_id: client.id.clone(),
                secret: Hashed::of(&client.secret),
                redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
                scopes,
            };
            state.applications.push(application);
            Ok::<_, ApiError>(())
        })?;
        Ok(client)
    }

    /// Puts labels on a ticket and takes others off, as one of its users: webhooks tell of it.
    ///
    /// # Errors
    /// Where there is no such user, project or ticket, or the user may not.
    pub fn ticket_label(
        &self,
        username: &str,
        project: &str,
        number: i64,
        add: &[&str],
        remove: &[&str],
    ) -> Result<(), DemoError> {
        let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        let change = IssueChange {
            add_labels: owned(add),
            remove_labels: owned(remove),
            ..IssueChange::default()
        };
        self.ticket_change(username, project, number, change)
    }

    /// Assigns a ticket to users, and to nobody else, as one of its users: webhooks tell of it.
    ///
    /// # Errors
    /// Where there is no such user, project or ticket, or the user may not.
    pub fn ticket_assign(&self, username: &str, project: &str, number: i64, to: &[&str]) -> Result<(), DemoError> {
        let ids = self.shared.store.read(|state| {
            let id = |name: &&str| {
                state
                    .user_named(name)
                    .map(|user| user.id)
                    .ok_or(ApiError::NotFound("User"))
            };
            to.iter().map(id).collect::<Result<Vec<_>, _>>()
        })?;
        let change = IssueChange {
            assignees: Some(ids),
            ..IssueChange::default()
        };
        self.ticket_change(username, project, number, change)
    }

    fn ticket_change(&self, username: &str, project: &str, number: i64, change: IssueChange) -> Result<(), DemoError> {
        let events = self.shared.store.change(|state| {
            let (actor, project) = found(state, username, project)?;
            let issue = state
                .issue(project.id, number)
                .cloned()
                .ok_or(ApiError::NotFound("Issue"))?;
            let act = Act {
                base: &self.shared.base,
                project: &project,
                actor,
            };
            let (_, events) = act.issue_update(state, &issue, change)?;
            Ok::<_, ApiError>(events)
        })?;
        Ok(self.shared.tell(&events)?)
    }
}

fn found(state: &State, username: &str, project: &str) -> Result<(i64, Project), ApiError> {
    let user = state.user_named(username).ok_or(ApiError::NotFound("User"))?;
    let project = state.project_by_key(project).ok_or(ApiError::NotFound("Project"))?;
    Ok((user.id, project.clone()))
}
