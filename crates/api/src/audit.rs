//! The audit log.

use bailey_core::{RequestId, SessionId, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{Moment, Named, Time};

/// What somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditActorKind {
    /// A person.
    Person,
    /// The server itself, or the command line on its machine.
    System,
    /// Somebody who did not show who they are.
    Anonymous,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditActor {
    /// What they are.
    pub kind: AuditActorKind,
    /// The person, by the name that they had then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Named>,
    /// The part of the server, such as `auto-stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditResource {
    /// Its kind, such as `person`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The name that it had then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was tried, and failed.
    Failed,
    /// It was refused.
    Denied,
    /// Nobody can say: the server ended, or the asker went away, before it was known.
    Unknown,
    /// It is under way.
    Pending,
}

impl AuditOutcome {
    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
            Self::Pending => "pending",
        }
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its id: the writer of its chain, a colon, and its number there.
    #[schema(example = "aud_01890a5d000070008000000000000000:42")]
    pub id: String,
    /// When it was recorded: before it took effect.
    pub at: Time,
    /// Who.
    pub actor: AuditActor,
    /// What was done, such as `users.update`.
    pub action: String,
    /// What it was done to.
    pub resource: AuditResource,
    /// What was there before, with secrets replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What was asked for, or is there after, with secrets replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The address that it was asked for from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The session of whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<SessionId>,
    /// The token of whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub token: Option<TokenId>,
    /// What caused it: the id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causal: Option<String>,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// When that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// The code of the problem that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it failed or was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The hash of its row, which the next row of the chain has in it.
    pub hash: String,
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditListQuery {
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Only those of this action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only what was done to the thing of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Only those with this outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub outcome: Option<AuditOutcome>,
    /// Only those recorded at or after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub since: Option<Moment>,
    /// Only those recorded before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub until: Option<Moment>,
    /// Only those with this text in the action, the resource, a name, the address, or what was before or after. A page may have
    /// fewer entries than asked for, or none, and still a `next_cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only those that this request caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub causal: Option<RequestId>,
    /// At most this many, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditFormat {
    /// JSON lines. Without a filter they are anchors and rows, from which `bailey audit verify` proves the log; with one they are
    /// entries as this API shows them.
    #[default]
    Jsonl,
    /// Entries as CSV (RFC 4180). A cell that a spreadsheet would take for a formula begins with `'`.
    Csv,
}

/// What is to be exported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditExportQuery {
    /// The form; `jsonl` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<AuditFormat>,
    /// Only those of this person, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Only those of this action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only what was done to the thing of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Only those with this outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub outcome: Option<AuditOutcome>,
    /// Only those recorded at or after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub since: Option<Moment>,
    /// Only those recorded before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub until: Option<Moment>,
    /// Only those with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only those that this request caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub causal: Option<RequestId>,
}

/// How a row is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditFaultKind {
    /// The row, or its content, is not what was written.
    Altered,
    /// The row is not there.
    Missing,
    /// The row stands in another's place.
    Reordered,
    /// What a signed anchor says is not so, or an anchor is not good.
    Anchor,
}

/// The first row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditFault {
    /// Whose chain it is in.
    pub writer: String,
    /// Its number there.
    pub seq: u64,
    /// How.
    pub kind: AuditFaultKind,
    /// How, in words.
    pub detail: String,
}

/// How far the proof reaches: nobody without the key can have altered what was written up to then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditReached {
    /// Whose chain the row is in.
    pub writer: String,
    /// The row.
    pub seq: u64,
    /// When the anchor was made.
    pub at: Time,
    /// The anchor's number.
    pub anchor: u64,
}

/// What verifying the log found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditReport {
    /// The rows that were read.
    pub rows: u64,
    /// Whether every row is as it was written, as far as can be proven.
    pub sound: bool,
    /// The first that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_fault: Option<AuditFault>,
    /// How far the proof reaches; absent where no anchor is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<AuditReached>,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// Whose chain.
    pub writer: String,
    /// Its last row.
    pub seq: u64,
    /// That row's hash.
    pub hash: String,
}

/// A signed statement of where the chains end; or, where it is a cut, up to where they were pruned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditAnchor {
    /// Who signed it: the writer of a server.
    pub signer: String,
    /// Its number among those of its signer.
    pub number: u64,
    /// When it was made.
    pub at: Time,
    /// `regular` or `cut`.
    pub kind: String,
    /// Where the chains end.
    pub heads: Vec<AuditHead>,
    /// The digest of the signer's anchor before.
    pub previous: String,
    /// The public key (Ed25519) in hexadecimal.
    pub key: String,
    /// The signature in hexadecimal.
    pub signature: String,
    /// When it was posted to `audit.anchors_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
}

/// Which anchors are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditAnchorListQuery {
    /// At most this many, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
