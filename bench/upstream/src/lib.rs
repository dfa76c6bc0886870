#![doc = include_str!("../README.md")]

pub mod answers;
pub mod request;
pub mod response;
pub mod stats;
