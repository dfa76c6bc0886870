use super::*;

fn meter(protocol: Protocol, pieces: &[&[u8]]) -> Metered {
    let mut meter = BodyMeter::new(protocol);
    for piece in pieces {
        meter.push(piece);
    }
    meter.finish()
}

const MESSAGES: &str = r#"{"id":"msg_1","type":"message","content":[{"type":"text","text":"say \"usage\":{\"input_tokens\":9}"},
  {"type":"tool_use","name":"t","input":{"usage":{"input_tokens":1,"output_tokens":1}}}],
  "usage":{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":15,"service_tier":"standard"}}"#;

const RESPONSES: &str = r#"{"id":"resp_1","object":"response","status":"completed","service_tier":"priority","output":[
  {"type":"web_search_call","id":"ws"},{"type":"message","content":[{"type":"output_text","text":"hi"}]}],
  "usage":{"input_tokens":30,"input_tokens_details":{"cached_tokens":10},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2}}}"#;

#[test]
fn reads_the_top_level_usage_and_no_other() {
    let metered = meter(Protocol::Messages, &[MESSAGES.as_bytes()]);
    let usage = metered.usage.unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.output), (25, 5, 15));
    assert!(metered.usage_final);
    let metered = meter(Protocol::Responses, &[RESPONSES.as_bytes()]);
    assert_eq!(metered.usage.unwrap().input, 20);
    assert_eq!(
        (metered.tier, metered.server_tool_calls),
        (Some(ServiceTier::Priority), 1)
    );
}

#[test]
fn gives_the_same_for_every_cut() {
    for (protocol, body) in [(Protocol::Messages, MESSAGES), (Protocol::Responses, RESPONSES)] {
        let bytes = body.as_bytes();
        let whole = meter(protocol, &[bytes]);
        for at in 0..bytes.len() {
            assert_eq!(meter(protocol, &[&bytes[..at], &bytes[at..]]), whole, "cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(meter(protocol, &single), whole);
    }
}

#[test]
fn a_body_that_is_cut_off_has_no_final_usage() {
    for end in 0..MESSAGES.len() {
        assert!(
            !meter(Protocol::Messages, &[&MESSAGES.as_bytes()[..end]]).usage_final,
            "{end}"
        );
    }
    assert_eq!(meter(Protocol::Chat, &[b"<html>502</html>"]).usage, None);
    assert_eq!(meter(Protocol::Chat, &[b"\xff\xfe\x00"]).usage, None);
}

#[test]
fn memory_is_bounded_for_any_body() {
    let body = format!(
        "{{\"usage\":{{\"x\":\"{}\"}},\"{}\":1}}",
        "y".repeat(1 << 20),
        "k".repeat(1 << 20)
    );
    assert_eq!(meter(Protocol::Chat, &[body.as_bytes()]).usage, None);
    let nested = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(meter(Protocol::Chat, &[nested.as_bytes()]).usage, None);
}
