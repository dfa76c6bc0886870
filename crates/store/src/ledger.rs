//! The ledger: one row per request, rows for attempts where a request needed several, and daily sums.

mod apply;
mod filter;
mod read;
mod rows;
mod totals;

pub use apply::Applied;
pub use filter::{Cursor, CursorError, RequestFilter};
pub(crate) use rows::read_usage;

#[cfg(test)]
pub(crate) use {apply::ALL as APPLY, read::ALL as READ, read::list_query};
