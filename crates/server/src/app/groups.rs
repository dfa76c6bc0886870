//! Groups of people.

use bailey_api::groups::{Group as GroupView, GroupCreate, GroupDetail, GroupUpdate, ListQuery};
use bailey_api::quota::Quota;
use bailey_api::{FieldError, Named, Page, Patch};
use bailey_core::authz::Extent;
use bailey_core::people::{Group, GroupLimits, Person, PersonStatus};
use bailey_core::{GroupId, workspace};
use bailey_runtime::ids::NewId;
use bailey_store::LedgerReach;

use super::caller::sees;
use super::checks::Checks;
use super::{App, AppError, Caller, cursor, offboarding, quota, view};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'g';

impl App {
    /// Makes a group without members.
    pub async fn group_create(&self, caller: &Caller, ask: GroupCreate) -> Result<GroupView, AppError> {
        check(Some(&ask.name), ask.display_name.as_deref())?;
        let now = self.now();
        let group = Group {
            id: GroupId::new_at(now),
            display_name: ask.display_name.unwrap_or_else(|| ask.name.clone()),
            name: ask.name,
            created_at: now,
        };
        let change =
            Change::new("groups.create", resource(&group)).after(&view::group(group.clone(), GroupLimits::default()));
        caller.record(change).await?;
        self.store().group_insert(&group).await?;
        Ok(view::group(group, GroupLimits::default()))
    }

