//! The audit log: what was done, by whom, and how it is chained so that nothing can be altered unseen.
//!
//! Each writer has a chain of its own. A row is hashed over all its fields, the hash of its content and the hash of the row
//! before it ([`row`]). The content (names, addresses, what was there before and after) is kept apart and salted, so that it
//! can be erased without breaking the chain.

mod anchor;
mod chain;
mod content;
mod export;
mod row;
mod scrub;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use anchor::{Anchor, AnchorKind};
pub use chain::{Fault, FaultKind, Reached, Report, Verifier};
pub use content::Content;
pub use export::{LONGEST_LINE, Line, LineError};
pub use row::{Row, RowKind, digest, hex, unhex};
pub use scrub::{REPLACED, scrub};

use crate::{AuditWriterId, PersonId};

/// A hash of the audit log: SHA-256.
pub type Hash = [u8; 32];

/// What stands for the hash before a chain's first row.
pub const GENESIS: Hash = [0; 32];

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    Person,
    /// The server itself, or the command line on its machine.
    System,
    /// Somebody who did not show who they are.
    Anonymous,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was tried, and failed.
    Failed,
    /// It was refused.
    Denied,
    /// Nobody can say: the server ended, or the asker went away, before it was known.
    Unknown,
}

/// A name that is not one of the closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of {known}")]
pub struct Unlisted {
    /// The names there are.
    pub known: &'static str,
}

macro_rules! names {
    ($type:ident, $known:literal, $($name:ident = $text:literal),*) => {
        impl $type {
            /// The name used in text, JSON and the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        impl FromStr for $type {
            type Err = Unlisted;
            fn from_str(text: &str) -> Result<Self, Unlisted> {
                match text {
                    $($text => Ok(Self::$name),)*
                    _ => Err(Unlisted { known: $known }),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names!(
    ActorKind,
    "person, system, anonymous",
    Person = "person",
    System = "system",
    Anonymous = "anonymous"
);
names!(
    Outcome,
    "done, failed, denied, unknown",
    Done = "done",
    Failed = "failed",
    Denied = "denied",
    Unknown = "unknown"
);
names!(AnchorKind, "regular, cut", Regular = "regular", Cut = "cut");
names!(
    FaultKind,
    "altered, missing, reordered, anchor",
    Altered = "altered",
    Missing = "missing",
    Reordered = "reordered",
    Anchor = "anchor"
);
names!(
    RowKind,
    "intent, outcome, event",
    Intent = "intent",
    Outcome = "outcome",
    Event = "event"
);

/// Who did something, without a name: names are content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor {
    /// What they are.
    pub kind: ActorKind,
    /// The person, if it is one.
    pub person: Option<PersonId>,
}

/// Where a chain ends: its last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Whose chain.
    pub writer: AuditWriterId,
    /// The last row's number; 0 = there is none yet.
    pub seq: u64,
    /// The last row's hash, or [`GENESIS`].
    pub hash: Hash,
}
