//! Why something is allowed, or is not: the decision itself, asked for with its reasons.

use bailey_api::policy::{ExplainQuery, Explanation, Reason as Wire, ReasonSource};
use bailey_core::authz::{Action, Extent};
use bailey_core::people::PersonStatus;
use bailey_core::workspace::Workspace;
use bailey_gate::authorize::{Actor, Denied, Reason};
use bailey_store::LedgerReach;

use super::{App, AppError, Caller};
use crate::audit::Trail;

/// What something is done to.
enum Target {
    Person(String),
    Group(String),
    Key(bailey_core::KeyId),
    Token(bailey_core::TokenId),
    Session(bailey_core::SessionId),
    Budget(bailey_core::BudgetId),
    Request(bailey_core::RequestId),
    Template(String),
    Workspace(Box<Workspace>),
    Role(String),
}

impl App {
    /// Decides as for a request, and tells what was looked at. Whoever asks must see what it is done to, and for another person
    /// who holds what.
    pub(crate) async fn policy_explain(&self, asker: &Caller, query: ExplainQuery) -> Result<Explanation, AppError> {
        let action: Action = query
            .action
            .parse()
            .map_err(|error: bailey_core::authz::UnknownName| wrong("action", error.to_string()))?;
        let actor = self.explained(&asker.actor, query.person.as_deref()).await?;
        let target = match query.resource.as_deref() {
            Some(text) => Some(self.target(text).await?),
            None => None,
        };
        if let Some(target) = &target {
            let seen = match Caller::authorize(asker.actor.clone(), seeing(target)) {
                Ok(asker) => self.reaches(&asker, target).await?,
                Err(_) => false,
            };
            if !seen {
                return Err(AppError::NotFound);
            }
        }
        let mut reasons = Vec::new();
        let decided = actor.decide(action, |reason| reasons.push(shown(&reason, action)));
        let extent = match decided {
            Ok(extent) => extent,
            Err(denied) => return Ok(refused(denied, reasons)),
        };
        let caller = Caller {
            reach: extent.clone(),
            actor,
            trail: Trail::default(),
        };
        let mut allowed = true;
        if let Some(target) = &target {
            allowed = self.reaches(&caller, target).await?;
            reasons.push(Wire {
                source: ReasonSource::Resource,
                detail: reached(&extent, allowed).to_owned(),
                allows: allowed,
            });
            if let (true, Some(reason)) = (allowed, self.template_reason(&caller, action, target).await?) {
                allowed = reason.allows;
                reasons.push(reason);
            }
        }
        Ok(Explanation {
            allowed,
            reach: Some(extent.reach()),
            reasons,
        })
    }

    /// Whom it is asked for.
    async fn explained(&self, asker: &Actor, text: Option<&str>) -> Result<Actor, AppError> {
        let own = |text: &str| text == asker.person.name || text == asker.person.id.to_string();
        let Some(text) = text.filter(|text| !own(text)) else {
            return Ok(asker.clone());
        };
        let caller = Caller::authorize(asker.clone(), Action::RoleRead)?;
        let person = self.person_within(&caller, text).await?;
        self.actor_of(person.id).await?.ok_or(AppError::NotFound)
    }

    /// What a text names, whether or not anybody sees it.
    async fn target(&self, text: &str) -> Result<Target, AppError> {
        if let Some((kind, name)) = text.split_once(':') {
            let name = name.to_owned();
            return match kind {
                "person" => Ok(Target::Person(name)),
                "group" => Ok(Target::Group(name)),
                "template" => Ok(Target::Template(name)),
                "role" => Ok(Target::Role(name)),
                "workspace" => self.named_workspace(&name).await,
                _ => Err(unknown()),
            };
        }
        let id = text.to_owned();
        match text.split_once('_').map(|(prefix, _)| prefix) {
            Some("usr") => Ok(Target::Person(id)),
            Some("grp") => Ok(Target::Group(id)),
            Some("tpl") => Ok(Target::Template(id)),
            Some("key") => text.parse().map(Target::Key).map_err(|_| AppError::NotFound),
            Some("tok") => text.parse().map(Target::Token).map_err(|_| AppError::NotFound),
            Some("ses") => text.parse().map(Target::Session).map_err(|_| AppError::NotFound),
            Some("bud") => text.parse().map(Target::Budget).map_err(|_| AppError::NotFound),
            Some("req") => text.parse().map(Target::Request).map_err(|_| AppError::NotFound),
            Some("ws") => {
                let id = text.parse().map_err(|_| AppError::NotFound)?;
                self.target_workspace(self.store().workspace_get(id).await?)
            }
            _ => Err(unknown()),
        }
    }

    async fn named_workspace(&self, text: &str) -> Result<Target, AppError> {
        let (owner, name) = text.split_once('/').ok_or_else(unknown)?;
        let owner = self.find_person(owner, &LedgerReach::All).await?;
        let owner = owner.ok_or(AppError::NotFound)?;
        self.target_workspace(self.store().workspace_by_name(owner.id, name).await?)
    }

    #[expect(clippy::unused_self, reason = "it stands beside what looks the workspace up")]
    fn target_workspace(&self, found: Option<Workspace>) -> Result<Target, AppError> {
        let found = found.filter(|workspace| workspace.deleted_at.is_none());
        found
            .map(|workspace| Target::Workspace(Box::new(workspace)))
            .ok_or(AppError::NotFound)
    }