    /// Groups within reach, newest first.
    pub async fn groups_list(&self, caller: &Caller, query: ListQuery) -> Result<Page<GroupView>, AppError> {
        // The groups that one sees are one's own, or all: that of a person one sees is no group of one's own.
        let reach = match caller.reach {
            Extent::All => LedgerReach::All,
            Extent::Own | Extent::Groups(_) => LedgerReach::People(vec![caller.person()]),
        };
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), GroupId::from_uuid)?;
        let (groups, next) = self.store().groups_list(page, &reach).await?;
        let ids: Vec<_> = groups.iter().map(|group| group.id).collect();
        let mut limits = self.store().groups_limits(&ids).await?;
        let items = groups.into_iter().map(|group| {
            let limits = limits.remove(&group.id).unwrap_or_default();
            view::group(group, limits)
        });
        Ok(Page {
            items: items.collect(),
            next_cursor: cursor::next(CURSOR, next.map(GroupId::uuid)),
        })
    }

    /// One group, by id or name, with those of its members that the caller can see.
    pub async fn group_get(&self, caller: &Caller, text: &str) -> Result<GroupDetail, AppError> {
        let group = self.group_within(caller, text).await?;
        self.group_detail(caller, group).await
    }

    /// Renames a group, or sets what it says of its members' limits: that only by those who may raise any limit.
    pub async fn group_update(&self, caller: &Caller, text: &str, ask: GroupUpdate) -> Result<GroupDetail, AppError> {
        check(ask.name.as_deref(), ask.display_name.as_deref())?;
        let mut group = self.group_within(caller, text).await?;
        if let Some(name) = ask.name.as_deref().filter(|name| *name != group.name) {
            self.may_rename(caller, &group, name).await?;
        }
        let changed = self.changed_limits(caller, group.id, ask.models, ask.quota).await?;
        let limits = self.store().group_limits(group.id).await?;
        let before = view::group(group.clone(), limits.clone());
        group.name = ask.name.unwrap_or(group.name);
        group.display_name = ask.display_name.unwrap_or(group.display_name);
        let after = view::group(group.clone(), changed.clone().unwrap_or(limits));
        let change = Change::new("groups.update", resource(&group));
        caller.record(change.before(&before).after(&after)).await?;
        if let Some(limits) = changed {
            self.store().group_limits_set(group.id, &limits).await?;
        }
        self.store().group_update(&group).await?;
        self.gate().forget_all().await?;
        self.group_detail(caller, group).await
    }

    /// Deletes a group and its budgets. What was charged to it stays in the ledger.
    pub async fn group_delete(&self, caller: &Caller, text: &str) -> Result<(), AppError> {
        let group = self.group_within(caller, text).await?;
        let mut errors = self.beyond_group(&caller.actor, group.id, "").await?;
        if caller.actor.groups.contains(&group.id) && !caller.sets_limits() {
            let detail = "only those who may set budgets delete a group that they are in";
            errors.push(FieldError::body("", detail));
        }
        if !errors.is_empty() {
            return Err(AppError::Beyond(errors));
        }
        let limits = self.store().group_limits(group.id).await?;
        let change = Change::new("groups.delete", resource(&group)).before(&view::group(group.clone(), limits));
        caller.record(change).await?;
        self.store().group_delete(group.id).await?;
        Ok(self.gate().forget_all().await?)
    }

    /// Makes a person a member. Again is as good as once.
    pub async fn group_member_add(&self, caller: &Caller, group: &str, person: &str) -> Result<GroupDetail, AppError> {
        let group = self.group_within(caller, group).await?;
        let person = self.person_within(caller, person).await?;
        self.may_set_member(caller, group.id, person.id, true).await?;
        if person.status == PersonStatus::Deleted {
            return Err(offboarding::deleted(&person));
        }
        let change = Change::new("groups.member_add", resource(&group)).after(&member(&person));
        caller.record(change).await?;
        self.store().group_member_add(group.id, person.id).await?;
        self.gate().forget_all().await?;
        self.group_detail(caller, group).await
    }

    /// Ends a membership. Again is as good as once.
    pub async fn group_member_remove(
        &self,
        caller: &Caller,
        group: &str,
        person: &str,
    ) -> Result<GroupDetail, AppError> {
        let group = self.group_within(caller, group).await?;
        let person = self.person_within(caller, person).await?;
        self.may_set_member(caller, group.id, person.id, false).await?;
        let change = Change::new("groups.member_remove", resource(&group)).before(&member(&person));
        caller.record(change).await?;
        self.store().group_member_remove(group.id, person.id).await?;
        self.gate().forget_all().await?;
        self.group_detail(caller, group).await
    }

    /// Refuses a name that would have others be in the group: identity providers give groups by their names.
    async fn may_rename(&self, caller: &Caller, group: &Group, name: &str) -> Result<(), AppError> {
        let given = |name: &str| {
            self.identity()
                .providers
                .all()
                .iter()
                .any(|provider| provider.gives_group(name))
        };
        for taken in [&group.name, name] {
            if given(taken) {
                let detail = format!(
                    "`{taken}` is the name of a group that an identity provider's lead to; change its `groups` in the configuration first"
                );
                return Err(AppError::field("/name", detail));
            }
        }
        let errors = self.beyond_group(&caller.actor, group.id, "/name").await?;
        if errors.is_empty() {
            Ok(())
        } else {
            Err(AppError::Beyond(errors))
        }
    }

    /// The limits that a change asks for; `None` = it asks for none.
    async fn changed_limits(
        &self,
        caller: &Caller,
        group: GroupId,
        models: Patch<Vec<String>>,
        quota: Patch<Quota>,
    ) -> Result<Option<GroupLimits>, AppError> {
        if models.is_keep() && quota.is_keep() {
            return Ok(None);
        }
        if !caller.sets_limits() {
            let wide = |pointer| FieldError::body(pointer, "only those who may set budgets set a group's limits");
            let asked = [(!models.is_keep(), "/models"), (!quota.is_keep(), "/quota")];
            let errors = asked
                .into_iter()
                .filter(|(asked, _)| *asked)
                .map(|(_, pointer)| wide(pointer));
            return Err(AppError::Beyond(errors.collect()));
        }
        let mut checks = Checks::default();
        if let Patch::Set(models) = &models {
            checks.names("/models", models);
        }
        checks.done()?;
        let mut limits = self.store().group_limits(group).await?;
        limits.models = models.or(limits.models);
        limits.quota = match quota {
            Patch::Keep => limits.quota,
            Patch::Clear => workspace::Quota::default(),
            Patch::Set(asked) => quota::stored(&asked),
        };
        Ok(Some(limits))
    }

    async fn group_within(&self, caller: &Caller, text: &str) -> Result<Group, AppError> {
        let reach = self.people_within(caller).await?;
        self.find_group(text, &reach, caller).await?.ok_or(AppError::NotFound)
    }

    async fn group_detail(&self, caller: &Caller, group: Group) -> Result<GroupDetail, AppError> {
        let reach = self.people_within(caller).await?;
        let members = self.store().group_members(group.id).await?;
        let members = members.into_iter().filter(|p| sees(&reach, Some(p.id)));
        let members = members
            .map(|p| Named {
                id: p.id.to_string(),
                name: p.name,
            })
            .collect();
        let limits = self.store().group_limits(group.id).await?;
        Ok(GroupDetail {
            group: view::group(group, limits),
            members,
        })
    }
}

/// A group as the audit log names it.
fn resource(group: &Group) -> Resource {
    Resource::new("group", group.id).named(&group.name)
}

/// A member as the audit log names them.
fn member(person: &Person) -> serde_json::Value {
    serde_json::json!({ "member": person.id, "name": person.name })
}

fn check(name: Option<&str>, display_name: Option<&str>) -> Result<(), AppError> {
    let mut checks = Checks::default();
    if let Some(name) = name {
        checks.unique_name("/name", name);
    }
    if let Some(name) = display_name {
        checks.text("/display_name", name);
    }
    checks.done()
}
