//! Runs of AI agents, as far as they are the server's: model calls through the gate with the workspace's own key, and tools that
//! reach into the workspace over its link, as its user. What an agent does, and when, is `bailey_chats`' business.

mod background;
mod inside;
mod model;
mod up;

use std::sync::Arc;

use bailey_chats::{Worker, WorkerOptions};

use crate::app::App;
use inside::Insides;
use model::Door;

impl App {
    /// The worker of this server, which does nothing yet.
    pub fn chat_worker(&self) -> Worker {
        let options = WorkerOptions {
            chats: self.chats_config().parallel,
            ..WorkerOptions::default()
        };
        Worker::new(
            self.chats(),
            Arc::new(Door::new(self.clone())),
            Arc::new(Insides::new(self.clone())),
            self.gate().tasks().clone(),
            options,
        )
    }
}
