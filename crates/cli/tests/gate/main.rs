//! The model gate as a real process, judged by the mock provider's own ledger.

mod access;
mod budgets;
mod crash;
mod fallback;
mod streams;
mod world;
