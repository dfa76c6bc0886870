//! Who may use which templates.

use bailey_api::templates::TemplateAccess as Wire;
use bailey_core::authz::{Action, Extent};
use bailey_core::{PersonId, TemplateId};
use bailey_gate::authorize::Actor;
use bailey_store::{LedgerReach, TemplateAccess};

use crate::app::caller::sees;
use crate::app::checks::Checks;
use crate::app::names::Names;
use crate::app::{App, AppError, Caller};
use crate::audit::{Change, Resource};

impl App {
    /// Who may use a template: of the groups and people those that the caller can see.
    pub(crate) async fn template_access_get(&self, caller: &Caller, text: &str) -> Result<Wire, AppError> {
        let template = self.template(caller, text).await?;
        self.access_shown(caller, template.id).await
    }

    /// Sets who may use a template. Workspaces that others have of it run on.
    pub(crate) async fn template_access_set(&self, caller: &Caller, text: &str, ask: Wire) -> Result<Wire, AppError> {
        let template = self.template(caller, text).await?;
        let (mut groups, mut people) = (Vec::new(), Vec::new());
        let mut checks = Checks::default();
        checks.names("/groups", &ask.groups);
        checks.names("/people", &ask.people);
        for (at, text) in ask.groups.iter().enumerate() {
            match self.find_group(text, &LedgerReach::All, caller).await? {
                Some(group) => groups.push(group.id),
                None => checks.wrong(format!("/groups/{at}"), "is no group"),
            }
        }
        for (at, text) in ask.people.iter().enumerate() {
            match self.find_person(text, &LedgerReach::All).await? {
                Some(person) => people.push(person.id),
                None => checks.wrong(format!("/people/{at}"), "is nobody"),
            }
        }
        checks.done()?;
        let access = TemplateAccess {
            everyone: ask.everyone,
            groups,
            people,
        };
        let change = Change::new(
            "templates.access",
            Resource::new("template", template.id).named(&template.name),
        );
        let before = self.access_shown(caller, template.id).await?;
        caller.record(change.before(&before).after(&ask)).await?;
        self.store().template_access_set(template.id, &access).await?;
        self.access_shown(caller, template.id).await
    }

    async fn access_shown(&self, caller: &Caller, id: TemplateId) -> Result<Wire, AppError> {
        let access = self.store().template_access(id).await?;
        let people = self.seen_by(caller, Action::PersonRead).await?;
        let every_group = caller.actor.may(Action::GroupRead) == Ok(Extent::All);
        let mut names = Names::default();
        let mut shown = Wire {
            everyone: access.everyone,
            groups: Vec::new(),
            people: Vec::new(),
        };
        for id in access.groups {
            if !every_group && !caller.actor.groups.contains(&id) {
                continue;
            }
            shown
                .groups
                .extend(self.store().group_get(id).await?.map(|group| group.name));
        }
        for id in access.people {
            if sees(&people, Some(id)) {
                shown.people.push(names.person(self, id).await?.name);
            }
        }
        Ok(shown)
    }

    /// Whose things of another action the caller sees; nobody's where they may not do it.
    async fn seen_by(&self, caller: &Caller, action: Action) -> Result<LedgerReach, AppError> {
        match Caller::authorize(caller.actor.clone(), action) {
            Ok(caller) => self.people_within(&caller).await,
            Err(_) => Ok(LedgerReach::People(Vec::new())),
        }
    }

    /// Whether somebody may use a template: everyone may, they or a group of theirs are named, or they see all templates.
    pub(crate) async fn template_open_to(&self, actor: &Actor, id: TemplateId) -> Result<bool, AppError> {
        if actor.may(Action::TemplateRead) == Ok(Extent::All) {
            return Ok(true);
        }
        Ok(self.store().template_usable(id, actor.person.id).await?)
    }

    /// The same for a workspace's owner.
    pub(crate) async fn template_open_to_owner(&self, owner: PersonId, id: TemplateId) -> Result<bool, AppError> {
        match self.actor_of(owner).await? {
            Some(actor) => self.template_open_to(&actor, id).await,
            None => Ok(false),
        }
    }
}
