//! Names inside a workspace: a resolver that answers what a template allows, with made-up addresses, and nothing else.
//!
//! Nothing is ever asked outside: the server resolves when a connection is made. So names carry nothing out.

mod message;
mod names;
mod server;

pub use message::{Name, Question, Reply, answer, parse};
pub use names::Names;
pub(crate) use server::serve;
