//! What the upstream answers, as bytes that are ready to be written.

use std::fmt::Write as _;

/// Events in each stream, the terminal one included.
pub const EVENTS: usize = 50;

/// The wire format of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `OpenAI` Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
}

impl Protocol {
    /// By the request's path; anything that is not Messages is taken for Chat Completions.
    pub fn of_path(path: &[u8]) -> Self {
        if path.windows(9).any(|part| part == b"/messages") {
            Self::Messages
        } else {
            Self::Chat
        }
    }
}

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// One JSON document.
    Small,
    /// A stream, written at once.
    Burst,
    /// A stream, one event every 20 ms.
    Spaced,
    /// Errors, cut streams and good answers in turn.
    Fail,
}

impl Manner {
    /// By the model's name, which has to stand in the part of the body given here.
    pub fn of_body(start: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Manner); 4] = [
            (b"\"bench-small", Manner::Small),
            (b"\"bench-burst", Manner::Burst),
            (b"\"bench-spaced", Manner::Spaced),
            (b"\"bench-fail", Manner::Fail),
        ];
        let found = |name: &[u8]| start.windows(name.len()).any(|part| part == name);
        NAMES
            .into_iter()
            .find(|(name, _)| found(name))
            .map(|(_, manner)| manner)
    }
}

/// All answers of one protocol.
#[derive(Debug)]
pub struct Answers {
    /// Head and document.
    pub small: Vec<u8>,
    /// Head of a stream.
    pub stream_head: Vec<u8>,
    /// Each event as one HTTP chunk; the last also ends the body.
    pub events: Vec<Vec<u8>>,
    /// Head and all events.
    pub burst: Vec<u8>,
    /// An answer with status 503.
    pub unavailable: Vec<u8>,
}

impl Answers {
    /// Puts the answers of a protocol together.
    pub fn new(protocol: Protocol) -> Self {
        let (document, stream) = match protocol {
            Protocol::Chat => (chat_document(), chat_events()),
            Protocol::Messages => (messages_document(), messages_events()),
        };
        let stream_head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
            transfer-encoding: chunked\r\n\r\n"
            .to_vec();
        let mut events: Vec<_> = stream
            .iter()
            .map(|event| format!("{:x}\r\n{event}\r\n", event.len()))
            .collect();
        if let Some(last) = events.last_mut() {
            last.push_str("0\r\n\r\n");
        }
        let events: Vec<_> = events.into_iter().map(String::into_bytes).collect();
        let burst = [stream_head.clone(), events.concat()].concat();
        let unavailable = with_length(
            "503 Service Unavailable",
            r#"{"error":{"message":"try later","type":"server_error"}}"#,
        );
        Self {
            small: with_length("200 OK", &document),
            stream_head,
            events,
            burst,
            unavailable,
        }
    }
}

fn with_length(status: &str, document: &str) -> Vec<u8> {
    let length = document.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{document}")
        .into_bytes()
}

/// A completion of 545 bytes with its usage.
fn chat_document() -> String {
    let text = "An instant answer, always the same. ".repeat(5);
    let mut document = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        document,
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1763000000,"model":"bench-small","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":21,"completion_tokens":40,"total_tokens":61,"prompt_tokens_details":{{"cached_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0}}}}}}"#
    );
    let padding = 545_usize.saturating_sub(document.len());
    document.push_str(&" ".repeat(padding));
    document
}

fn messages_document() -> String {
    let text = "An instant answer, always the same. ".repeat(5);
    format!(
        r#"{{"id":"msg_bench","type":"message","role":"assistant","model":"bench-small","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":40}}}}"#
    )
}

/// 47 pieces of text, the end, the usage, and the terminal event; 9.2 KB together.
fn chat_events() -> Vec<String> {
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1763000000,\
             \"model\":\"bench-burst\",\"choices\":{choices},\"usage\":{usage}}}\n\n"
        )
    };
    let mut events: Vec<_> = (0..EVENTS - 3)
        .map(|number| {
            let delta = format!(r#"[{{"index":0,"delta":{{"content":" word{number:02}"}},"finish_reason":null}}]"#);
            chunk(&delta, "null")
        })
        .collect();
    events.push(chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#, "null"));
    events.push(chunk(
        "[]",
        r#"{"prompt_tokens":21,"completion_tokens":47,"total_tokens":68}"#,
    ));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// The beginning of a message and of its block, 45 pieces of text, and the ends of both.
fn messages_events() -> Vec<String> {
    let event = |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
    let mut events = vec![
        event(
            "message_start",
            r#","message":{"id":"msg_bench","type":"message","role":"assistant","model":"bench-burst","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":21,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}"#,
        ),
        event(
            "content_block_start",
            r#","index":0,"content_block":{"type":"text","text":""}"#,
        ),
    ];
    events.extend((0..EVENTS - 5).map(|number| {
        let rest = format!(
            r#","index":0,"delta":{{"type":"text_delta","text":" word{number:02} and as many others as make an event of usual length here"}}"#
        );
        event("content_block_delta", &rest)
    }));
    events.push(event("content_block_stop", r#","index":0"#));
    events.push(event(
        "message_delta",
        r#","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":47}"#,
    ));
    events.push(event("message_stop", ""));
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_the_peers_were_measured_with() {
        let chat = Answers::new(Protocol::Chat);
        assert!(chat.small.ends_with(b" ") || chat.small.ends_with(b"}"));
        assert_eq!(chat_document().len(), 545);
        for (protocol, stream) in [(Protocol::Chat, chat_events()), (Protocol::Messages, messages_events())] {
            assert_eq!(stream.len(), EVENTS);
            let bytes: usize = stream.iter().map(String::len).sum();
            assert!((8_700..9_700).contains(&bytes), "{protocol:?}: {bytes}");
        }
    }

    #[test]
    fn documents_and_events_are_json() {
        for text in [chat_document(), messages_document()] {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
        for event in [chat_events(), messages_events()].concat() {
            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            assert!(
                data == "[DONE]" || serde_json::from_str::<serde_json::Value>(data).is_ok(),
                "{data}"
            );
        }
    }

    #[test]
    fn protocol_and_manner_are_recognized() {
        assert_eq!(Protocol::of_path(b"/v1/messages?beta=true"), Protocol::Messages);
        assert_eq!(Protocol::of_path(b"/v1/chat/completions"), Protocol::Chat);
        assert_eq!(Manner::of_body(br#"{"model":"bench-spaced","#), Some(Manner::Spaced));
        assert_eq!(Manner::of_body(b"{}"), None);
    }
}
