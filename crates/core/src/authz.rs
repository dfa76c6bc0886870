//! What may be done, and who may: a closed list of actions, and the built-in roles as one readable table.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Everything that can be asked of Bailey. A route names the one it needs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name used in text and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

actions! {
    /// See keys.
    KeyRead = "keys.read";
    /// Make keys.
    KeyCreate = "keys.create";
    /// Change or rotate keys.
    KeyUpdate = "keys.update";
    /// Revoke keys.
    KeyRevoke = "keys.revoke";
    /// See people.
    PersonRead = "people.read";
    /// Make and change people.
    PersonWrite = "people.write";
    /// See groups and the organization.
    GroupRead = "groups.read";
    /// Make, change and delete groups, and change the organization.
    GroupWrite = "groups.write";
    /// See budgets and what is left of them.
    BudgetRead = "budgets.read";
    /// Set budgets.
    BudgetWrite = "budgets.write";
    /// See API tokens.
    TokenRead = "tokens.read";
    /// Make API tokens.
    TokenCreate = "tokens.create";
    /// Revoke API tokens.
    TokenRevoke = "tokens.revoke";
    /// See who is signed in where.
    SessionRead = "sessions.read";
    /// End sessions.
    SessionEnd = "sessions.end";
    /// See the ledger's requests and spend.
    LedgerRead = "ledger.read";
    /// See models, routes and prices.
    ModelRead = "models.read";
    /// Ask models with an API token of one's own.
    ModelUse = "models.use";
    /// See the health of providers and of the server.
    HealthRead = "health.read";
    /// See templates and their versions.
    TemplateRead = "templates.read";
    /// Push, promote and delete templates.
    TemplateWrite = "templates.write";
    /// See workspaces, their builds and their figures.
    WorkspaceRead = "workspaces.read";
    /// Make workspaces.
    WorkspaceCreate = "workspaces.create";
    /// Start, stop, update and set workspaces.
    WorkspaceUpdate = "workspaces.update";
    /// Delete workspaces.
    WorkspaceDelete = "workspaces.delete";
    /// Go into workspaces: terminals, commands, files, apps.
    WorkspaceAccess = "workspaces.access";
}

/// Whose things an action may touch. Ordered: the wider includes the narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// One's own.
    Own,
    /// Those of the people in one's groups.
    Group,
    /// Everyone's.
    All,
}

/// The built-in roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Templates; sees all workspaces, has own.
    TemplateAdmin,
    /// Own workspaces, keys and spend.
    Member,
    /// Reads everything, changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Owner, Self::TemplateAdmin, Self::Member, Self::Auditor];

    /// The name used in text, JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::TemplateAdmin => "template-admin",
            Self::Member => "member",
            Self::Auditor => "auditor",
        }
    }

    /// The table: how far `action` reaches for this role; `None` = not at all.
    pub const fn reach(self, action: Action) -> Option<Reach> {
        use Action as A;
        use Reach::{All, Own};
        match (self, action) {
            // Nobody enters another person's workspace or asks models for them, whatever their role; an auditor does neither.
            (Self::Owner, A::WorkspaceAccess | A::ModelUse)
            | (
                Self::Member | Self::TemplateAdmin,
                A::KeyRead
                | A::KeyCreate
                | A::KeyUpdate
                | A::KeyRevoke
                | A::PersonRead
                | A::GroupRead
                | A::BudgetRead
                | A::LedgerRead
                | A::TokenRead
                | A::TokenCreate
                | A::TokenRevoke
                | A::SessionRead
                | A::SessionEnd
                | A::ModelUse
                | A::WorkspaceCreate
                | A::WorkspaceUpdate
                | A::WorkspaceDelete
                | A::WorkspaceAccess,
            )
            | (Self::Member, A::WorkspaceRead)
            // An auditor has a token of their own to read with.
            | (Self::Auditor, A::TokenCreate | A::TokenRevoke | A::SessionEnd) => Some(Own),
            (Self::Owner, _)
            | (
                Self::Auditor,
                A::KeyRead
                | A::PersonRead
                | A::GroupRead
                | A::BudgetRead
                | A::TokenRead
                | A::SessionRead
                | A::LedgerRead
                | A::ModelRead
                | A::HealthRead
                | A::TemplateRead
                | A::WorkspaceRead,
            )
            | (Self::TemplateAdmin, A::TemplateWrite | A::WorkspaceRead)
            | (Self::Member | Self::TemplateAdmin, A::ModelRead | A::TemplateRead) => Some(All),
            _ => None,
        }
    }
}

