#![doc = include_str!("../README.md")]

mod chats;
mod context;
mod feed;
mod model;
mod prompt;
pub mod protocol;
mod report;
#[cfg(test)]
mod tests;
pub mod tools;
mod transcript;
mod worker;
mod workspace;

pub use chats::{ChatError, Chats, PlanAnswer, Start, Watch};
pub use model::{Fault, Model, ModelError, ModelRequest, ModelStream};
pub use prompt::{INSTRUCTION_BYTES, INSTRUCTION_FILES};
pub use transcript::{Answer, Block, Entry, Transcript};
pub use worker::{Worker, WorkerOptions};
pub use workspace::{
    Answered, Command, DirEntry, Exit, FileText, Output, ProcessOutput, Workspace, WorkspaceError, Workspaces,
};
