//! The one place that answers "may they?".

use bailey_core::authz::{Action, Reach, TokenScopes};
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{GroupId, SessionId, TokenId};

/// Who asks: a person, and what narrows their authority.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The person.
    pub person: Person,
    /// What the token they came with may be used for.
    pub scopes: TokenScopes,
    /// The groups they are in.
    pub groups: Vec<GroupId>,
    /// The token they came with.
    pub token: Option<TokenId>,
    /// The session they came with, where it was no token.
    pub session: Option<SessionId>,
}

/// Why an action was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The person may not use Bailey at all.
    #[error("this person is suspended")]
    Suspended,
    /// The role does not include the action.
    #[error("the role does not include {0}")]
    Role(Action),
    /// The role includes it, the token does not.
    #[error("this token's scopes do not include {0}")]
    Token(Action),
}

impl Actor {
    /// Whether the action is allowed, and on whose things. Anything the table does not name is denied.
    pub fn may(&self, action: Action) -> Result<Reach, Denied> {
        if self.person.status != PersonStatus::Active {
            return Err(Denied::Suspended);
        }
        let reach = self.person.role.reach(action).ok_or(Denied::Role(action))?;
        if self.scopes.allows(action) {
            Ok(reach)
        } else {
            Err(Denied::Token(action))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailey_core::authz::Role;
    use bailey_core::{PersonId, Timestamp};

    fn actor(role: Role, scopes: TokenScopes, status: PersonStatus) -> Actor {
        let person = Person {
            id: PersonId::from_uuid(uuid::Uuid::nil()),
            name: "ada".into(),
            display_name: "Ada".into(),
            email: None,
            role,
            status,
            charged_group: None,
            created_at: Timestamp::default(),
        };
        Actor {
            person,
            scopes,
            groups: Vec::new(),
            token: None,
            session: None,
        }
    }

    #[test]
    fn a_token_narrows_a_role_and_never_widens_it() {
        let scopes = TokenScopes::from_names(&["keys.read", "budgets.write"]).unwrap();
        let member = actor(Role::Member, scopes, PersonStatus::Active);
        assert_eq!(member.may(Action::KeyRead), Ok(Reach::Own));
        assert_eq!(member.may(Action::KeyCreate), Err(Denied::Token(Action::KeyCreate)));
        assert_eq!(member.may(Action::BudgetWrite), Err(Denied::Role(Action::BudgetWrite)));
    }

    #[test]
    fn a_suspended_owner_may_nothing() {
        let owner = actor(Role::Owner, TokenScopes::All, PersonStatus::Suspended);
        assert!(Action::ALL.iter().all(|a| owner.may(*a) == Err(Denied::Suspended)));
    }
}
