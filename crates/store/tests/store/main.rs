//! What the store does, on both databases.

mod fixtures;
mod send;
