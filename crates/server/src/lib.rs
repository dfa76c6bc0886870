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
mod links;
mod outbound;
mod prices;
mod problems;
mod reject;
pub mod routes;
pub mod run;
mod serve;
pub mod starters;
mod streams;
mod web;

pub use app::{App, AppParts};
pub use apps::AppsOptions;
pub use door::DoorError;
pub use prices::PricesError;
pub use reject::Reject;
pub use run::{RunError, run};
