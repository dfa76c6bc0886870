//! Lines of an export: one JSON document each, from which a chain can be verified without the database.

use serde::{Deserialize, Serialize};

use super::{Actor, ActorKind, Anchor, AnchorKind, Content, Hash, Head, Outcome, Row, RowKind, hex, unhex};
use crate::{AuditWriterId, PersonId, SessionId, Timestamp, TokenId};

/// The longest line that is read, in bytes.
pub const LONGEST_LINE: usize = 1024 * 1024;

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A signed statement of where the chains end. Anchors come before the rows.
    Anchor(Anchor),
    /// A row and its content; `None` where that was erased.
    Row(Box<(Row, Option<Content>)>),
    /// Where a chain ended when the export was begun, after its rows.
    End(Head),
}

/// A line is not one of an export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is too long.
    #[error("is longer than {LONGEST_LINE} bytes")]
    TooLong,
    /// It is no JSON of the form.
    #[error("is no line of an export: {0}")]
    Form(String),
    /// A field has a value that it cannot have.
    #[error("has a `{0}` that cannot be read")]
    Field(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Wire {
    Anchor(AnchorWire),
    Row(Box<RowWire>),
    End(HeadWire),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadWire {
    writer: AuditWriterId,
    seq: u64,
    hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnchorWire {
    signer: AuditWriterId,
    number: u64,
    at: String,
    kind: String,
    heads: Vec<HeadWire>,
    previous: String,
    key: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowWire {
    writer: AuditWriterId,
    seq: u64,
    kind: String,
    at: String,
    began_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refers: Option<u64>,
    actor_kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<PersonId>,
    action: String,
    resource_kind: String,
    resource_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<TokenId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    causal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    content_hash: String,
    previous: String,
    hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
}

impl Line {
    /// The line as text, without its end.
    pub fn to_text(&self) -> String {
        let wire = match self {
            Self::Anchor(anchor) => Wire::Anchor(anchor.into()),
            Self::Row(row) => Wire::Row(Box::new(RowWire::new(&row.0, row.1.clone()))),
            Self::End(head) => Wire::End(head.into()),
        };
        // Structs of texts and numbers always have a JSON form.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a line.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        if text.len() > LONGEST_LINE {
            return Err(LineError::TooLong);
        }
        let wire: Wire = serde_json::from_str(text).map_err(|error| LineError::Form(error.to_string()))?;
        match wire {
            Wire::Anchor(anchor) => anchor.read().map(Self::Anchor),
            Wire::Row(row) => row.read().map(|row| Self::Row(Box::new(row))),
            Wire::End(head) => head.read().map(Self::End),
        }
    }
}

fn time(field: &'static str, text: &str) -> Result<Timestamp, LineError> {
    let at = Timestamp::parse(text).ok_or(LineError::Field(field))?;
    // One instant has one text: another may not stand in its place.
    if at.to_string() == text {
        Ok(at)
    } else {
        Err(LineError::Field(field))
    }
}

fn hash(field: &'static str, text: &str) -> Result<Hash, LineError> {
    unhex(text).ok_or(LineError::Field(field))
}

impl From<&Head> for HeadWire {
    fn from(head: &Head) -> Self {
        Self {
            writer: head.writer,
            seq: head.seq,
            hash: hex(&head.hash),
        }
    }
}

impl HeadWire {
    fn read(&self) -> Result<Head, LineError> {
        Ok(Head {
            writer: self.writer,
            seq: self.seq,
            hash: hash("hash", &self.hash)?,
        })
    }
}

impl From<&Anchor> for AnchorWire {
    fn from(anchor: &Anchor) -> Self {
        Self {
            signer: anchor.signer,
            number: anchor.number,
            at: anchor.at.to_string(),
            kind: anchor.kind.to_string(),
            heads: anchor.heads.iter().map(HeadWire::from).collect(),
            previous: hex(&anchor.previous),
            key: hex(&anchor.key),
            signature: hex(&anchor.signature),
        }
    }
}

impl AnchorWire {
    fn read(&self) -> Result<Anchor, LineError> {
        Ok(Anchor {
            signer: self.signer,
            number: self.number,
            at: time("at", &self.at)?,
            kind: self.kind.parse::<AnchorKind>().map_err(|_| LineError::Field("kind"))?,
            heads: self.heads.iter().map(HeadWire::read).collect::<Result<_, _>>()?,
            previous: hash("previous", &self.previous)?,
            key: unhex(&self.key).ok_or(LineError::Field("key"))?,
            signature: unhex(&self.signature).ok_or(LineError::Field("signature"))?,
        })
    }
}

impl RowWire {
    fn new(row: &Row, content: Option<Content>) -> Self {
        Self {
            writer: row.writer,
            seq: row.seq,
            kind: row.kind.to_string(),
            at: row.at.to_string(),
            began_at: row.began_at.to_string(),
            refers: row.refers,
            actor_kind: row.actor.kind.to_string(),
            actor: row.actor.person,
            action: row.action.clone(),
            resource_kind: row.resource_kind.clone(),
            resource_id: row.resource_id.clone(),
            session: row.session,
            token: row.token,
            causal: row.causal.clone(),
            outcome: row.outcome.map(|outcome| outcome.to_string()),
            code: row.code.clone(),
            content_hash: hex(&row.content),
            previous: hex(&row.previous),
            hash: hex(&row.hash),
            content,
        }
    }

    fn read(self) -> Result<(Row, Option<Content>), LineError> {
        let outcome = self.outcome.as_deref().map(str::parse::<Outcome>);
        let row = Row {
            writer: self.writer,
            seq: self.seq,
            kind: self.kind.parse::<RowKind>().map_err(|_| LineError::Field("kind"))?,
            at: time("at", &self.at)?,
            began_at: time("began_at", &self.began_at)?,
            refers: self.refers,
            actor: Actor {
                kind: self
                    .actor_kind
                    .parse::<ActorKind>()
                    .map_err(|_| LineError::Field("actor_kind"))?,
                person: self.actor,
            },
            action: self.action,
            resource_kind: self.resource_kind,
            resource_id: self.resource_id,
            session: self.session,
            token: self.token,
            causal: self.causal,
            outcome: outcome.transpose().map_err(|_| LineError::Field("outcome"))?,
            code: self.code,
            content: hash("content_hash", &self.content_hash)?,
            previous: hash("previous", &self.previous)?,
            hash: hash("hash", &self.hash)?,
        };
        Ok((row, self.content))
    }
}
