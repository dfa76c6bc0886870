#![doc = include_str!("../README.md")]

pub mod branch;
pub mod choose;
pub mod comment;
pub mod decide;
pub mod event;
pub mod frame;
pub mod label;
pub mod markdown;
pub mod model;
pub mod webhook;

pub use decide::{Decision, Facts, decide};
pub use event::Event;
