//! People.

use bailey_api::users::{User, UserCreate, UserDetail, UserListQuery, UserUpdate};
use bailey_api::{FieldError, Page, Patch};
use bailey_core::PersonId;
use bailey_core::authz::{AnyRole, Role};
use bailey_core::people::{Person, PersonStatus};
use bailey_runtime::ids::NewId;
use bailey_store::PersonFilter;

use super::checks::Checks;
use super::roles::may_give;
use super::{App, AppError, Caller, cursor, offboarding, view};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'u';

impl App {
    /// Makes a person, by default a member.
    pub async fn user_create(&self, caller: &Caller, ask: UserCreate) -> Result<User, AppError> {
        let mut checks = Checks::default();
        checks.unique_name("/name", &ask.name);
        if let Some(name) = &ask.display_name {
            checks.text("/display_name", name);
        }
        if let Some(email) = &ask.email {
            checks.email("/email", email);
        }
        checks.done()?;
        let role = ask.role.unwrap_or(Role::Member);
        may_give(caller, &AnyRole::BuiltIn(role), None, "/role")?;
        let now = self.now();
        let person = Person {
            id: PersonId::new_at(now),
            display_name: ask.display_name.unwrap_or_else(|| ask.name.clone()),
            name: ask.name,
            email: ask.email,
            role,
            status: PersonStatus::Active,
            charged_group: None,
            created_at: now,
        };
        let change = Change::new("users.create", resource(&person)).after(&view::user(person.clone()));
        caller.record(change).await?;
        self.store().person_insert(&person).await?;
        Ok(view::user(person))
    }

    /// People within reach, newest first.
    pub async fn users_list(&self, caller: &Caller, query: UserListQuery) -> Result<Page<User>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), PersonId::from_uuid)?;
        let mut group = None;
        if let Some(text) = &query.group {
            let Some(found) = self.find_group(text, &reach, caller).await? else {
                return Ok(Page {
                    items: Vec::new(),
                    next_cursor: None,
                });
            };
            group = Some(found.id);
        }
        let filter = PersonFilter {
            group,
            status: query.status,
            text: query.q,
            reach,
        };
        let (people, next) = self.store().people_list(page, &filter).await?;
        Ok(Page {
            items: people.into_iter().map(view::user).collect(),
            next_cursor: cursor::next(CURSOR, next.map(PersonId::uuid)),
        })
    }

    /// One person, by id or name, with their groups.
    pub async fn user_get(&self, caller: &Caller, text: &str) -> Result<UserDetail, AppError> {
        let person = self.person_within(caller, text).await?;
        self.user_detail(person).await
    }

    /// Changes a person. Suspending them ends their streams, refuses their tokens and keys and begins to stop their workspaces
    /// at once.
    pub async fn user_update(&self, caller: &Caller, text: &str, ask: UserUpdate) -> Result<UserDetail, AppError> {
        let mut checks = Checks::default();
        if let Some(name) = &ask.display_name {
            checks.text("/display_name", name);
        }
        if let Patch::Set(email) = &ask.email {
            checks.email("/email", email);
        }
        if ask.status == Some(PersonStatus::Deleted) {
            checks.wrong("/status", "is not set so; delete the person with DELETE");
        }
        checks.done()?;
        // The record must not change between reading and writing it.
        let owners = self.owners().lock().await;
        let mut person = self.person_within(caller, text).await?;
        if person.status == PersonStatus::Deleted {
            return Err(offboarding::deleted(&person));
        }
        if let Some(role) = ask.role {
            may_give(caller, &AnyRole::BuiltIn(role), None, "/role")?;
            may_give(caller, &AnyRole::BuiltIn(person.role), None, "/role")?;
        }
        let charged = person.charged_group;
        let change = Change::new("users.update", resource(&person)).before(&view::user(person.clone()));
        person.charged_group = match ask.charged_group {
            Patch::Keep => person.charged_group,
            Patch::Clear => None,
            Patch::Set(text) => Some(self.group_of(&person, &text, "/charged_group").await?.id),
        };
        if person.charged_group != charged && !caller.sets_limits() {
            let detail = "only those who may set budgets have another group charged";
            return Err(AppError::Beyond(vec![FieldError::body("/charged_group", detail)]));
        }
        person.display_name = ask.display_name.unwrap_or(person.display_name);
        person.email = ask.email.or(person.email);
        person.role = ask.role.unwrap_or(person.role);
        caller.record(change.after(&view::user(person.clone()))).await?;
        self.store().person_update(&person).await?;
        drop(owners);
        self.gate().forget_all().await?;
        match ask.status {
            Some(PersonStatus::Suspended) if person.status == PersonStatus::Active => {
                self.suspend(caller, &person, None).await?;
            }
            Some(PersonStatus::Active) if person.status == PersonStatus::Suspended => {
                self.reactivate(caller, &person).await?;
            }
            _ => {}
        }
        let person = self.store().person_get(person.id).await?.ok_or(AppError::NotFound)?;
        self.user_detail(person).await
    }

    async fn user_detail(&self, person: Person) -> Result<UserDetail, AppError> {
        let groups = self.store().groups_of(person.id).await?;
        Ok(UserDetail {
            user: view::user(person),
            groups: groups.into_iter().map(view::named_group).collect(),
        })
    }

    /// The person of this id or name, if they are within the reach of the caller's action.
    pub(crate) async fn person_within(&self, caller: &Caller, text: &str) -> Result<Person, AppError> {
        let reach = self.people_within(caller).await?;
        self.find_person(text, &reach).await?.ok_or(AppError::NotFound)
    }
}

/// A person as the audit log names them.
pub(super) fn resource(person: &Person) -> Resource {
    Resource::new("person", person.id).named(&person.name)
}
