//! Groups of people.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod get;
pub(super) mod list;
pub(super) mod member_add;
pub(super) mod member_remove;
pub(super) mod update;
