//! Finding people and groups by id or name, among those that the caller can see.

use bailey_core::people::{Group, Person};
use bailey_core::{GroupId, PersonId};
use bailey_store::LedgerReach;

use super::caller::sees;
use super::{App, AppError, Caller};

/// Whose things a list is to show. What is `None` does not limit.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Whose {
    pub(crate) person: Option<PersonId>,
    pub(crate) group: Option<GroupId>,
}

impl App {
    /// The person of this id or name, if there is one within reach.
    pub(crate) async fn find_person(&self, text: &str, reach: &LedgerReach) -> Result<Option<Person>, AppError> {
        let by_id = match text.parse() {
            Ok(id) => self.store().person_get(id).await?,
            Err(_) => None,
        };
        let found = match by_id {
            Some(person) => Some(person),
            None => self.store().person_by_name(text).await?,
        };
        Ok(found.filter(|person| sees(reach, Some(person.id))))
    }

    /// The group of this id or name, if there is one within the caller's reach: their own groups, or all.
    pub(crate) async fn find_group(
        &self,
        text: &str,
        reach: &LedgerReach,
        caller: &Caller,
    ) -> Result<Option<Group>, AppError> {
        let by_id = match text.parse() {
            Ok(id) => self.store().group_get(id).await?,
            Err(_) => None,
        };
        let found = match by_id {
            Some(group) => Some(group),
            None => self.store().group_by_name(text).await?,
        };
        Ok(found.filter(|group| *reach == LedgerReach::All || caller.actor.groups.contains(&group.id)))
    }

    /// Whose things a list is to show, where it is asked for those of a person, of a group or of both; `None` = one of them is
    /// nobody that the caller sees, so that there is nothing to list.
    pub(crate) async fn find_whose(
        &self,
        caller: &Caller,
        reach: &LedgerReach,
        (person, group): (Option<&str>, Option<&str>),
    ) -> Result<Option<Whose>, AppError> {
        let mut whose = Whose::default();
        if let Some(text) = person {
            let Some(person) = self.find_person(text, reach).await? else {
                return Ok(None);
            };
            whose.person = Some(person.id);
        }
        if let Some(text) = group {
            let Some(group) = self.find_group(text, reach, caller).await? else {
                return Ok(None);
            };
            whose.group = Some(group.id);
        }
        Ok(Some(whose))
    }

    /// One of a person's groups by id or name, as a field of a body names it.
    pub(crate) async fn group_of(&self, person: &Person, text: &str, pointer: &str) -> Result<Group, AppError> {
        let groups = self.store().groups_of(person.id).await?;
        let found = groups.into_iter().find(|g| g.name == text || g.id.to_string() == text);
        found.ok_or_else(|| AppError::field(pointer, format!("is not one of the groups of `{}`", person.name)))
    }
}
