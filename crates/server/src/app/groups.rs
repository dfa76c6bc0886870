//! Groups of people.

use bailey_api::groups::{Group as GroupView, GroupCreate, GroupDetail, GroupUpdate, ListQuery};
use bailey_api::{Named, Page};
use bailey_core::GroupId;
use bailey_core::people::{Group, Person};
use bailey_runtime::ids::NewId;

use super::caller::sees;
use super::checks::Checks;
use super::{App, AppError, Caller, cursor, view};
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
        let change = Change::new("groups.create", resource(&group)).after(&view::group(group.clone()));
        caller.record(change).await?;
        self.store().group_insert(&group).await?;
        Ok(view::group(group))
    }

    /// Groups within reach, newest first.
    pub async fn groups_list(&self, caller: &Caller, query: ListQuery) -> Result<Page<GroupView>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), GroupId::from_uuid)?;
        let (groups, next) = self.store().groups_list(page, &reach).await?;
        Ok(Page {
            items: groups.into_iter().map(view::group).collect(),
            next_cursor: cursor::next(CURSOR, next.map(GroupId::uuid)),
        })
    }

    /// One group, by id or name, with those of its members that the caller can see.
    pub async fn group_get(&self, caller: &Caller, text: &str) -> Result<GroupDetail, AppError> {
        let group = self.group_within(caller, text).await?;
        self.group_detail(caller, group).await
    }

    /// Renames a group.
    pub async fn group_update(&self, caller: &Caller, text: &str, ask: GroupUpdate) -> Result<GroupDetail, AppError> {
        check(ask.name.as_deref(), ask.display_name.as_deref())?;
        let mut group = self.group_within(caller, text).await?;
        let change = Change::new("groups.update", resource(&group)).before(&view::group(group.clone()));
        group.name = ask.name.unwrap_or(group.name);
        group.display_name = ask.display_name.unwrap_or(group.display_name);
        caller.record(change.after(&view::group(group.clone()))).await?;
        self.store().group_update(&group).await?;
        self.gate().forget_all().await?;
        self.group_detail(caller, group).await
    }

    /// Deletes a group and its budgets. What was charged to it stays in the ledger.
    pub async fn group_delete(&self, caller: &Caller, text: &str) -> Result<(), AppError> {
        let group = self.group_within(caller, text).await?;
        let change = Change::new("groups.delete", resource(&group)).before(&view::group(group.clone()));
        caller.record(change).await?;
        self.store().group_delete(group.id).await?;
        Ok(self.gate().forget_all().await?)
    }

    /// Makes a person a member. Again is as good as once.
    pub async fn group_member_add(&self, caller: &Caller, group: &str, person: &str) -> Result<GroupDetail, AppError> {
        let group = self.group_within(caller, group).await?;
        let person = self.person_within(caller, person).await?;
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
        let change = Change::new("groups.member_remove", resource(&group)).before(&member(&person));
        caller.record(change).await?;
        self.store().group_member_remove(group.id, person.id).await?;
        self.gate().forget_all().await?;
        self.group_detail(caller, group).await
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
        Ok(GroupDetail {
            group: view::group(group),
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
