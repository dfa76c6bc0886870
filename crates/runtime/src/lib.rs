#![doc = include_str!("../README.md")]

pub mod clock;
pub mod config;
pub mod failpoint;
pub mod http;
pub mod ids;
pub mod metrics;
pub mod tasks;
pub mod telemetry;

pub use clock::{Clock, ManualClock};
pub use config::Config;
pub use tasks::Tasks;
