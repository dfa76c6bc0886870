#![doc = include_str!("../README.md")]

pub mod app;
mod apps;
pub mod bootstrap;
mod bridge;
mod csv;
mod cx;
mod door;
mod envelope;
mod extract;
pub mod fleet;
pub mod folder;
mod guard;
mod identity;
mod links;
pub mod login;
mod origin;
mod outbound;
mod prices;
mod problems;
mod reject;
pub mod routes;
pub mod run;
mod serve;
pub mod starters;
mod streams;
mod way;
mod web;

pub use app::{App, AppParts};
pub use apps::AppsOptions;
pub use door::DoorError;
pub use identity::{HashError, IdentityOptions, MasterKey, VaultError};
pub use prices::PricesError;
pub use reject::Reject;
pub use run::{RunError, run};
pub use way::Peer;
