#![doc = include_str!("../README.md")]

mod answer;
mod call;
mod clock;
mod config;
mod connection;
mod count;
mod dispatch;
mod errors;
mod ledger;
mod models;
mod player;
mod recorder;
mod scenario;
mod server;
mod steps;
mod usage;
mod wire;

pub use call::Protocol;
pub use config::{Defaults, Keep, MockConfig, Prices, Rates};
pub use ledger::{Entry, Ledger, Outcome, Total};
pub use scenario::{
    Answer, Cut, CutHow, Delays, ErrorSpec, Garbage, Hold, Match, Redirect, Rule, Scenario, ScenarioError, Stall,
    StallPoint, StreamError, ToolCall, load_scenarios,
};
pub use server::{Mock, MockError, Seen};
pub use usage::{Usage, UsageSpec};
