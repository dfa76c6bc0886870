//! Deliveries of forges: verified on their raw bytes, then read into one [`Event`].
//!
//! The order cannot be turned round: only [`Verifier::verify`] makes a [`Verified`], and only that is parsed.

mod depth;
mod gitlab;
mod hub;
mod secret;
mod sign;
mod verify;

use std::fmt;

use crate::event::Event;
use crate::model::{Actor, ForgeKind};

pub(crate) use gitlab::is_bot as is_gitlab_bot;
pub use secret::{HookSecret, SecretError};
pub use sign::sign;
pub use verify::{Verifier, VerifyError};

/// The longest body of a delivery, in bytes. Forges send less: of a ticket's text GitLab allows a million characters.
pub const LONGEST_BODY: usize = 4 * 1024 * 1024;
/// How deep a body may be nested.
const DEEPEST: usize = 64;
/// Labels and people of one ticket that are looked at; forges allow fewer.
const MOST: usize = 256;
/// The longest comment that is kept, in characters.
const LONGEST_COMMENT: usize = 64 * 1024;
/// The longest name of a user, label, branch or project, in characters.
const LONGEST_NAME: usize = 1_020;

/// A delivery whose signature is good.
#[derive(Clone)]
pub struct Verified<'a> {
    kind: ForgeKind,
    body: &'a [u8],
    event: String,
    delivery: String,
    digest: String,
}

impl Verified<'_> {
    /// The delivery's id: the same for every repeat of it. With the connection it is a unique key.
    ///
    /// Only GitLab's signing token covers it. Where it is not covered, somebody who recorded a delivery can send it again under another
    /// id; [`Verified::digest`] tells the two alike, and what is decided on the ticket's state comes to the same anyway.
    pub fn delivery(&self) -> &str {
        &self.delivery
    }

    /// SHA-256 of the body, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What the forge says the event is, for logs. It is not signed and decides nothing.
    pub fn event_name(&self) -> &str {
        &self.event
    }

    /// Reads the body.
    ///
    /// # Errors
    /// Where it is no JSON of the documented shape, or nested too deep.
    pub fn parse(&self) -> Result<Parsed, ParseError> {
        if depth::of(self.body) > DEEPEST {
            return Err(ParseError::TooDeep);
        }
        if self.body.trim_ascii_start().first() != Some(&b'{') {
            return Err(ParseError::NoObject);
        }
        let read = match self.kind {
            ForgeKind::GitLab => gitlab::parse(self.body),
            ForgeKind::GitHub => hub::parse(self.body, &self.event, hub::Labels::One),
            ForgeKind::Gitea | ForgeKind::Forgejo => hub::parse(self.body, &self.event, hub::Labels::All),
        };
        match read? {
            Ok((project, sender, what)) => Ok(Parsed::Event(Box::new(Event {
                delivery: self.delivery.clone(),
                project,
                sender,
                what,
            }))),
            Err(ignored) => Ok(Parsed::Ignored(ignored)),
        }
    }
}

impl fmt::Debug for Verified<'_> {
    /// Without the body: it may be a confidential ticket's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("kind", &self.kind)
            .field("event", &self.event)
            .field("delivery", &self.delivery)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What a delivery comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// Something that Bailey knows.
    Event(Box<Event>),
    /// Something else.
    Ignored(Ignored),
}

/// Why a delivery is of no interest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// It is about something else than tickets, their comments and merge requests.
    #[error("events of the kind `{0}` are not used")]
    Kind(String),
    /// It is a change that matters to nothing.
    #[error("the action `{0}` is not used")]
    Action(String),
    /// The forge wrote the comment.
    #[error("the forge itself wrote the comment")]
    SystemComment,
    /// The comment is on something else.
    #[error("the comment is not on a ticket")]
    CommentElsewhere,
    /// The merge request comes from another project; its branch's name means nothing.
    #[error("the merge request comes from a fork")]
    Fork,
    /// It does not say who did it.
    #[error("the delivery does not say who did it")]
    NoSender,
}

/// The body of a delivery is not what the forge documents.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// It is nested too deep.
    #[error("the delivery is nested deeper than {DEEPEST} levels")]
    TooDeep,
    /// It is no JSON object; GitHub can be set to send forms.
    #[error("the delivery is no JSON object; set the webhook's content type to application/json")]
    NoObject,
    /// It is no JSON, or misses a field.
    #[error("the delivery is not of the documented shape; a custom webhook template has to be taken away")]
    Shape(#[from] serde_json::Error),
}

/// What a parser found: where, who and what; or why it is of no interest.
type Read = Result<Result<(crate::model::ProjectRef, Actor, crate::event::What), Ignored>, ParseError>;

/// A name, at most as long as any forge allows.
fn name(text: String) -> String {
    match text.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

fn comment_body(text: &str) -> String {
    text.chars().take(LONGEST_COMMENT).collect()
}

/// A word of a stranger's for a log: short, and of visible characters.
fn word(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(64).collect()
}

#[cfg(test)]
mod tests;
