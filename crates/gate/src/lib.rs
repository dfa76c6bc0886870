#![doc = include_str!("../README.md")]

pub mod authorize;
pub mod budgets;
pub mod call;
pub mod directory;
pub mod flush;
mod gate;
pub mod grant;
pub mod journal;
pub mod provider;
mod recover;
pub mod refused;
pub mod token;

pub use call::Call;
pub use gate::{Gate, GateError, GateOptions, TokenLimits};
pub use grant::{Ask, Grant, SendError};
pub use provider::{Provider, ProviderOptions};
pub use refused::Refused;
