//! The built-in roles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Action, Reach, UnknownName};

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
            (Self::Owner, A::WorkspaceAccess | A::ModelUse | A::ChatWrite)
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
                | A::RoleRead
                | A::ModelUse
                | A::WorkspaceCreate
                | A::WorkspaceUpdate
                | A::WorkspaceDelete
                | A::WorkspaceAccess
                | A::ChatRead
                | A::ChatWrite
                | A::ChatStop,
            )
            | (Self::Member, A::WorkspaceRead | A::TemplateRead)
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
                | A::RoleRead
                | A::LedgerRead
                | A::ModelRead
                | A::HealthRead
                | A::AuditRead
                | A::TemplateRead
                | A::WorkspaceRead
                | A::ChatRead
                | A::ConnectionRead,
            )
            | (
                Self::TemplateAdmin,
                A::TemplateRead | A::TemplateWrite | A::WorkspaceRead | A::ConnectionRead | A::ConnectionWrite,
            )
            | (Self::Member | Self::TemplateAdmin, A::ModelRead) => Some(All),
            _ => None,
        }
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

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
}
