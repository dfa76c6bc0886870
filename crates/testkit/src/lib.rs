#![doc = include_str!("../README.md")]

pub mod db;
pub mod http;
pub mod idp;
pub mod process;
pub mod tls;
