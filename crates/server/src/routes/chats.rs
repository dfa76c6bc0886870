//! Chats.

pub(super) mod answer;
pub(super) mod create;
pub(super) mod events;
pub(super) mod finish;
pub(super) mod get;
pub(super) mod interrupt;
pub(super) mod list;
pub(super) mod message;
pub(super) mod options;
pub(super) mod plan;
pub(super) mod resume;
pub(super) mod stop;
pub(super) mod update;
