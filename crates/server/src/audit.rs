//! The audit log: what is recorded of every change, before it takes effect.
//!
//! A use-case describes what it is about to do ([`Change`]) and records it through its caller; [`crate::guard`] writes down
//! what came of it, and what was refused. One task writes the chain ([`AuditLog`]), many records in one transaction.

mod change;
mod draft;
mod log;
mod trail;
mod writer;

pub(crate) use change::{Change, Resource, Who};
pub use log::{AuditError, AuditLog, AuditOptions};
pub(crate) use trail::{Asked, Causal, Entry, Trail, TurnedAway};
