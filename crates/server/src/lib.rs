#![doc = include_str!("../README.md")]

pub mod app;
pub mod bootstrap;
mod csv;
mod cx;
mod envelope;
mod extract;
mod guard;
mod problems;
mod reject;
pub mod routes;

pub use app::{App, AppParts};
pub use reject::Reject;