    /// Whether an action that is allowed reaches this: by the same ways that the action itself looks it up.
    async fn reaches(&self, caller: &Caller, target: &Target) -> Result<bool, AppError> {
        let reach = self.people_within(caller).await?;
        let found = match target {
            Target::Person(text) => self.person_within(caller, text).await.map(drop),
            Target::Group(text) => {
                let found = self.find_group(text, &reach, caller).await?;
                found.map(drop).ok_or(AppError::NotFound)
            }
            Target::Key(id) => self.key_within(caller, *id).await.map(drop),
            Target::Token(id) => self.token_within(caller, *id).await.map(drop),
            Target::Session(id) => self.session_within(caller, *id).await.map(drop),
            Target::Budget(id) => self.budget_get(caller, *id).await.map(drop),
            Target::Request(id) => self.request_get(caller, *id).await.map(drop),
            Target::Template(text) => self.template(caller, text).await.map(drop),
            Target::Workspace(workspace) => self.workspace_within(caller, workspace.id).await.map(drop),
            Target::Role(name) => self.role_get(caller, name).await.map(drop),
        };
        match found {
            Ok(()) => Ok(true),
            Err(AppError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What access to templates says of it.
    async fn template_reason(
        &self,
        caller: &Caller,
        action: Action,
        target: &Target,
    ) -> Result<Option<Wire>, AppError> {
        let (allows, detail) = match (action, target) {
            (Action::WorkspaceCreate, Target::Template(text)) => {
                let Some(template) = self.find_template(text).await? else {
                    return Ok(None);
                };
                let open = self.template_open_to(&caller.actor, template.id).await?;
                (
                    open,
                    if open {
                        "they may use the template"
                    } else {
                        "they may not use the template"
                    },
                )
            }
            (Action::WorkspaceUpdate, Target::Workspace(workspace)) => {
                if self.template_open_to_owner(workspace.owner, workspace.template).await? {
                    return Ok(None);
                }
                let detail =
                    "its owner may not use its template any more: it can be stopped, and not started or updated";
                (false, detail)
            }
            _ => return Ok(None),
        };
        Ok(Some(Wire {
            source: ReasonSource::TemplateAccess,
            detail: detail.to_owned(),
            allows,
        }))
    }
}

fn wrong(parameter: &'static str, detail: impl Into<String>) -> AppError {
    AppError::Query {
        parameter,
        detail: detail.into(),
    }
}

fn unknown() -> AppError {
    wrong(
        "resource",
        "must be an id, or person:NAME, group:NAME, template:NAME, role:NAME or workspace:OWNER/NAME",
    )
}

/// What it takes to see something.
const fn seeing(target: &Target) -> Action {
    match target {
        Target::Person(_) => Action::PersonRead,
        Target::Group(_) => Action::GroupRead,
        Target::Key(_) => Action::KeyRead,
        Target::Token(_) => Action::TokenRead,
        Target::Session(_) => Action::SessionRead,
        Target::Budget(_) => Action::BudgetRead,
        Target::Request(_) => Action::LedgerRead,
        Target::Template(_) => Action::TemplateRead,
        Target::Workspace(_) => Action::WorkspaceRead,
        Target::Role(_) => Action::RoleRead,
    }
}

fn refused(denied: Denied, reasons: Vec<Wire>) -> Explanation {
    tracing::debug!(%denied, "explained");
    Explanation {
        allowed: false,
        reach: None,
        reasons,
    }
}

const fn reached(extent: &Extent, allowed: bool) -> &'static str {
    match (extent, allowed) {
        (Extent::All, true) => "everyone's are reached",
        (_, true) => "it is theirs, or of somebody in a group that is reached",
        (Extent::All, false) => "there is no such thing",
        (Extent::Own, false) => "there is no such thing among their own",
        (Extent::Groups(_), false) => "there is no such thing among their own and those of the groups that are reached",
    }
}

fn shown(reason: &Reason<'_>, action: Action) -> Wire {
    let (source, detail, allows) = match reason {
        Reason::Status(status) => {
            let active = *status == PersonStatus::Active;
            let detail = if active {
                "the person is active"
            } else {
                "the person is suspended"
            };
            (ReasonSource::Status, detail.to_owned(), active)
        }
        Reason::Role(role, reach) => {
            let detail = match reach {
                Some(reach) => format!(
                    "the role `{role}` includes {action} on {}",
                    whose(&Extent::of(*reach, []))
                ),
                None => format!("the role `{role}` does not include {action}"),
            };
            (ReasonSource::Role, detail, reach.is_some())
        }
        Reason::Grant(held, extent) => {
            let role = held.role.name();
            let (source, how) = match &held.group {
                None => (ReasonSource::Grant, format!("the granted role `{role}`")),
                Some((_, group)) => (
                    ReasonSource::Group,
                    format!("the role `{role}`, granted to the group `{group}`,"),
                ),
            };
            let detail = match extent {
                Some(extent) => format!("{how} includes {action} on {}", whose(extent)),
                None => format!("{how} does not include {action}"),
            };
            (source, detail, extent.is_some())
        }
        Reason::Token(allows) => {
            let detail = if *allows {
                format!("no token narrows {action} away")
            } else {
                format!("the scopes of the token that asks do not include {action}")
            };
            (ReasonSource::Token, detail, *allows)
        }
    };
    Wire { source, detail, allows }
}

const fn whose(extent: &Extent) -> &'static str {
    match extent {
        Extent::Own => "what is theirs",
        Extent::Groups(_) => "what is of people in the group",
        Extent::All => "everything",
    }
}
