//! Reading requests: bodies, query strings and path segments, each refused with the part at fault named.

mod archive;
mod body;
mod events;
mod form;
mod path;
mod payload;
mod query;
mod upgrade;

pub(crate) use archive::Archive;
pub(crate) use body::{Body, LIMIT, invalid};
pub(crate) use events::Events;
pub(crate) use form::Form;
pub(crate) use path::{Id, Ids};
pub(crate) use payload::Payload;
pub(crate) use query::{Query, wrong};
pub(crate) use upgrade::Upgrade;

/// The longest text of an error that repeats what a client sent.
const ECHO: usize = 300;

/// Serde's text of an error without the place in the text, which the pointer says better.
fn plain(error: &impl ToString) -> String {
    let text = error.to_string();
    let plain = text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]);
    match plain.char_indices().nth(ECHO) {
        Some((end, _)) => format!("{}…", &plain[..end]),
        None => plain.to_owned(),
    }
}

/// The field that serde says is missing, or there twice: its path ends at the object then.
fn absent_or_double(message: &str) -> Option<&str> {
    let rest = message
        .strip_prefix("missing field `")
        .or_else(|| message.strip_prefix("duplicate field `"));
    rest?.strip_suffix('`')
}
