#![doc = include_str!("../README.md")]

mod api;
mod base;
pub mod branch;
pub mod choose;
pub mod comment;
pub mod decide;
mod error;
pub mod event;
pub mod forge;
pub mod frame;
mod gitlab;
pub mod label;
pub mod markdown;
pub mod model;
pub mod webhook;

pub use api::{ApiOptions, TokenError};
pub use base::{BaseUrl, BaseUrlError};
pub use decide::{Decision, Facts, decide};
pub use error::{Cause, Fault, ForgeError};
pub use event::Event;
pub use forge::Forge;
pub use gitlab::GitLab;
