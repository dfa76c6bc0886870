//! Sessions in browsers.

pub(super) mod end;
pub(super) mod list;
