#![doc = include_str!("../README.md")]

pub mod audit;
pub mod authz;
pub mod budget;
pub mod chat;
pub mod id;
pub mod identity;
pub mod key;
pub mod ledger;
pub mod limit;
pub mod mask;
pub mod money;
pub mod people;
pub mod period;
pub mod secret;
pub mod template;
pub mod ticket;
pub mod time;
pub mod workspace;

pub use id::*;
pub use money::{Money, MoneyError, Rate};
pub use secret::Secret;
pub use time::Timestamp;
