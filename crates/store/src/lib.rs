#![doc = include_str!("../README.md")]

mod audit;
mod budgets;
mod builds;
mod bulk;
mod conn;
mod connections;
mod credentials;
mod deliveries;
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
mod ticket_runs;
mod ticket_status;
mod tokens;
mod value;
mod workspaces;

pub use audit::{
    AuditAnchor, AuditCursor, AuditEntry, AuditFilter, AuditOutcome, AuditRead, AuditRecord, AuditTail, AuditWriterKind,
};
pub use budgets::{BudgetFilter, BudgetState};
pub use builds::{LOG_BYTES, LOG_LINES, LOG_OWN, LOGS_KEPT, NewBuild, NewLine};
pub use connections::{ConnectionRecord, ConnectionSettings, PollState};
pub use deliveries::{Delivery, DeliveryState};
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
pub use ticket_runs::{NewRun, RunBegun, RunChange, TicketMessage, TicketRun};
pub use ticket_status::{StatusDue, TicketKey};
pub use workspaces::{Begun, NewWorkspace, WorkspaceFilter};
