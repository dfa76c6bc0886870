//! Connections to forges, and where forges send what they tell.

pub(super) mod check;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod deliveries;
pub(super) mod get;
pub(super) mod hook;
pub(super) mod list;
pub(super) mod register;
pub(super) mod runs;
pub(super) mod update;
