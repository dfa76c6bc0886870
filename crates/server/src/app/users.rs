//! People.

use bailey_api::users::{User, UserCreate, UserDetail, UserListQuery, UserUpdate};
use bailey_api::{Code, FieldError, Page, Patch};
use bailey_core::PersonId;
use bailey_core::authz::{Action, Role, TokenScopes};
use bailey_core::people::{Person, PersonStatus};
use bailey_runtime::ids::NewId;
use bailey_store::{LedgerReach, ListPage, PersonFilter};

use super::checks::Checks;
use super::{App, AppError, Caller, cursor, view};
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
        may_give(caller, role)?;
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
        let status = query.status;
        let filter = PersonFilter { group, status, reach };
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
        checks.done()?;
        // The record must not change between looking at who is an owner and writing.
        let _owners = self.owners().lock().await;
        let mut person = self.person_within(caller, text).await?;
        if let Some(role) = ask.role {
            may_give(caller, role)?;
            may_give(caller, person.role)?;
        }
        let (was_owner, was) = (is_owner(&person), person.status);
        let change = Change::new("users.update", resource(&person)).before(&view::user(person.clone()));
        person.charged_group = match ask.charged_group {
            Patch::Keep => person.charged_group,
            Patch::Clear => None,
            Patch::Set(text) => Some(self.group_of(&person, &text, "/charged_group").await?.id),
        };
        person.display_name = ask.display_name.unwrap_or(person.display_name);
        person.email = ask.email.or(person.email);
        person.role = ask.role.unwrap_or(person.role);
        person.status = ask.status.unwrap_or(person.status);
        if was_owner && !is_owner(&person) {
            self.another_owner(person.id).await?;
        }
        caller.record(change.after(&view::user(person.clone()))).await?;
        self.store().person_update(&person).await?;
        if person.status == PersonStatus::Suspended {
            // They are refused already; and they do not come back when the person does.
            self.store().sessions_end_of(person.id, None, self.now()).await?;
        }
        self.gate().forget_all().await?;
        if person.status == PersonStatus::Suspended && was == PersonStatus::Active {
            self.fleet().person_suspended(person.id).await?;
        }
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

    /// Makes sure that there is an active owner beside this person.
    async fn another_owner(&self, person: PersonId) -> Result<(), AppError> {
        let filter = PersonFilter {
            group: None,
            status: Some(PersonStatus::Active),
            reach: LedgerReach::All,
        };
        let mut page = ListPage::first(ListPage::<PersonId>::MOST);
        loop {
            let (people, next) = self.store().people_list(page, &filter).await?;
            if people.iter().any(|p| p.id != person && is_owner(p)) {
                return Ok(());
            }
            match next {
                Some(_) => page.after = next,
                None => break,
            }
        }
        Err(AppError::Conflict {
            code: Code::LastOwner,
            detail: "this person is the last active owner; make another one first".to_owned(),
        })
    }
}

/// Whether a role reaches as far as another for every action.
pub(super) fn reaches(role: Role, other: Role) -> bool {
    Action::ALL.iter().all(|a| other.reach(*a) <= role.reach(*a))
}

/// A person as the audit log names them.
pub(super) fn resource(person: &Person) -> Resource {
    Resource::new("person", person.id).named(&person.name)
}

fn is_owner(person: &Person) -> bool {
    person.role == Role::Owner && person.status == PersonStatus::Active
}

/// Whether the caller may give somebody a role, or take it away: it must not reach further than their own, and a token
/// that is narrowed to some actions gives no role that has others, but for a member's.
pub(super) fn may_give(caller: &Caller, role: Role) -> Result<(), AppError> {
    let within = reaches(caller.actor.person.role, role);
    let whole = caller.actor.scopes == TokenScopes::All || role == Role::Member;
    if within && whole {
        return Ok(());
    }
    let detail = if within {
        "this token is narrowed, so it gives only the role `member`"
    } else {
        "this role reaches further than yours"
    };
    Err(AppError::Beyond(vec![FieldError::body("/role", detail)]))
}
