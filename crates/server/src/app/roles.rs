//! Roles, and the rule that nobody gives more than they have.

use bailey_api::groups::ListQuery;
use bailey_api::roles::{Permission, Role as Shown, RoleCreate, RoleUpdate};
use bailey_api::{Code, FieldError, Page};
use bailey_core::authz::{Action, AnyRole, CustomRole, Extent, Permissions, Role, TokenScopes};
use bailey_core::{GroupId, RoleId};
use bailey_gate::authorize::Actor;
use bailey_runtime::ids::NewId;
use bailey_store::ListPage;
use uuid::Uuid;

use super::checks::Checks;
use super::names::Names;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'o';
/// The actions that are named to somebody who would give too much.
const NAMED: usize = 3;
const DESCRIPTION: usize = 500;

/// Refuses to give a role, or to take it away, where it reaches further than the caller does: by their roles, by the scopes of
/// their token, and by reach. `into` is the group that it is given to, where it is a group. A member's role, which everyone
/// begins with, may be given with a narrowed token as well.
pub(super) fn may_give(caller: &Caller, role: &AnyRole, into: Option<GroupId>, pointer: &str) -> Result<(), AppError> {
    let error = beyond(&caller.actor, role, into, pointer);
    error.map_or(Ok(()), |error| Err(AppError::Beyond(vec![error])))
}

/// What stands against giving a role.
pub(super) fn beyond(actor: &Actor, role: &AnyRole, into: Option<GroupId>, pointer: &str) -> Option<FieldError> {
    let beyond = if *role == AnyRole::BuiltIn(Role::Member) {
        let whole = Actor {
            scopes: TokenScopes::All,
            ..actor.clone()
        };
        whole.beyond(role, into)
    } else {
        actor.beyond(role, into)
    };
    (!beyond.is_empty()).then(|| {
        let detail = format!("`{}` reaches further than you do: {}", role.name(), named(&beyond));
        FieldError::body(pointer, detail)
    })
}

/// Some actions in a sentence.
pub(super) fn named(actions: &[Action]) -> String {
    let mut text: Vec<_> = actions
        .iter()
        .take(NAMED)
        .map(|action| action.as_str().to_owned())
        .collect();
    if let Some(more) = actions.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push(format!("and {more} more"));
    }
    text.join(", ")
}

/// The id of a built-in role: older than all others, so that they come last.
fn built_in_id(role: Role) -> RoleId {
    let at = Role::ALL
        .iter()
        .rev()
        .position(|other| *other == role)
        .unwrap_or_default();
    RoleId::from_uuid(Uuid::from_u128(at as u128 + 1))
}

fn built_in(role: Role) -> Shown {
    Shown {
        id: built_in_id(role),
        name: role.as_str().to_owned(),
        description: about(role).to_owned(),
        built_in: true,
        permissions: shown(&Permissions::of(role)),
        created_at: None,
        created_by: None,
    }
}

const fn about(role: Role) -> &'static str {
    match role {
        Role::Owner => "Everything, but entering the workspaces of others",
        Role::TemplateAdmin => "What a member may; writes templates and sees all workspaces",
        Role::Member => "Their own keys, tokens, workspaces and spend",
        Role::Auditor => "Sees everything and changes nothing",
    }
}

fn shown(permissions: &Permissions) -> Vec<Permission> {
    permissions
        .iter()
        .map(|(action, reach)| Permission::new(action, reach))
        .collect()
}

fn parsed(asked: &[Permission], checks: &mut Checks) -> Permissions {
    let mut permissions = Permissions::default();
    for (at, permission) in asked.iter().enumerate() {
        match permission.action.parse() {
            Ok(action) => {
                if let Err(error) = permissions.add(action, permission.reach) {
                    checks.wrong(format!("/permissions/{at}"), error.to_string());
                }
            }
            Err(error) => {
                let error: bailey_core::authz::UnknownName = error;
                checks.wrong(format!("/permissions/{at}/action"), error.to_string());
            }
        }
    }
    permissions
}

fn described(checks: &mut Checks, description: &str) {
    if description.chars().count() > DESCRIPTION {
        checks.wrong("/description", format!("must have at most {DESCRIPTION} characters"));
    } else if description.chars().any(|c| c.is_control() && c != '\n') {
        checks.wrong("/description", "must have no control characters");
    }
}

impl App {
    /// Makes a role. It includes at most what its maker has.
    pub(crate) async fn role_create(&self, caller: &Caller, ask: RoleCreate) -> Result<Shown, AppError> {
        let description = ask.description.unwrap_or_default();
        let mut checks = Checks::default();
        checks.unique_name("/name", &ask.name);
        described(&mut checks, &description);
        let permissions = parsed(&ask.permissions, &mut checks);
        checks.done()?;
        may_give(caller, &any(&ask.name, &permissions), None, "/permissions")?;
        let now = self.now();
        let role = CustomRole {
            id: RoleId::new_at(now),
            name: ask.name,
            description,
            permissions,
            created_at: now,
            created_by: Some(caller.person()),
        };
        let shown = self.role_shown(role.clone(), &mut Names::default()).await?;
        caller
            .record(Change::new("roles.create", resource(&role)).after(&shown))
            .await?;
        self.store().role_insert(&role).await?;
        Ok(shown)
    }

