//! People.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod reactivate;
pub(super) mod suspend;
pub(super) mod suspension;
pub(super) mod update;
