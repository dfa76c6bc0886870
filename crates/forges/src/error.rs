//! What goes wrong with a forge, whose fault it is and what to do.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Of what the caller asked for, or of how the connection is set up.
    Caller,
    /// Of what the token may do at the forge.
    Policy,
    /// Of the forge or the way to it.
    Upstream,
    /// Ours.
    Ours,
}

/// Something could not be done at a forge.
#[derive(Debug)]
pub struct ForgeError {
    /// What was to be done, such as `read the ticket`.
    pub doing: &'static str,
    /// Why it could not.
    pub cause: Cause,
}

/// Why something could not be done. What the forge said is a stranger's text: on one line, bounded, without the token.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// No connection.
    #[error("the forge cannot be reached; check its address, its certificate and the network")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// No answer in time.
    #[error("the forge did not answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// A request that has an effect got no answer.
    #[error("the forge did not answer; whether it was done is unknown, so look before it is done again")]
    Unknown(#[source] Option<Box<dyn Error + Send + Sync>>),
    /// The token is not good.
    #[error(
        "the forge does not accept the token; it has expired or was revoked, so make a new one and put it into the connection"
    )]
    Token,
    /// The token lacks a scope.
    #[error("the token lacks a scope; make one with the scope `{needed}` and put it into the connection")]
    Scope {
        /// The scope that is needed.
        needed: String,
    },
    /// The token's user lacks a role.
    #[error("the forge does not allow it to the token's user ({said}); give that user a higher role in the project")]
    Forbidden {
        /// What the forge said.
        said: String,
    },
    /// It is not there.
    #[error("it is not there, or the token's user may not see it")]
    NotFound,
    /// The forge says that it is elsewhere. Nothing is sent there.
    #[error("the forge answers that it has moved; look up its new address and put that into the connection")]
    Moved,
    /// It clashes with what is there.
    #[error("it clashes with what is there ({said})")]
    Conflict {
        /// What the forge said.
        said: String,
    },
    /// The forge does not take what it was sent.
    #[error("the forge does not accept it ({said})")]
    Invalid {
        /// What the forge said.
        said: String,
    },
    /// Too many requests.
    #[error("the forge limits requests; it takes more in {} seconds", .0.as_secs().max(1))]
    RateLimited(Duration),
    /// The forge is broken for the time being.
    #[error("the forge answers with status {0}; try again later, and look at its logs if it stays so")]
    Unavailable(u16),
    /// The answer is too long.
    #[error("the forge's answer is longer than {0} bytes")]
    TooLong(usize),
    /// There are more pages than are read.
    #[error("the forge has more than {0} pages of it")]
    TooManyPages(usize),
    /// The answer is not what the forge documents.
    #[error("the forge's answer is not of the documented shape; is this the address of a GitLab?")]
    Shape(#[source] serde_json::Error),
    /// The next page is not below the forge's own address.
    #[error("the forge's link to the next page leads elsewhere; nothing is sent there")]
    Link,
    /// The request cannot be written.
    #[error("the request cannot be written")]
    Request(#[source] Box<dyn Error + Send + Sync>),
}

impl ForgeError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match &self.cause {
            Cause::Token | Cause::NotFound | Cause::Moved | Cause::Conflict { .. } | Cause::Invalid { .. } => {
                Fault::Caller
            }
            Cause::Scope { .. } | Cause::Forbidden { .. } => Fault::Policy,
            Cause::Unreachable(_)
            | Cause::Timeout(_)
            | Cause::Unknown(_)
            | Cause::RateLimited(_)
            | Cause::Unavailable(_)
            | Cause::TooLong(_)
            | Cause::TooManyPages(_)
            | Cause::Shape(_)
            | Cause::Link => Fault::Upstream,
            Cause::Request(_) => Fault::Ours,
        }
    }

    /// Whether the same may succeed later without anybody doing anything. What has an unknown outcome is looked for first.
    pub const fn may_pass(&self) -> bool {
        matches!(
            &self.cause,
            Cause::Unreachable(_)
                | Cause::Timeout(_)
                | Cause::Unknown(_)
                | Cause::RateLimited(_)
                | Cause::Unavailable(_)
        )
    }

    /// How long the forge asks to be left alone.
    pub const fn retry_after(&self) -> Option<Duration> {
        match &self.cause {
            Cause::RateLimited(wait) => Some(*wait),
            _ => None,
        }
    }

    /// Whether what was asked for is not there.
    pub const fn is_not_found(&self) -> bool {
        matches!(&self.cause, Cause::NotFound)
    }

    /// Whether it may have been done all the same.
    pub(crate) const fn may_be_done(&self) -> bool {
        matches!(&self.cause, Cause::Unknown(_) | Cause::Conflict { .. })
    }
}

impl fmt::Display for ForgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.doing, self.cause)
    }
}

impl Error for ForgeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
