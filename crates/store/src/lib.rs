#![doc = include_str!("../README.md")]

mod audit;
mod budgets;
mod builds;
mod bulk;
mod chat_leases;
mod chat_steps;
mod chats;
mod conn;
mod credentials;
mod error;
mod external_accounts;
mod grants;
mod groups;
mod identities;
mod invitations;
mod keys;
mod leases;
mod ledger;
mod migrate;
mod offboarding;
mod organization;
mod page;
mod people;
mod prices;
mod replicas;
mod roles;
mod sessions;
mod spend;
mod sql;
mod store;
mod template_access;
mod templates;
#[cfg(test)]
mod tests;
mod tokens;
mod value;
mod workspaces;

pub use audit::{
    AuditAnchor, AuditCursor, AuditEntry, AuditFilter, AuditOutcome, AuditRead, AuditRecord, AuditTail, AuditWriterKind,
};
pub use budgets::{BudgetFilter, BudgetState};
pub use builds::{LOG_BYTES, LOG_LINES, LOG_OWN, LOGS_KEPT, NewBuild, NewLine};
pub use chat_steps::{ChatLease, NewCall, Stepped};
pub use chats::{ChatFilter, NewChat, NewMessage};
pub use error::{Fault, StoreError};
pub use grants::GrantFilter;
pub use identities::{Given, WaysIn};
pub use keys::{KeyChain, KeyFilter, KeyGiven, KeyState, TokenChain};
pub use ledger::{Applied, Cursor, CursorError, RequestFilter};
pub use offboarding::{Deletion, Opened, PersonDelete, Suspended, Suspension};
pub use page::{LedgerReach, ListPage};
pub use people::PersonFilter;
pub use prices::PriceVersion;
pub use replicas::{JournalPosition, LostReplica, ReplicaClaim};
pub use sessions::SessionFilter;
pub use spend::{Named, SpendDimension, SpendFilter, SpendRow, SpendValue};
pub use store::{Backend, Store, Target};
pub use template_access::TemplateAccess;
pub use templates::{TemplateFilter, TemplateRecord, TemplateSource, TemplateVersionRecord, VersionName, VersionPush};
pub use workspaces::{Begun, NewWorkspace, WorkspaceFilter};
