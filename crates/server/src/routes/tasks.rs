//! Tasks and their runs.

pub(super) mod get;
pub(super) mod list;
pub(super) mod run;
pub(super) mod runs;
