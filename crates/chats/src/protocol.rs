//! The wire protocols: a conversation becomes a request, a stream becomes pieces of an answer.
//!
//! Requests are stable: what was sent once is sent again byte by byte, and the next request goes on from it, so that providers
//! find it in their caches. Only the marks that say where to cache move.

mod chat;
mod messages;
mod reader;

use bailey_core::chat::{Engine, Stop};
use bailey_core::ledger::Usage;
use bailey_llm::Protocol;
use bytes::Bytes;
use serde_json::value::RawValue;

pub use reader::{ANSWER_BYTES, AnswerReader, CALLS_MOST, StreamError};

use crate::transcript::Transcript;

/// What the model is told when its answer was interrupted.
pub(crate) const CUT_OFF: &str = "[The answer was interrupted here.]";

/// A piece of an answer that streams in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// More text.
    Text {
        /// The block it belongs to.
        block: u32,
        /// The text.
        text: String,
    },
    /// More thinking.
    Thinking {
        /// The block it belongs to.
        block: u32,
        /// The text.
        text: String,
    },
    /// The signature of a block of thinking.
    Signature {
        /// The block.
        block: u32,
        /// The signature.
        signature: String,
    },
    /// Thinking that only the provider can read.
    Redacted {
        /// The block.
        block: u32,
        /// The data.
        data: String,
    },
    /// A whole tool call.
    Call {
        /// The block.
        block: u32,
        /// The provider's name for it.
        id: String,
        /// The tool.
        tool: String,
        /// The arguments, as the model wrote them.
        arguments: String,
    },
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub stop: Stop,
    /// Its usage, where the provider told it.
    pub usage: Option<Usage>,
}

/// The protocol of an engine, if chats can speak it.
pub fn of_engine(engine: &Engine) -> Option<Protocol> {
    [Protocol::Messages, Protocol::Chat]
        .into_iter()
        .find(|protocol| protocol.as_str() == engine.protocol)
}

/// The request that asks the model to go on. `None` for a protocol that chats do not speak.
pub fn request(protocol: Protocol, engine: &Engine, system: &str, transcript: &Transcript) -> Option<Bytes> {
    let body = match protocol {
        Protocol::Messages => serde_json::to_vec(&messages::request(engine, system, transcript)),
        Protocol::Chat => serde_json::to_vec(&chat::request(engine, system, transcript)),
        Protocol::Responses => return None,
    };
    body.ok().map(Bytes::from)
}

/// Arguments as they are given back: an object, as the model wrote it; what is none becomes an empty one, because providers
/// refuse a request with anything else in it. The call's result has told the model what was wrong.
fn arguments(text: &str) -> &RawValue {
    let raw = serde_json::from_str::<&RawValue>(text).ok();
    let object = raw.filter(|raw| raw.get().starts_with('{'));
    object
        .or_else(|| serde_json::from_str("{}").ok())
        .unwrap_or(RawValue::NULL)
}
