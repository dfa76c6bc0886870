#![doc = include_str!("../README.md")]

mod address;
mod connect;
mod exception;
mod host;
mod hosts;
mod rules;

pub use address::is_public;
pub use connect::{Policy, Refusal, Resolve, SystemResolver, connect};
pub use exception::{Exceptions, Net, NetError};
pub use host::{Host, HostError};
pub use hosts::{HostPort, Hosts, HostsError};
pub use rules::{RuleError, Rules};
