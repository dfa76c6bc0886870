//! Who may open what, as it is now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bailey_core::audit::ActorKind;
use bailey_core::authz::{Action, TokenScopes};
use bailey_core::template::{Sharing, Target};
use bailey_core::workspace::{Workspace, WorkspaceStatus};
use bailey_core::{PersonId, SessionId, Timestamp, TokenId, WorkspaceId};
use bailey_gate::authorize::Actor;
use bailey_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::host::Label;
use super::session::Session;
use crate::audit::{Resource, Who};
use crate::streams::Inside;

/// The app that Bailey itself serves: a terminal in the browser. It takes the place of a template's app of this name.
pub(crate) const TERMINAL: &str = "terminal";
/// How often open connections are judged anew.
const INTERVAL: Duration = Duration::from_millis(1500);
/// How long an open connection outlives a database that does not answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// An app that is there.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Its workspace.
    pub(crate) workspace: WorkspaceId,
    /// The workspace's name.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) owner: PersonId,
    /// How the workspace is.
    pub(crate) status: WorkspaceStatus,
    /// Who may open it, within what the deployment allows.
    pub(crate) sharing: Sharing,
    /// Where it lies outside Bailey.
    pub(crate) external: Option<String>,
}

/// The app of this name in a workspace.
pub(crate) fn site(workspace: Workspace, app: &str, most: Sharing) -> Option<Site> {
    if workspace.deleted_at.is_some() {
        return None;
    }
    let status = workspace.status();
    let (sharing, external) = if app == TERMINAL {
        (Sharing::Owner, None)
    } else {
        let app = workspace.resolved.apps.into_iter().find(|a| a.name == app)?;
        match app.target {
            Target::External(address) => (app.sharing, Some(address)),
            Target::Port(_) | Target::Socket(_) => (app.sharing, None),
        }
    };
    Some(Site {
        workspace: workspace.id,
        name: workspace.name,
        owner: workspace.owner,
        status,
        sharing: sharing.min(most),
        external,
    })
}

/// Looks up what decides, at most a moment old.
pub(crate) struct Access {
    store: Store,
    most: Sharing,
    sites: Cache<Label, Option<Arc<Site>>>,
    people: Cache<PersonId, bool>,
    tokens: Cache<TokenId, Option<Timestamp>>,
    sessions: Cache<SessionId, Option<Timestamp>>,
}

impl Access {
    pub(crate) fn new(store: Store, most: Sharing) -> Self {
        Self {
            store,
            most,
            sites: Cache::default(),
            people: Cache::default(),
            tokens: Cache::default(),
            sessions: Cache::default(),
        }
    }

    /// The app that a host name names.
    pub(crate) async fn site(&self, label: &Label) -> Result<Option<Arc<Site>>, StoreError> {
        self.sites.get(label, async || self.find(label).await).await
    }

    async fn find(&self, label: &Label) -> Result<Option<Arc<Site>>, StoreError> {
        let workspace = match label {
            Label::Numbered { workspace, .. } => self.store.workspace_get(*workspace).await?,
            Label::Named { workspace, owner, .. } => match self.store.person_by_name(owner).await? {
                Some(owner) => self.store.workspace_by_name(owner.id, workspace).await?,
                None => None,
            },
        };
        let site = workspace.and_then(|w| site(w, label.app(), self.most));
        Ok(site.filter(|site| site.external.is_none()).map(Arc::new))
    }

    /// Whether somebody with this session may open the app, as things are now.
    pub(crate) async fn may(
        &self,
        site: &Site,
        app: &str,
        session: Option<&Session>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // With its owner suspended, nothing of a workspace is open.
        if !self.active(site.owner).await? {
            return Ok(false);
        }
        if site.sharing == Sharing::Public {
            return Ok(true);
        }
        let Some(session) = session.filter(|s| s.is_for(site.workspace, app) && now < s.expires_at) else {
            return Ok(false);
        };
        if session.person != site.owner && site.sharing < Sharing::Authenticated {
            return Ok(false);
        }
        Ok(self.active(session.person).await?
            && self.token_good(session.token, now).await?
            && self.session_good(session.parent, now).await?)
    }

