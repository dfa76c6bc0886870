//! Workspaces.

pub(super) mod build;
pub(super) mod builds;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod exec;
pub(super) mod files;
pub(super) mod get;
pub(super) mod list;
pub(super) mod live;
pub(super) mod log;
pub(super) mod ports;
pub(super) mod restart;
pub(super) mod settings;
pub(super) mod start;
pub(super) mod stop;
pub(super) mod terminal;
pub(super) mod update;
