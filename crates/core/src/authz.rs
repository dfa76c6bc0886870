//! What may be done, and who may: a closed list of actions, the built-in roles as one readable table, custom roles as sets of
//! actions with their reach, and what somebody's roles come to together.

mod extent;
mod permissions;
mod role;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use extent::Extent;
pub use permissions::{AnyRole, CustomRole, Grant, Held, Holder, PermissionError, Permissions, Subject};
pub use role::Role;

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
    /// See roles and who holds them.
    RoleRead = "roles.read";
    /// Make, change and delete custom roles, and grant roles or take them away.
    RoleWrite = "roles.write";
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
    /// See the audit log, verify and export it.
    AuditRead = "audit.read";
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
    /// See chats and what was said and done in them.
    ChatRead = "chats.read";
    /// Begin chats, write to them, answer them, and let them go on.
    ChatWrite = "chats.write";
    /// Interrupt and stop chats.
    ChatStop = "chats.stop";
    /// See connections to forges and the runs of tickets.
    ConnectionRead = "connections.read";
    /// Make, change, check and delete connections to forges.
    ConnectionWrite = "connections.write";
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

impl Reach {
    /// Every reach, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Own, Self::Group, Self::All];

    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Group => "group",
            Self::All => "all",
        }
    }
}

impl Action {
    /// How far the action can reach at all. What decides over others' authority and limits, or belongs to nobody, reaches
    /// everything or nothing; nobody goes into another person's workspace.
    pub const fn reaches(self) -> &'static [Reach] {
        use Reach::{All, Group, Own};
        match self {
            Self::PersonWrite
            | Self::GroupWrite
            | Self::BudgetWrite
            | Self::RoleWrite
            | Self::ModelRead
            | Self::HealthRead
            | Self::AuditRead
            | Self::TemplateWrite
            | Self::ConnectionRead
            | Self::ConnectionWrite => &[All],
            // One's own templates are those that one may use.
            Self::TemplateRead => &[Own, All],
            Self::WorkspaceAccess | Self::ModelUse | Self::ChatWrite => &[Own],
            _ => &[Own, Group, All],
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

impl FromStr for Reach {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|reach| reach.as_str() == text);
        found.ok_or_else(|| UnknownName {
            what: "reach",
            known: "own, group, all".to_owned(),
        })
    }
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

impl fmt::Display for Action {
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
    fn a_token_cannot_grant_more_than_it_has() {
        let narrow = TokenScopes::from_names(&["keys.read"]).unwrap();
        assert!(TokenScopes::All.includes(&narrow));
        assert!(!narrow.includes(&TokenScopes::All));
        assert!(TokenScopes::from_names(&["keys.reed"]).is_err());
    }
}
