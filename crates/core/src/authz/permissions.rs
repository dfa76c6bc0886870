//! Custom roles, and what somebody was granted.

use std::collections::BTreeMap;

use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Action, Reach, Role};
use crate::people::Person;
use crate::{GrantId, GroupId, PersonId, RoleId, Timestamp};

/// A set of actions, each with its reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(BTreeMap<Action, Reach>);

/// A set of actions cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// The action does not reach so.
    #[error("`{action}` reaches {possible}")]
    Reach {
        /// The action.
        action: Action,
        /// How it can reach.
        possible: String,
    },
    /// The action is there twice.
    #[error("`{0}` is there twice")]
    Twice(Action),
}

impl Permissions {
    /// Adds an action. One that is there already, or cannot reach so, is refused.
    pub fn add(&mut self, action: Action, reach: Reach) -> Result<(), PermissionError> {
        if !action.reaches().contains(&reach) {
            let possible: Vec<_> = action
                .reaches()
                .iter()
                .map(|reach| format!("`{}`", reach.as_str()))
                .collect();
            return Err(PermissionError::Reach {
                action,
                possible: possible.join(" or "),
            });
        }
        match self.0.insert(action, reach) {
            None => Ok(()),
            Some(before) => {
                self.0.insert(action, before);
                Err(PermissionError::Twice(action))
            }
        }
    }

    /// Those of a built-in role.
    pub fn of(role: Role) -> Self {
        let all = Action::ALL.iter();
        Self(
            all.filter_map(|action| role.reach(*action).map(|reach| (*action, reach)))
                .collect(),
        )
    }

    /// How far an action reaches; `None` = not at all.
    pub fn reach(&self, action: Action) -> Option<Reach> {
        self.0.get(&action).copied()
    }

    /// The actions with their reach.
    pub fn iter(&self) -> impl Iterator<Item = (Action, Reach)> + '_ {
        self.0.iter().map(|(action, reach)| (*action, *reach))
    }
}

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    action: std::borrow::Cow<'a, str>,
    reach: Reach,
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (action, reach) in self.iter() {
            list.serialize_element(&Entry {
                action: action.as_str().into(),
                reach,
            })?;
        }
        list.end()
    }
}

/// What this program does not know gives nothing: another version may have written it.
impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut found = Self::default();
        for entry in Vec::<Entry<'_>>::deserialize(deserializer)? {
            if let Ok(action) = entry.action.parse() {
                // One that cannot reach so any more gives nothing either.
                let _ = found.add(action, entry.reach);
            }
        }
        Ok(found)
    }
}

/// A role that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// Its unique name, of the same form as a person's and none of a built-in role's. It never changes.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it includes.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<PersonId>,
}

/// A built-in role or one that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyRole {
    /// A built-in role.
    BuiltIn(Role),
    /// Another one.
    Custom {
        /// Its name.
        name: String,
        /// What it includes.
        permissions: Permissions,
    },
}

impl AnyRole {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(role) => role.as_str(),
            Self::Custom { name, .. } => name,
        }
    }

    /// How far an action reaches; `None` = not at all.
    pub fn reach(&self, action: Action) -> Option<Reach> {
        match self {
            Self::BuiltIn(role) => role.reach(action),
            Self::Custom { permissions, .. } => permissions.reach(action),
        }
    }
}

/// To whom a role is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A person.
    Person(PersonId),
    /// Everyone in a group.
    Group(GroupId),
}

/// A grant's record: a role that a person or a group has besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The role's name.
    pub role: String,
    /// Who has it.
    pub subject: Subject,
    /// The identity provider that gives and takes it; `None` = people do.
    pub provider: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` = Bailey itself, for a provider.
    pub created_by: Option<PersonId>,
}

/// A role that somebody holds by a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The grant.
    pub grant: GrantId,
    /// The role.
    pub role: AnyRole,
    /// The group that it was granted to, with its name; `None` = it was granted to the person.
    pub group: Option<(GroupId, String)>,
}

/// A person, and all that their authority follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The person, with the role of their own.
    pub person: Person,
    /// The groups they are in.
    pub groups: Vec<GroupId>,
    /// What they and their groups were granted.
    pub grants: Vec<Held>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_reaches_only_as_it_can() {
        let mut permissions = Permissions::default();
        permissions.add(Action::KeyRead, Reach::Group).unwrap();
        assert_eq!(
            permissions.add(Action::KeyRead, Reach::All),
            Err(PermissionError::Twice(Action::KeyRead))
        );
        assert_eq!(permissions.reach(Action::KeyRead), Some(Reach::Group));
        let error = permissions.add(Action::WorkspaceAccess, Reach::All).unwrap_err();
        assert_eq!(error.to_string(), "`workspaces.access` reaches `own`");
        assert!(permissions.add(Action::PersonWrite, Reach::Own).is_err());
    }

    #[test]
    fn what_is_stored_is_read_back_and_what_is_not_known_gives_nothing() {
        let mut permissions = Permissions::default();
        permissions.add(Action::KeyRead, Reach::Group).unwrap();
        permissions.add(Action::LedgerRead, Reach::All).unwrap();
        let text = serde_json::to_string(&permissions).unwrap();
        assert_eq!(serde_json::from_str::<Permissions>(&text).unwrap(), permissions);
        let other = r#"[{"action":"moons.read","reach":"all"},{"action":"workspaces.access","reach":"all"}]"#;
        assert_eq!(
            serde_json::from_str::<Permissions>(other).unwrap(),
            Permissions::default()
        );
    }

    #[test]
    fn built_in_roles_keep_to_how_actions_can_reach() {
        for role in Role::ALL {
            for (action, reach) in Permissions::of(role).iter() {
                assert!(action.reaches().contains(&reach), "{role} {action}");
            }
        }
    }
}
