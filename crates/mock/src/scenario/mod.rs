//! Scenarios: rules that say which request gets which answer, and what goes wrong on the way.

pub(crate) mod duration;
mod load;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::call::Protocol;
use crate::usage::UsageSpec;

pub use duration::Hold;
pub use load::{ScenarioError, load_scenarios};
pub(crate) use rules::Rules;

/// A named list of rules; the first rule that matches a request and is not used up decides.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Name shown in the ledger; a file without one is named after itself.
    pub name: String,
    /// What the scenario is for.
    pub description: String,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// When (`match`) and what. Exactly one of `answer`, `error` and `redirect` may be given; with none of them the
/// default answer is given. `stream_error`, `stall`, `cut` and `garbage` disturb the answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What a request must be like; empty matches every model call.
    #[serde(rename = "match")]
    pub matches: Match,
    /// The rule applies at most this often.
    pub limit: Option<u64>,
    /// Answer with this.
    pub answer: Option<Answer>,
    /// Answer with an error status in the vendor's shape.
    pub error: Option<ErrorSpec>,
    /// Answer with a redirect.
    pub redirect: Option<Redirect>,
    /// Put an error event into the stream and end it there.
    pub stream_error: Option<StreamError>,
    /// Stop sending for a while.
    pub stall: Option<Stall>,
    /// Cut the connection.
    pub cut: Option<Cut>,
    /// Send bytes that are no answer.
    pub garbage: Option<Garbage>,
    /// Report and bill this many output tokens more than `max_tokens` allows.
    pub overbill: Option<u64>,
}

/// Conditions; all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// Model name, with `*` for any text and `?` for any character.
    pub model: Option<String>,
    /// Wire format; `count_tokens` requests match only rules that name it.
    pub protocol: Option<Protocol>,
    /// Whether a stream is asked for.
    pub stream: Option<bool>,
    /// Answers of the model already in the conversation; adjacent items of one answer count once.
    pub turn: Option<u64>,
    /// Tool results already in the conversation.
    pub tool_results: Option<u64>,
    /// Contained in the text of some user message.
    pub text: Option<String>,
    /// Contained in the last user message that has text.
    pub last_text: Option<String>,
    /// Contained in the last tool result.
    pub tool_result: Option<String>,
    /// A tool of this name is declared.
    pub tool: Option<String>,
    /// Request headers and their exact values.
    pub header: BTreeMap<String, String>,
    /// The n-th model call that this server received, from 1 (`count_tokens` is not one).
    pub nth: Option<u64>,
}

/// A successful answer. Without text, thinking and tools, the text is the default one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answer {
    /// Text of the answer.
    pub text: Option<String>,
    /// Thinking before it.
    pub thinking: Option<String>,
    /// Tool calls after it, in parallel.
    pub tools: Vec<ToolCall>,
    /// Exact usage; what is left out comes from the defaults or is counted.
    pub usage: Option<UsageSpec>,
    /// Service tier to report.
    pub service_tier: Option<String>,
    /// Stop reason in the vendor's own word, instead of the one that follows from the answer.
    pub stop_reason: Option<String>,
    /// Timing; what is left out comes from the defaults.
    pub delay: Delays,
    /// Pieces that each text, and each tool call's arguments, are streamed in.
    pub chunks: Option<usize>,
    /// Longest write to the connection in bytes, to split events over reads.
    pub write_bytes: Option<usize>,
    /// Response headers to add.
    pub headers: BTreeMap<String, String>,
}

/// One call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// Name of the tool.
    pub name: String,
    /// Arguments, sent as JSON; a string is sent as it is, so it may be broken JSON.
    #[serde(default)]
    pub arguments: Value,
}

/// Timing of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delays {
    /// Before the first event, or before an answer that is not streamed.
    #[serde(with = "duration::optional")]
    pub first: Option<Duration>,
    /// Between two events.
    #[serde(with = "duration::optional")]
    pub between: Option<Duration>,
}

/// An error status.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorSpec {
    /// HTTP status; 200 gives an error body under a success status.
    pub status: u16,
    /// The vendor's error type; absent, the one that belongs to the status.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// The vendor's error code (OpenAI only).
    #[serde(default)]
    pub code: Option<String>,
    /// Message for the caller.
    #[serde(default)]
    pub message: Option<String>,
    /// Response headers to add, such as `retry-after`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// This body instead of the vendor's shape.
    #[serde(default)]
    pub body: Option<String>,
}

/// A redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Value of `location`.
    pub to: String,
    /// HTTP status.
    #[serde(default = "default_redirect")]
    pub status: u16,
}

fn default_redirect() -> u16 {
    307
}

/// An error event inside a 200 stream. A call that is not streamed gets `status` and an error body instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StreamError {
    /// Events before it; 0 puts it first.
    pub after_events: u64,
    /// The vendor's error type; absent, `overloaded_error` or `server_error`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Message for the caller.
    pub message: Option<String>,
    /// Status for calls that are not streamed; absent, 529 or 503.
    pub status: Option<u16>,
    /// In Responses streams: a `response.failed` event instead of `error`.
    pub failed: bool,
}

/// A pause in which nothing is sent and nothing is closed. Exactly one of `at` and `after_events` is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stall {
    /// A point before the first event.
    pub at: Option<StallPoint>,
    /// After this many events; as many as the stream has stalls before its end.
    pub after_events: Option<u64>,
    /// How long; then the answer goes on.
    #[serde(rename = "for")]
    pub hold: Hold,
}

/// A point of a response before its first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StallPoint {
    /// The connection is accepted and not read. Such a rule sees connections and not requests, so its `match` is empty.
    Connect,
    /// The request is read and no response begins.
    Headers,
    /// The response headers are sent and no event.
    FirstEvent,
}

/// A cut connection. At most one of `after_events` and `after_bytes` is given; with neither, it is cut before the
/// response headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cut {
    /// After this many events.
    pub after_events: Option<u64>,
    /// After this many bytes of the body.
    pub after_bytes: Option<u64>,
    /// By which means.
    pub how: CutHow,
}

/// How a connection is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutHow {
    /// Closed without the end of the body.
    #[default]
    Fin,
    /// Reset.
    Rst,
}

/// Bytes that are no answer. Exactly one of `text` and `base64` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Garbage {
    /// The bytes as text; YAML's double-quoted escapes such as `"\x00"` work.
    pub text: Option<String>,
    /// The bytes in base64.
    pub base64: Option<String>,
    /// In the body after this many events, where the body then ends; absent, on the connection instead of a response,
    /// which is then closed.
    pub after_events: Option<u64>,
}
