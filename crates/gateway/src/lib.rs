#![doc = include_str!("../README.md")]

mod answer;
mod attempt;
mod candidates;
mod complete;
mod gateway;
mod headers;
pub mod health;
mod intake;
pub mod metrics;
mod paths;
mod relay;
pub mod routes;

pub use answer::Body;
pub use gateway::{Ask, ChatModel, Gateway, GatewayOptions, IntakeLimits};
pub use routes::{Model, ModelStatus, Route, RouteProvider, RouteStatus, Routes};
