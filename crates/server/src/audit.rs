//! The audit log: what is recorded of every change, before it takes effect.
//!
//! A use-case describes what it is about to do ([`Change`]) and records it through its caller; [`crate::guard`] writes down
//! what came of it, and what was refused. One task writes the chain ([`AuditLog`]), many records in one transaction.

mod anchors;
mod change;
mod draft;
mod log;
mod trail;
mod writer;

pub use crate::app::audit::view::report as shown_report;
pub use anchors::{ANCHORS_FILE, Anchors, AnchorsOptions, AuditKey, PruneError, is_signed};
pub(crate) use change::{Change, Resource, Who};
pub use log::{AuditError, AuditLog, AuditOptions};
pub use trail::Entry;
pub(crate) use trail::{Asked, Causal, Trail, TurnedAway};
