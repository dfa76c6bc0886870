#![doc = include_str!("../README.md")]

pub mod db;
pub mod http;
pub mod process;
pub mod tls;
