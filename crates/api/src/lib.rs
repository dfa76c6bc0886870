#![doc = include_str!("../README.md")]

pub mod agent;
pub mod amount;
pub mod apps;
pub mod audit;
pub mod budgets;
pub mod code;
pub mod files;
pub mod frame;
pub mod groups;
pub mod health;
pub mod invitations;
pub mod keys;
pub mod layers;
pub mod me;
pub mod models;
pub mod organization;
pub mod page;
pub mod patch;
pub mod prices;
pub mod problem;
pub mod requests;
pub mod schema;
pub mod sessions;
pub mod sign_in;
pub mod spend;
pub mod templates;
pub mod time;
pub mod tokens;
pub mod users;
pub mod workspaces;

pub use amount::{Amount, AmountInput};
pub use code::Code;
pub use page::{Named, Page};
pub use patch::Patch;
pub use problem::{FieldError, Problem};
pub use time::{Lifetime, Moment, Time};
