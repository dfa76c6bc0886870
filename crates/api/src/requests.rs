//! The ledger's requests.

use bailey_core::ledger::{ChargeFlag, Outcome, Usage};
use bailey_core::{KeyId, RequestId, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::schema::{ChargeFlagSchema, OutcomeSchema};
use crate::{Amount, Moment, Time};

/// Tokens by class. The classes are disjoint but for `reasoning`, which is part of `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
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

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write_5m: usage.cache_write_5m,
            cache_write_1h: usage.cache_write_1h,
            output: usage.output,
            reasoning: usage.reasoning,
        }
    }
}

/// One request at the model door, all its attempts together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// Its id, which the client got as `x-bailey-request-id`.
    #[schema(value_type = String)]
    pub id: RequestId,
    /// When it arrived.
    pub started_at: Time,
    /// The id of the key that was used.
    pub key: Option<String>,
    /// The id of the API token that was used, where it was no key.
    pub token: Option<String>,
    /// The id of the person who answers for it.
    pub person: Option<String>,
    /// The id of the group that is charged.
    pub group: Option<String>,
    /// The id of the workspace it came from.
    pub workspace: Option<String>,
    /// The protocol spoken: `messages`, `chat`, `responses`.
    pub protocol: String,
    /// The model asked for.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The client's own session id, where it sends one.
    pub session: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// How it ended.
    #[schema(value_type = OutcomeSchema)]
    pub outcome: Outcome,
    /// Bailey's error code, where there is one.
    pub code: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The provider's own name of the model that answered.
    pub provider_model: Option<String>,
    /// The provider's id of the request.
    pub provider_request_id: Option<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// Tokens of all attempts.
    pub tokens: Tokens,
    /// What all attempts are charged; overrun is not in it.
    pub cost: Amount,
    /// What the provider billed beyond what was asked of it.
    pub overrun: Amount,
    /// Why the charge is not the price of the provider's own final usage, if so.
    #[schema(value_type = Option<ChargeFlagSchema>)]
    pub flag: Option<ChargeFlag>,
    /// The version of the price table.
    pub price_version: Option<String>,
    /// Microseconds from arrival to the last byte.
    pub latency_us: u64,
    /// Microseconds from arrival to the first content byte.
    pub ttft_us: Option<u64>,
}

/// One attempt of a request on one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// The provider.
    pub provider: String,
    /// The provider's own name of the model.
    pub provider_model: String,
    /// When it began.
    pub started_at: Time,
    /// Microseconds until it was settled.
    pub latency_us: u64,
    /// The provider's HTTP status, if it answered.
    pub status: Option<u16>,
    /// How it ended.
    #[schema(value_type = OutcomeSchema)]
    pub outcome: Outcome,
    /// What went wrong, as a code.
    pub code: Option<String>,
    /// Tokens.
    pub tokens: Tokens,
    /// What is charged for it.
    pub cost: Amount,
    /// What the provider billed beyond what was asked of it.
    pub overrun: Amount,
    /// Why the charge is not the price of the provider's own final usage, if so.
    #[schema(value_type = Option<ChargeFlagSchema>)]
    pub flag: Option<ChargeFlag>,
}

/// A request with its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestDetail {
    /// The request.
    #[serde(flatten)]
    pub request: Request,
    /// Its attempts, where it needed more than one.
    pub attempts_made: Vec<Attempt>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `application/json`.
    #[default]
    Json,
    /// `text/csv` (RFC 4180) with a line of names. A cell that a spreadsheet would take for a formula begins with `'`.
    Csv,
}

/// Which requests are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RequestListQuery {
    /// Only those that arrived at or after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub since: Option<Moment>,
    /// Only those that arrived before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub until: Option<Moment>,
    /// Only those of this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub key: Option<KeyId>,
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Only those charged to this group, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only those of this workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub workspace: Option<WorkspaceId>,
    /// Only those that asked for this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Only those that this provider answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Only those that ended like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline, value_type = Option<OutcomeSchema>)]
    pub outcome: Option<Outcome>,
    /// Only those of this session of a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// At most this many, 1 to 1000; 50 if absent. As CSV 1 to 10000, and 10000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before; with CSV it is in the header `x-bailey-next-cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The form of the answer; `json` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<Format>,
}
