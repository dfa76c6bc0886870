//! Answers of models, as agents read them: nothing panics, what is read is bounded, and a stream means the same however it is cut.
//!
//! The first byte picks the protocol, the second the length of the pieces.

#![no_main]

use bailey_chats::protocol::{AnswerReader, CALLS_MOST, End, Piece};
use bailey_llm::Protocol;
use libfuzzer_sys::fuzz_target;

/// What the stream comes to, text joined by block; `None` if it is no answer.
fn read(protocol: Protocol, stream: &[u8], size: usize) -> Option<(Vec<Piece>, End)> {
    let mut reader = AnswerReader::new(protocol);
    let mut pieces = Vec::new();
    for piece in stream.chunks(size) {
        pieces.extend(reader.push(piece).ok()?);
    }
    let (rest, end) = reader.finish().ok()?;
    pieces.extend(rest);
    Some((pieces, end))
}

fuzz_target!(|data: &[u8]| {
    let [pick, size, stream @ ..] = data else { return };
    let protocol = if pick & 1 == 0 { Protocol::Messages } else { Protocol::Chat };
    let whole = read(protocol, stream, stream.len().max(1));
    let cut = read(protocol, stream, usize::from(*size).max(1));
    assert_eq!(whole, cut);
    let Some((pieces, _)) = whole else { return };
    let calls = pieces.iter().filter(|piece| matches!(piece, Piece::Call { .. }));
    assert!(calls.count() <= CALLS_MOST);
    for piece in pieces {
        let (Piece::Text { text, .. } | Piece::Thinking { text, .. } | Piece::Call { arguments: text, .. }) = piece else { continue };
        // PostgreSQL stores none.
        assert!(!text.contains('\0'));
    }
});
