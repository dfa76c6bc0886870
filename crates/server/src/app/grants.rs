//! Grants: roles that people and groups have besides.

use bailey_api::roles::{Grant as Shown, GrantCreate, GrantListQuery, GrantSource};
use bailey_api::{FieldError, Named, Page};
use bailey_core::authz::{Action, AnyRole, Grant, Held, Reach, Subject};
use bailey_core::{GrantId, GroupId, PersonId};
use bailey_gate::authorize::Actor;
use bailey_runtime::ids::NewId;
use bailey_store::{GrantFilter, LedgerReach};

use super::caller::sees;
use super::names::Names;
use super::roles::{beyond, may_give, named};
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'q';

impl App {
    /// Grants a role to a person or a group.
    pub(crate) async fn grant_create(&self, caller: &Caller, ask: GrantCreate) -> Result<Shown, AppError> {
        let role = self.store().role_by_name(&ask.role).await?;
        let role = role.ok_or_else(|| AppError::field("/role", "is no role; `bailey roles list` shows them"))?;
        let reach = LedgerReach::All;
        let subject = match (&ask.person, &ask.group) {
            (Some(text), None) => {
                let found = self.find_person(text, &reach).await?;
                Subject::Person(found.ok_or_else(|| AppError::field("/person", "is nobody"))?.id)
            }
            (None, Some(text)) => {
                let found = self.find_group(text, &reach, caller).await?;
                Subject::Group(found.ok_or_else(|| AppError::field("/group", "is no group"))?.id)
            }
            _ => return Err(AppError::field("/person", "give either this or `group`")),
        };
        may_give(caller, &role, into(subject), "/role")?;
        let now = self.now();
        let grant = Grant {
            id: GrantId::new_at(now),
            role: role.name().to_owned(),
            subject,
            provider: None,
            created_at: now,
            created_by: Some(caller.person()),
        };
        let shown = self.grant_shown(grant.clone(), &mut Names::default()).await?;
        caller
            .record(Change::new("grants.create", resource(&grant)).after(&shown))
            .await?;
        self.store().grant_insert(&grant).await?;
        self.gate().forget_all().await?;
        Ok(shown)
    }

    /// Grants within reach, newest first: of people, and of groups that have one of them.
    pub(crate) async fn grants_list(&self, caller: &Caller, query: GrantListQuery) -> Result<Page<Shown>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), GrantId::from_uuid)?;
        let mut filter = GrantFilter::within(reach.clone());
        let nothing = Page {
            items: Vec::new(),
            next_cursor: None,
        };
        let asked = (query.person.as_deref(), query.group.as_deref());
        let Some(whose) = self.find_whose(caller, &reach, asked).await? else {
            return Ok(nothing);
        };
        (filter.person, filter.group) = (whose.person, whose.group);
        filter.role = query.role;
        let (grants, next) = self.store().grants_list(&filter, page).await?;
        let mut names = Names::default();
        let mut items = Vec::with_capacity(grants.len());
        for grant in grants {
            items.push(self.grant_shown(grant, &mut names).await?);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(GrantId::uuid)),
        })
    }

    /// Takes a granted role away; whoever could not give it cannot do that either. It holds at once, for open streams too.
    pub(crate) async fn grant_delete(&self, caller: &Caller, id: GrantId) -> Result<(), AppError> {
        let grant = self.store().grant_get(id).await?.ok_or(AppError::NotFound)?;
        let reach = self.people_within(caller).await?;
        let seen = match grant.subject {
            Subject::Person(person) => sees(&reach, Some(person)),
            Subject::Group(group) => reach == LedgerReach::All || caller.actor.groups.contains(&group),
        };
        if !seen {
            return Err(AppError::NotFound);
        }
        if let Some(role) = self.store().role_by_name(&grant.role).await? {
            may_give(caller, &role, into(grant.subject), "")?;
        }
        let change = Change::new("grants.delete", resource(&grant));
        let before = self.grant_shown(grant, &mut Names::default()).await?;
        caller.record(change.before(&before)).await?;
        self.store().grant_delete(id).await?;
        Ok(self.gate().forget_all().await?)
    }

    /// Refuses to put a person into a group, or to take them out, where that gives or takes more than the caller has. Nobody
    /// does so for themselves unless they may raise any limit: a group has budgets, a quota and models.
    pub(super) async fn may_set_member(
        &self,
        caller: &Caller,
        group: GroupId,
        person: PersonId,
        joins: bool,
    ) -> Result<(), AppError> {
        let mut errors = Vec::new();
        if person == caller.person() && !caller.sets_limits() {
            let detail = "only those who may set budgets put themselves into groups or take themselves out";
            errors.push(FieldError::body("", detail));
        }
        errors.extend(self.beyond_group(&caller.actor, group, "").await?);
        if joins && let Some(other) = self.actor_of(person).await? {
            errors.extend(widened(&caller.actor, &other.grants, group));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(AppError::Beyond(errors))
        }
    }

    /// What everyone in a group was granted and an actor could not give.
    pub(super) async fn beyond_group(
        &self,
        actor: &Actor,
        group: GroupId,
        pointer: &str,
    ) -> Result<Vec<FieldError>, AppError> {
        let held = self.store().grants_of_group(group).await?;
        let errors = held
            .iter()
            .filter_map(|held| beyond(actor, &held.role, Some(group), pointer));
        Ok(errors.collect())
    }

    async fn grant_shown(&self, grant: Grant, names: &mut Names) -> Result<Shown, AppError> {
        let (person, group) = match grant.subject {
            Subject::Person(id) => (Some(names.person(self, id).await?), None),
            Subject::Group(id) => {
                let found = self.store().group_get(id).await?;
                let name = found.map_or_else(|| id.to_string(), |group| group.name);
                let id = id.to_string();
                (None, Some(Named { id, name }))
            }
        };
        Ok(Shown {
            id: grant.id,
            role: grant.role,
            person,
            group,
            source: match grant.provider {
                None => GrantSource::Manual,
                Some(_) => GrantSource::Provider,
            },
            provider: grant.provider,
            created_at: grant.created_at.into(),
            created_by: match grant.created_by {
                Some(person) => Some(names.person(self, person).await?),
                None => None,
            },
        })
    }
}

/// A grant as the audit log names it.
fn resource(grant: &Grant) -> Resource {
    Resource::new("grant", grant.id).named(&grant.role)
}

const fn into(subject: Subject) -> Option<GroupId> {
    match subject {
        Subject::Person(_) => None,
        Subject::Group(group) => Some(group),
    }
}

/// What somebody's own grants that reach into their groups would reach with this group among them, and the actor does not.
fn widened(actor: &Actor, grants: &[Held], group: GroupId) -> Option<FieldError> {
    let personal = grants.iter().filter(|held| held.group.is_none());
    let reaching = |role: &AnyRole| {
        let actions = Action::ALL.iter().copied();
        actions
            .filter(|action| role.reach(*action) == Some(Reach::Group))
            .collect::<Vec<_>>()
    };
    let mut beyond: Vec<Action> = personal
        .flat_map(|held| reaching(&held.role))
        .filter(|action| {
            !actor
                .may(*action)
                .is_ok_and(|extent| extent.may_give(Reach::Group, Some(group)))
        })
        .collect();
    beyond.sort_unstable();
    beyond.dedup();
    (!beyond.is_empty()).then(|| {
        let detail = format!(
            "they would reach further into the group than you do: {}",
            named(&beyond)
        );
        FieldError::body("", detail)
    })
}
