//! Streams of answers, cut anywhere and broken in every way.

use bailey_core::chat::Stop;
use bailey_llm::Protocol;
use proptest::prelude::*;
use serde_json::json;

use super::script::events;
use crate::model::Fault;
use crate::protocol::{AnswerReader, End, Piece, StreamError};

fn read(protocol: Protocol, stream: &[u8], size: usize) -> Result<(Vec<Piece>, End), StreamError> {
    let mut reader = AnswerReader::new(protocol);
    let mut pieces = Vec::new();
    for piece in stream.chunks(size.max(1)) {
        pieces.extend(reader.push(piece)?);
    }
    let (more, end) = reader.finish()?;
    pieces.extend(more);
    Ok((pieces, end))
}

fn text(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text { text, .. } => Some(text.clone()),
        _ => None,
    };
    pieces.iter().filter_map(text).collect()
}

#[test]
fn an_answer_is_read_the_same_however_it_is_cut() {
    let calls = [
        ("run", json!({ "command": "ä\u{0}" }).to_string()),
        ("list", String::new()),
    ];
    for protocol in [Protocol::Messages, Protocol::Chat] {
        let stream = events(protocol, (1, "Some text, ä.", &calls), 50, true);
        let whole = read(protocol, stream.as_bytes(), stream.len()).unwrap();
        for size in 1..60 {
            assert_eq!(read(protocol, stream.as_bytes(), size).unwrap(), whole, "{size}");
        }
        let (pieces, end) = whole;
        assert_eq!(text(&pieces), "Some text, ä.");
        assert_eq!(end.stop, Stop::ToolUse);
        let usage = end.usage.unwrap();
        assert_eq!(usage.input, 50);
        let calls: Vec<(&str, &str)> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Call { tool, arguments, .. } => Some((tool.as_str(), arguments.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(calls, [("run", r#"{"command":"ä\u0000"}"#), ("list", "{}")]);
    }
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    for protocol in [Protocol::Messages, Protocol::Chat] {
        let stream = events(protocol, (1, "Some text", &[]), 50, false);
        assert_eq!(read(protocol, stream.as_bytes(), 9), Err(StreamError::BrokeOff));
        let nonsense = read(protocol, b"data: {\"type\":\n\n", 9);
        assert!(matches!(nonsense, Err(StreamError::Malformed(_))), "{nonsense:?}");
    }
    // Some servers close without a last word.
    let closed = br#"data: {"choices":[{"delta":{"content":"a"},"finish_reason":"length"}]}"#;
    let closed = [closed.as_slice(), b"\n\n"].concat();
    assert_eq!(read(Protocol::Chat, &closed, 7).unwrap().1.stop, Stop::MaxTokens);
}

#[test]
fn errors_in_a_stream_say_whether_to_ask_again() {
    let fault = |protocol, event: &str| match read(protocol, format!("data: {event}\n\n").as_bytes(), 11) {
        Err(StreamError::Provider(error)) => error.fault,
        other => panic!("{other:?}"),
    };
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
    assert_eq!(fault(Protocol::Messages, overloaded), Fault::Passing);
    let refused = r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#;
    assert_eq!(fault(Protocol::Messages, refused), Fault::Refused);
    let quota = r#"{"error":{"code":"insufficient_quota","message":"m"}}"#;
    assert_eq!(fault(Protocol::Chat, quota), Fault::Budget);
    assert_eq!(
        fault(Protocol::Chat, r#"{"object":"error","message":"m"}"#),
        Fault::Passing
    );
}

#[test]
fn an_answer_has_an_end_to_its_size() {
    let start = |n: u32| {
        let block = json!({ "type": "tool_use", "id": "x", "name": "y" });
        let event = json!({ "type": "content_block_start", "index": n, "content_block": block });
        format!("data: {event}\n\n")
    };
    let many: String = (0..100).map(start).collect();
    assert_eq!(
        read(Protocol::Messages, many.as_bytes(), 4_096),
        Err(StreamError::TooLarge)
    );
    let mut reader = AnswerReader::new(Protocol::Chat);
    let long = vec![b'x'; 5 << 20];
    assert_eq!(reader.push(&long), Err(StreamError::TooLarge));
}

proptest! {
    #[test]
    fn nothing_makes_a_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..400), size in 1_usize..50) {
        for protocol in [Protocol::Messages, Protocol::Chat] {
            let whole = read(protocol, &bytes, bytes.len());
            prop_assert_eq!(read(protocol, &bytes, size).is_ok(), whole.is_ok());
        }
    }

    #[test]
    fn nothing_shaped_like_an_event_does(
        kind in "(message_start|content_block_start|content_block_delta|message_delta|error)",
        key in "(index|delta|content_block|usage|choices|error)",
        value in "(1|-1|null|\\[\\]|\\{\\}|\"x\"|\\{\"type\":\"tool_use\"\\}|99999999999999999999)",
    ) {
        let stream = format!("data: {{\"type\":\"{kind}\",\"{key}\":{value}}}\n\n");
        for protocol in [Protocol::Messages, Protocol::Chat] {
            let _ = read(protocol, stream.as_bytes(), 13);
        }
    }
}

#[test]
fn a_key_that_ends_within_an_answer_passes_in_both_protocols() {
    let error = |kind: &str, value: &str| json!({ "type": "error", "error": { kind: value, "message": "revoked" } });
    for (protocol, error) in [
        (Protocol::Messages, error("type", "authentication_error")),
        (Protocol::Chat, error("code", "invalid_api_key")),
    ] {
        let stream = format!("event: error\ndata: {error}\n\n");
        let Err(StreamError::Provider(error)) = read(protocol, stream.as_bytes(), 7) else {
            panic!("an error");
        };
        assert_eq!(error.fault, Fault::Passing, "{protocol:?}");
    }
}
