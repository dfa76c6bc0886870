//! A borrowed view of a request: the client's bytes are the truth, and only what Bailey acts on is read.

mod bounds;
mod cache;
mod chat;
mod facts;
mod field;
mod media;
mod messages;
mod read;
mod responses;

use std::borrow::Cow;

pub use bounds::{Bounds, TOOL_OVERHEAD_TOKENS, TOOL_PROMPT_TOKENS, Unbounded};
pub use cache::CacheControl;

use crate::Protocol;
use crate::json::{Cursor, JsonError, Kind, Span};
use cache::CacheWatch;
use facts::Facts;

/// The deepest nesting that may be configured: parsing recurses, and a stack is finite.
pub const MAX_DEPTH_LIMIT: u32 = 512;

/// What a request may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseLimits {
    /// The deepest nesting of arrays and objects, at most [`MAX_DEPTH_LIMIT`].
    pub max_depth: u32,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { max_depth: 128 }
    }
}

/// Why a request is refused before anything is done with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is no JSON, or too deep.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is JSON, but no object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// A field is missing.
    #[error("`{field}` is required")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field has another type or value than it must have.
    #[error("`{field}` must be {expected}")]
    Invalid {
        /// The field, with dots for nesting.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A field that is acted on is given twice: readers disagree on which one counts.
    #[error("`{field}` is given more than once")]
    Duplicate {
        /// The field.
        field: &'static str,
    },
    /// A field that some readers take for one that is acted on, because they ignore case.
    #[error("`{found}` is not a field; did you mean `{field}`?")]
    Misspelled {
        /// The field.
        field: &'static str,
        /// How it was written.
        found: String,
    },
}

impl RequestError {
    /// The field it is about, if it is about one.
    pub const fn field(&self) -> Option<&str> {
        match self {
            Self::Json(_) | Self::NotAnObject => None,
            Self::Missing { field }
            | Self::Invalid { field, .. }
            | Self::Duplicate { field }
            | Self::Misspelled { field, .. } => Some(field),
        }
    }
}

/// A request, read but not copied.
#[derive(Debug, Clone)]
pub struct RequestView<'a> {
    protocol: Protocol,
    body: &'a [u8],
    model: Cow<'a, str>,
    pub(crate) facts: Facts<'a>,
    cache: CacheControl,
}

impl<'a> RequestView<'a> {
    /// Reads `body`, which must be a whole request of `protocol`.
    pub fn parse(protocol: Protocol, body: &'a [u8], limits: &ParseLimits) -> Result<Self, RequestError> {
        let depth = limits.max_depth.min(MAX_DEPTH_LIMIT);
        let mut cursor = Cursor::new(body, depth, CacheWatch::default())?;
        if cursor.peek()? != Kind::Object {
            cursor.skip()?;
            cursor.end()?;
            return Err(RequestError::NotAnObject);
        }
        let mut facts = facts::read(protocol, &mut cursor)?;
        cursor.end()?;
        let model = facts.model.take().ok_or(RequestError::Missing { field: "model" })?;
        Ok(Self {
            protocol,
            body,
            model,
            facts,
            cache: cursor.watch.seen(),
        })
    }

    /// The protocol it was read as.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The bytes as they came.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The model asked for, escapes resolved.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the answer is to be streamed.
    pub const fn stream(&self) -> bool {
        self.facts.stream
    }

    /// The most output tokens as asked for; the lowest where a request names two.
    pub fn max_output(&self) -> Option<u64> {
        self.facts.limits.iter().flatten().filter_map(|l| l.value).min()
    }

    /// How many answers are asked for at once.
    pub const fn choices(&self) -> u64 {
        self.facts.choices
    }

    /// The thinking budget in tokens, where thinking is `enabled`. Adaptive thinking has none.
    pub fn thinking_budget(&self) -> Option<u64> {
        self.facts.thinking.map(|t| t.budget)
    }

    /// The thinking budget that goes with a lowered `max_output`: below it, as the provider demands. `Ok(None)` if
    /// nothing has to change; `Err` if no allowed budget (1,024 or more) is left.
    pub fn thinking_within(&self, max_output: u64) -> Result<Option<u64>, ThinkingTooTight> {
        let lowered = self.max_output().is_none_or(|asked| max_output < asked);
        match self.facts.thinking {
            Some(t) if lowered && t.budget >= max_output => {
                let budget = max_output.saturating_sub(1);
                if budget < MIN_THINKING_BUDGET {
                    Err(ThinkingTooTight)
                } else {
                    Ok(Some(budget))
                }
            }
            _ => Ok(None),
        }
    }

    /// Whether the client itself asked for the usage chunk at the end of a chat stream.
    pub fn asks_usage(&self) -> bool {
        self.facts.options.is_some_and(|o| o.include_usage)
    }

    /// The service tier it names: what is billed by other rates than the standard ones. Anthropic's fast mode is `fast`,
    /// its place of service is named by itself (`us`); both at once have no rates, and so a name that none has.
    pub fn service_tier(&self) -> Option<&str> {
        let place = self.facts.geography.as_deref().filter(|place| *place != "global");
        match (self.facts.fast, place) {
            (true, Some(_)) => Some("fast in one place"),
            (true, None) => Some("fast"),
            (false, Some(place)) => Some(place),
            (false, None) => self.facts.tier.as_deref(),
        }
    }

    /// What it asks of the provider's prompt cache.
    pub const fn has_cache_control(&self) -> CacheControl {
        self.cache
    }

    /// How many tools it declares.
    pub const fn tools(&self) -> u64 {
        self.facts.tools.declared
    }

    /// An upper bound of the input tokens, by what is provable: text never has more tokens than UTF-8 bytes, and what is
    /// not text counts as `bounds` says. `Err` names a part that has no bound.
    pub fn input_bound(&self, bounds: &Bounds) -> Result<u64, Unbounded> {
        bounds.bound(self.protocol, self.body.len() as u64, &self.facts)
    }

    /// A tight guess of the input tokens, for rate limits and for counting where a provider cannot.
    pub fn input_estimate(&self, bounds: &Bounds) -> u64 {
        bounds.estimate(&self.facts)
    }

    /// Where the object's opening brace is.
    pub(crate) fn insert_at(&self) -> usize {
        self.facts.brace + 1
    }

    pub(crate) fn model_span(&self) -> Span {
        self.facts.model_span
    }
}

/// The least thinking budget that Anthropic accepts.
pub const MIN_THINKING_BUDGET: u64 = 1_024;

/// Thinking is asked for, and the output that is left has no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the output that can be afforded has no room for the smallest thinking budget of {MIN_THINKING_BUDGET} tokens")]
pub struct ThinkingTooTight;

#[cfg(test)]
mod tests;
