//! What is written down about a request: intents before bytes, settlements after, and the ledger's rows.

use serde::{Deserialize, Serialize};

use crate::{AttemptId, BudgetId, GroupId, KeyId, Money, PersonId, RequestId, Timestamp, TokenId, WorkspaceId};

/// Token counts by class, as a provider bills them. The classes are disjoint but for `reasoning`, which is part of `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input read afresh: neither from nor into a cache.
    pub input: u64,
    /// Input read from the provider's cache.
    pub cache_read: u64,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: u64,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// The part of the output that was reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// All input, cached or not.
    pub const fn total_input(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }

    /// All tokens.
    pub const fn total(&self) -> u64 {
        self.total_input().saturating_add(self.output)
    }

    /// The sums, class by class, held at the largest number.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write_5m: self.cache_write_5m.saturating_add(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name used in text, JSON and the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads [`Self::as_str`] back.
            pub fn from_name(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text)
            }
        }
    };
}

names! {
    /// How a request ended. Every intent gets exactly one.
    Outcome {
        /// Answered in full.
        Ok = "ok",
        /// Refused by Bailey; nothing was sent.
        Denied = "denied",
        /// The provider failed or refused, or the stream broke.
        Error = "error",
        /// The client hung up before the end.
        ClientGone = "client_gone",
        /// Nobody knows: the server ended while it ran.
        Unknown = "unknown",
    }
}

names! {
    /// Why a charge is not the price of the provider's own final usage.
    ChargeFlag {
        /// No final usage came; the whole hold is charged.
        HoldCharged = "hold_charged",
        /// The client left and the drain met its bound; the whole hold is charged.
        DrainBound = "drain_bound",
        /// The server ended while the request ran; the whole hold is charged.
        Recovered = "recovered",
        /// A self-hosted provider was cancelled; what was received is charged.
        Estimated = "estimated",
        /// The provider billed more than was asked of it; the excess is in `overrun`.
        Overrun = "overrun",
    }
}

/// One window of one budget: what holds and leases are counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountKey {
    /// The budget.
    pub budget: BudgetId,
    /// The window's first instant.
    pub window: Timestamp,
}

/// Who and what a request is about; the part that intents and rows share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The key that was used.
    pub key: Option<KeyId>,
    /// The API token that was used, where it was no key.
    pub token: Option<TokenId>,
    /// Who answers for it.
    pub person: Option<PersonId>,
    /// The group that is charged.
    pub group: Option<GroupId>,
    /// The workspace it came from.
    pub workspace: Option<WorkspaceId>,
    /// The protocol spoken: `messages`, `chat`, `responses`.
    pub protocol: String,
    /// The model asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The client's own session id, where it sends one. For grouping, never for authority.
    pub session: Option<String>,
}

/// One row of the ledger: one request at the model door, all its attempts together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its id, also sent to the client as `x-bailey-request-id`.
    pub id: RequestId,
    /// Who and what.
    pub subject: Subject,
    /// When it arrived.
    pub started_at: Timestamp,
    /// Microseconds from arrival to the last byte.
    pub latency_us: u64,
    /// Microseconds from arrival to the first content byte.
    pub ttft_us: Option<u64>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Bailey's error code, where there is one.
    pub code: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The provider's own name of the model that answered.
    pub provider_model: Option<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// Tokens of all attempts.
    pub usage: Usage,
    /// What all attempts are charged; `overrun` is not in it.
    pub cost: Money,
    /// What the provider billed beyond the holds.
    pub overrun: Money,
    /// Why the charge is not the final usage's, if so.
    pub flag: Option<ChargeFlag>,
    /// The version of the price table.
    pub price_version: Option<String>,
    /// The provider's id of the request.
    pub provider_request_id: Option<String>,
}

/// One attempt of a request on one route; kept where a request needed more than one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Its id.
    pub id: AttemptId,
    /// The request it belongs to.
    pub request: RequestId,
    /// 1 for the first.
    pub number: u32,
    /// The provider.
    pub provider: String,
    /// The provider's own name of the model.
    pub provider_model: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Microseconds until it was settled.
    pub latency_us: u64,
    /// The provider's HTTP status, if it answered.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong, as a code.
    pub code: Option<String>,
    /// Tokens.
    pub usage: Usage,
    /// What is charged for it.
    pub cost: Money,
    /// What the provider billed beyond the hold.
    pub overrun: Money,
    /// Why the charge is not the final usage's, if so.
    pub flag: Option<ChargeFlag>,
}

/// Written before the first byte goes upstream: the attempt is now `sent`. All that recovery needs is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its request.
    pub request: RequestId,
    /// 1 for the first.
    pub number: u32,
    /// When the request arrived.
    pub started_at: Timestamp,
    /// Who and what.
    pub subject: Subject,
    /// The provider it goes to.
    pub provider: String,
    /// The provider's own name of the model.
    pub provider_model: String,
    /// What is held, on each account in full.
    pub hold: Money,
    /// The accounts it is held on.
    pub accounts: Vec<AccountKey>,
    /// The version of the price table.
    pub price_version: String,
}

/// Written when an attempt's outcome is known, and for refusals, which have no attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The attempt that is settled; `None` for a refusal.
    pub attempt: Option<AttemptId>,
    /// The accounts of its hold.
    pub accounts: Vec<AccountKey>,
    /// What is charged on each account.
    pub charge: Money,
    /// What the provider billed beyond the hold.
    pub overrun: Money,
    /// The attempt's own row, where the request needed more than one.
    pub detail: Option<AttemptRecord>,
    /// The request's row, with its last attempt.
    pub request: Option<RequestRecord>,
}

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JournalRecord {
    /// Bytes are about to go upstream.
    Intent(Box<Intent>),
    /// What came of it.
    Settlement(Box<Settlement>),
}