    /// Whether a person may go into workspaces at all.
    async fn active(&self, id: PersonId) -> Result<bool, StoreError> {
        let find = async || {
            let holder = self.store.holder(id).await?;
            let actor = holder.map(|holder| Actor::of(holder, TokenScopes::All, None, None));
            Ok(actor.is_some_and(|actor| actor.may(Action::WorkspaceAccess).is_ok()))
        };
        self.people.get(&id, find).await
    }

    /// Whether the API token that a session was opened with is still good.
    async fn token_good(&self, id: Option<TokenId>, now: Timestamp) -> Result<bool, StoreError> {
        let Some(id) = id else { return Ok(true) };
        let find = async || {
            let token = self.store.token_get(id).await?;
            let good = token.filter(|t| t.revoked_at.is_none());
            Ok::<_, StoreError>(good.map(|t| t.expires_at.unwrap_or(Timestamp::from_micros(i64::MAX))))
        };
        let until = self.tokens.get(&id, find).await?;
        Ok(until.is_some_and(|until| now < until))
    }

    /// Whether the session of Bailey itself that one was opened with is still good. That it lies unused does not matter:
    /// whoever works in an app does not use Bailey's pages.
    async fn session_good(&self, id: Option<SessionId>, now: Timestamp) -> Result<bool, StoreError> {
        let Some(id) = id else { return Ok(true) };
        let find = async || {
            let session = self.store.session_get(id).await?;
            let good = session.filter(|s| s.ended_at.is_none());
            Ok::<_, StoreError>(good.map(|s| s.expires_at))
        };
        let until = self.sessions.get(&id, find).await?;
        Ok(until.is_some_and(|until| now < until))
    }

    /// Waits until a visit that was let through is over.
    pub(crate) async fn until_over(&self, visit: &Visit, now: impl Fn() -> Timestamp) {
        let mut good = Instant::now();
        loop {
            tokio::time::sleep(INTERVAL).await;
            let judged = async {
                let site = self.site(&visit.label).await?;
                let Some(site) = site.filter(|site| site.workspace == visit.site.workspace) else {
                    return Ok(false);
                };
                self.may(&site, visit.label.app(), visit.session.as_ref(), now()).await
            };
            // A database that does not answer says no as well, only later.
            let judged = tokio::time::timeout(PATIENCE, Box::pin(judged));
            let verdict: Result<bool, StoreError> = match judged.await {
                Ok(verdict) => verdict,
                Err(_) => return,
            };
            match verdict {
                Ok(true) => good = Instant::now(),
                Err(_) if good.elapsed() < PATIENCE => {}
                Ok(false) | Err(_) => return,
            }
        }
    }
}

/// A visit to an app that was let through.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// What the host name says.
    pub(crate) label: Label,
    /// What it names.
    pub(crate) site: Arc<Site>,
    /// Who visits; `None` = somebody, where everyone may.
    pub(crate) session: Option<Session>,
    /// Cancelled when it is to end at once.
    pub(crate) end: CancellationToken,
}

impl Visit {
    /// What it leads into.
    pub(crate) fn inside(&self) -> Inside {
        Inside {
            workspace: self.site.workspace,
            owner: self.site.owner,
        }
    }
}

impl Visit {
    /// The workspace as the audit log names it.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new("workspace", self.site.workspace).named(&self.site.name)
    }

    /// Who visits, as the audit log has them.
    pub(crate) fn who(&self) -> Who {
        self.session.as_ref().map_or_else(Who::anonymous, |session| Who {
            person: Some(session.person),
            kind: ActorKind::Person,
            session: session.parent,
            token: session.token,
            ..Who::anonymous()
        })
    }
}
