//! Chats: durable runs of an AI agent, as a pure machine.
//!
//! A [`Run`] is what a chat has come to; [`Run::step`] answers an [`Event`] with the run after it and the [`Effect`]s that are
//! to be written down with it, in one transaction, before anything else is done. What is said and done is a log of [`Part`]s.
//!
//! - A person's message waits in a queue and reaches the model with the next step: once, and in order.
//! - A tool call has exactly one result. One that ran when its worker was lost is `unknown` and never run again.
//! - Questions and plans wait for a person, for as long as it takes.

mod machine;
mod names;
mod part;
#[cfg(test)]
mod properties;
mod record;

pub use machine::{Call, Effect, Event, InvalidTransition, LOSSES_MOST, Limits, QUEUE_MOST, Resolution, Run};
pub use names::{CallKind, CallState, Cause, Channel, ChatState, Outcome, PlanMode, Stop};
pub use part::{LogPart, Part};
pub use record::{Chat, ChatCall, Engine, Prompts};
