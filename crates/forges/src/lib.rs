#![doc = include_str!("../README.md")]

pub mod branch;
pub mod choose;
pub mod event;
pub mod label;
pub mod model;

pub use event::Event;