/// The text names nothing in a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}; use one of {known}")]
pub struct UnknownName {
    /// What kind of name it was.
    pub what: &'static str,
    /// The names there are.
    pub known: String,
}

impl FromStr for Action {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let known = || Self::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
        Self::ALL
            .iter()
            .copied()
            .find(|a| a.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "action",
                known: known(),
            })
    }
}

impl FromStr for Role {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let known = || Self::ALL.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
        Self::ALL
            .into_iter()
            .find(|a| a.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "role",
                known: known(),
            })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an API token may be used for: everything its person may do, or at most the listed actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenScopes {
    /// All that its person may do.
    All,
    /// At most these.
    Only(BTreeSet<Action>),
}

impl TokenScopes {
    /// Whether the token may be used for `action`.
    pub fn allows(&self, action: Action) -> bool {
        match self {
            Self::All => true,
            Self::Only(actions) => actions.contains(&action),
        }
    }

    /// Whether everything `other` allows is allowed here too: nobody can grant more than they have.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(mine), Self::Only(theirs)) => theirs.is_subset(mine),
        }
    }

    /// The names, for JSON and the database: `["*"]` or the actions.
    pub fn to_names(&self) -> Vec<String> {
        match self {
            Self::All => vec!["*".to_owned()],
            Self::Only(actions) => actions.iter().map(|a| a.as_str().to_owned()).collect(),
        }
    }

    /// Reads [`TokenScopes::to_names`] back.
    pub fn from_names<S: AsRef<str>>(names: &[S]) -> Result<Self, UnknownName> {
        if names.iter().any(|n| n.as_ref() == "*") {
            return Ok(Self::All);
        }
        names
            .iter()
            .map(|n| n.as_ref().parse())
            .collect::<Result<_, _>>()
            .map(Self::Only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_changes_nothing_of_others() {
        for action in Action::ALL {
            let writes = action.as_str().rsplit('.').next() != Some("read");
            if writes {
                assert!(Role::Auditor.reach(*action).is_none_or(|r| r == Reach::Own), "{action}");
            }
        }
    }

    #[test]
    fn a_member_sets_no_limit() {
        assert_eq!(Role::Member.reach(Action::BudgetWrite), None);
        assert_eq!(Role::Member.reach(Action::PersonWrite), None);
        assert_eq!(Role::Member.reach(Action::GroupWrite), None);
    }

    #[test]
    fn nobody_enters_a_workspace_of_others() {
        for role in Role::ALL {
            assert!(
                role.reach(Action::WorkspaceAccess).is_none_or(|r| r == Reach::Own),
                "{role}"
            );
        }
        assert_eq!(Role::Auditor.reach(Action::WorkspaceAccess), None);
        assert_eq!(Role::Owner.reach(Action::WorkspaceDelete), Some(Reach::All));
    }

    #[test]
    fn a_template_admin_sees_all_workspaces_and_changes_their_own() {
        let reach = |action| Role::TemplateAdmin.reach(action);
        assert_eq!(reach(Action::TemplateWrite), Some(Reach::All));
        assert_eq!(reach(Action::WorkspaceRead), Some(Reach::All));
        for own in [
            Action::WorkspaceCreate,
            Action::WorkspaceUpdate,
            Action::WorkspaceDelete,
        ] {
            assert_eq!(reach(own), Some(Reach::Own), "{own}");
        }
        assert_eq!(Role::Member.reach(Action::TemplateWrite), None);
        assert_eq!(Role::Member.reach(Action::WorkspaceRead), Some(Reach::Own));
    }

    #[test]
    fn a_token_cannot_grant_more_than_it_has() {
        let narrow = TokenScopes::from_names(&["keys.read"]).unwrap();
        assert!(TokenScopes::All.includes(&narrow));
        assert!(!narrow.includes(&TokenScopes::All));
        assert!(TokenScopes::from_names(&["keys.reed"]).is_err());
    }
}
