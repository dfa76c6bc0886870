#![doc = include_str!("../README.md")]

pub mod driver;
pub mod template;

mod remove;