    /// Roles: those that were made, newest first, and the built-in ones after them. Who does not see who holds what sees those
    /// that they hold.
    pub(crate) async fn roles_list(&self, caller: &Caller, query: ListQuery) -> Result<Page<Shown>, AppError> {
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), RoleId::from_uuid)?;
        let holder = (caller.reach != Extent::All).then(|| caller.person());
        let (custom, next) = self.store().roles_list(holder, page).await?;
        let mut names = Names::default();
        let mut items = Vec::with_capacity(custom.len());
        for role in custom {
            items.push(self.role_shown(role, &mut names).await?);
        }
        let mut next = next;
        if next.is_none() {
            next = built_in_after(caller, page, &mut items);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(RoleId::uuid)),
        })
    }

    /// One role by its name.
    pub(crate) async fn role_get(&self, caller: &Caller, name: &str) -> Result<Shown, AppError> {
        if let Ok(role) = name.parse::<Role>() {
            let seen = sees_built_in(caller, role);
            return seen.then(|| built_in(role)).ok_or(AppError::NotFound);
        }
        let role = self.store().role_custom(name).await?.ok_or(AppError::NotFound)?;
        let held = caller.actor.grants.iter().any(|held| held.role.name() == role.name);
        if caller.reach != Extent::All && !held {
            return Err(AppError::NotFound);
        }
        self.role_shown(role, &mut Names::default()).await
    }

    /// Changes a role, for everyone who holds it: what it included and what it will must be within what the caller has.
    pub(crate) async fn role_update(&self, caller: &Caller, name: &str, ask: RoleUpdate) -> Result<Shown, AppError> {
        let mut role = self.custom_role(name).await?;
        let mut checks = Checks::default();
        if let Some(description) = &ask.description {
            described(&mut checks, description);
        }
        let before = self.role_shown(role.clone(), &mut Names::default()).await?;
        let permissions = ask.permissions.map(|asked| parsed(&asked, &mut checks));
        checks.done()?;
        may_give(caller, &any(name, &role.permissions), None, "/permissions")?;
        if let Some(permissions) = permissions {
            may_give(caller, &any(name, &permissions), None, "/permissions")?;
            role.permissions = permissions;
        }
        role.description = ask.description.unwrap_or(role.description);
        let after = self.role_shown(role.clone(), &mut Names::default()).await?;
        let change = Change::new("roles.update", resource(&role)).before(&before);
        caller.record(change.after(&after)).await?;
        self.store().role_update(&role).await?;
        self.gate().forget_all().await?;
        Ok(after)
    }

    /// Deletes a role that nobody holds.
    pub(crate) async fn role_delete(&self, caller: &Caller, name: &str) -> Result<(), AppError> {
        let role = self.custom_role(name).await?;
        may_give(caller, &any(name, &role.permissions), None, "")?;
        let change = Change::new("roles.delete", resource(&role));
        let before = self.role_shown(role, &mut Names::default()).await?;
        caller.record(change.before(&before)).await?;
        Ok(self.store().role_delete(name).await?)
    }

    async fn custom_role(&self, name: &str) -> Result<CustomRole, AppError> {
        if name.parse::<Role>().is_ok() {
            return Err(AppError::Conflict {
                code: Code::RoleBuiltIn,
                detail: format!("`{name}` is built in; make a role of your own"),
            });
        }
        self.store().role_custom(name).await?.ok_or(AppError::NotFound)
    }

    async fn role_shown(&self, role: CustomRole, names: &mut Names) -> Result<Shown, AppError> {
        Ok(Shown {
            id: role.id,
            name: role.name,
            description: role.description,
            built_in: false,
            permissions: shown(&role.permissions),
            created_at: Some(role.created_at.into()),
            created_by: match role.created_by {
                Some(person) => Some(names.person(self, person).await?),
                None => None,
            },
        })
    }
}

/// A role as the audit log names it.
fn resource(role: &CustomRole) -> Resource {
    Resource::new("role", role.id).named(&role.name)
}

fn any(name: &str, permissions: &Permissions) -> AnyRole {
    AnyRole::Custom {
        name: name.to_owned(),
        permissions: permissions.clone(),
    }
}

fn sees_built_in(caller: &Caller, role: Role) -> bool {
    caller.reach == Extent::All
        || caller.actor.person.role == role
        || caller
            .actor
            .grants
            .iter()
            .any(|held| held.role == AnyRole::BuiltIn(role))
}

/// Fills a page up with built-in roles, which come after all others. Answers where to go on.
fn built_in_after(caller: &Caller, page: ListPage<RoleId>, items: &mut Vec<Shown>) -> Option<RoleId> {
    let room = (page.limit as usize).saturating_sub(items.len());
    let after = |role: &Role| page.after.is_none_or(|after| built_in_id(*role) < after);
    let mut left = Role::ALL
        .into_iter()
        .filter(|role| after(role) && sees_built_in(caller, *role));
    items.extend(left.by_ref().take(room).map(built_in));
    left.next().and_then(|_| items.last().map(|role| role.id))
}
