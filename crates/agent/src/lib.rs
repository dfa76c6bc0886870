#![doc = include_str!("../README.md")]

pub mod sandbox;
pub mod terminal;
