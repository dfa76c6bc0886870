//! Writing an answer in each wire format.

pub(crate) mod chat;
pub(crate) mod messages;
pub(crate) mod responses;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::Plan;
use crate::call::{Call, Protocol};
use crate::errors::VendorError;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The event as sent, blank line included.
    pub(crate) bytes: Bytes,
    /// Bytes of generated content in it, by which the output generated so far is reckoned.
    pub(crate) weight: u64,
}

/// What a writer needs.
pub(crate) struct Context<'a> {
    pub(crate) call: &'a Call,
    pub(crate) plan: &'a Plan,
    /// Number of the request, from which all ids are made.
    pub(crate) sequence: u64,
    /// Seconds since 1970.
    pub(crate) created: u64,
}

impl Context<'_> {
    /// Identifier of the answer as a whole.
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}mock{:08}", self.sequence)
    }

    /// Identifier of a part of the answer.
    fn part_id(&self, prefix: &str, index: usize) -> String {
        format!("{prefix}mock{:08}n{index}", self.sequence)
    }

    /// The events of a streamed answer.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        match self.call.protocol {
            Protocol::Messages | Protocol::CountTokens => messages::frames(self),
            Protocol::Chat => chat::frames(self),
            Protocol::Responses => responses::frames(self),
        }
    }

    /// The body of an answer that is not streamed.
    pub(crate) fn body(&self) -> Value {
        match self.call.protocol {
            Protocol::Messages | Protocol::CountTokens => messages::body(self),
            Protocol::Chat => chat::body(self),
            Protocol::Responses => responses::body(self),
        }
    }
}

/// An error event for the stream of `protocol`. `number` is the `sequence_number` it gets in Responses streams, where
/// `failed` asks for a `response.failed` event.
pub(crate) fn error_event(
    protocol: Protocol,
    error: &VendorError,
    request_id: &str,
    number: u64,
    failed: bool,
) -> Bytes {
    match protocol {
        Protocol::Messages | Protocol::CountTokens => named("error", &error.body(protocol, request_id)),
        Protocol::Chat => unnamed(&error.body(protocol, request_id)),
        Protocol::Responses => responses::error_event(error, request_id, number, failed),
    }
}

/// A server-sent event with a name.
fn named(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// A server-sent event without one.
fn unnamed(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// Bytes of a piece where the number of pieces is not given.
const PIECE_BYTES: usize = 16;

/// `text` in `chunks` pieces of about the same length, each ending at a character; fewer if there are not enough
/// characters. An empty text has no pieces.
fn pieces(text: &str, chunks: Option<usize>) -> Vec<&str> {
    let chunks = chunks.unwrap_or_else(|| text.len().div_ceil(PIECE_BYTES)).max(1);
    let mut pieces = Vec::with_capacity(chunks.min(text.len()));
    let mut start = 0;
    for number in 1..=chunks {
        // The end of piece `number` if bytes could be split, moved on to the next character.
        let ideal = usize::try_from(text.len() as u128 * number as u128 / chunks as u128).unwrap_or(text.len());
        let end = (ideal..=text.len())
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(text.len());
        if let Some(piece) = text.get(start..end).filter(|piece| !piece.is_empty()) {
            pieces.push(piece);
        }
        start = end;
        if start >= text.len() {
            break;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_are_as_many_as_asked_for() {
        assert_eq!(pieces("abcdefgh", Some(3)), ["ab", "cde", "fgh"]);
        assert_eq!(pieces("ab", Some(5)), ["a", "b"]);
        assert_eq!(pieces("", Some(5)), Vec::<&str>::new());
        assert_eq!(pieces("0123456789abcdefX", None), ["01234567", "89abcdefX"]);
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_text(text in ".{0,60}", chunks in proptest::option::of(1_usize..80)) {
            let pieces = pieces(&text, chunks);
            prop_assert_eq!(pieces.concat(), text.clone());
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
        }
    }
}
