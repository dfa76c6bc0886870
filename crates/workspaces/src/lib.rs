#![doc = include_str!("../README.md")]

pub mod driver;
mod parts;

pub use parts::parts;
