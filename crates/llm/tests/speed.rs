//! How fast the hot paths are. Not part of the suite: `cargo test --release -p bailey-llm --test speed -- --ignored
//! --nocapture` prints the figures, and fails where one is far off.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bailey_llm::{Bounds, Edits, ParseLimits, Protocol, RequestView, StreamRelay};
use bytes::Bytes;

/// A body of the shape that Claude Code sends: 40 tools with long descriptions, escapes every few dozen bytes.
fn claude_code_body(bytes: usize) -> String {
    let line = "Use this tool to run a command.\\n- It takes \\\"arguments\\\" and a timeout.\\n- Prefer other tools \u{2014} they are safer.\\n";
    let description = line.repeat(bytes / 40 / line.len());
    let tools: Vec<String> = (0..40)
        .map(|i| format!("{{\"name\":\"Tool{i}\",\"description\":\"{description}\",\"input_schema\":{{\"type\":\"object\",\"properties\":{{\"command\":{{\"type\":\"string\"}},\"timeout\":{{\"type\":\"number\"}}}},\"required\":[\"command\"]}}}}"))
        .collect();
    format!(
        "{{\"model\":\"claude-opus-4-8\",\"messages\":[{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"hi\",\"cache_control\":{{\"type\":\"ephemeral\"}}}}]}}],\"tools\":[{}],\"max_tokens\":64000,\"stream\":true}}",
        tools.join(",")
    )
}

fn best_of(rounds: u32, mut work: impl FnMut()) -> Duration {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

#[test]
#[ignore = "measures; run it in release, alone"]
fn a_large_request_is_read_in_well_under_half_a_millisecond() {
    let body = claude_code_body(300_000);
    let edits = Edits {
        model: Some("claude-opus-4-8-20260528"),
        max_output: Some(32_000),
        ..Edits::default()
    };
    let read = best_of(300, || {
        let view = RequestView::parse(Protocol::Messages, body.as_bytes(), &ParseLimits::default()).unwrap();
        std::hint::black_box(view.input_bound(&Bounds::default()).unwrap());
    });
    let view = RequestView::parse(Protocol::Messages, body.as_bytes(), &ParseLimits::default()).unwrap();
    let edit = best_of(300, || drop(std::hint::black_box(view.apply(&edits))));
    let serde = best_of(50, || {
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        drop(std::hint::black_box(value));
    });
    println!(
        "{} bytes: read {read:?}, edit {edit:?}; serde_json::Value {serde:?}",
        body.len()
    );
    assert!(read < Duration::from_micros(500), "{read:?}");
}

#[test]
#[ignore = "measures; run it in release, alone"]
fn an_event_is_relayed_in_well_under_a_microsecond() {
    let messages = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some words of text\"}}\n\n".to_owned();
    let chat = "data: {\"id\":\"chatcmpl-1234567890\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-5\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some words of text\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n".to_owned();
    let responses = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":7,\"item_id\":\"msg_1234\",\"output_index\":0,\"content_index\":0,\"delta\":\"some words of text\",\"logprobs\":[]}\n\n".to_owned();
    let mut report = String::new();
    for (protocol, event) in [
        (Protocol::Messages, messages),
        (Protocol::Chat, chat),
        (Protocol::Responses, responses),
    ] {
        const EVENTS: u32 = 1_000;
        let single = Bytes::from(event.clone());
        let burst = Bytes::from(event.repeat(EVENTS as usize));
        let mut out = Vec::with_capacity(EVENTS as usize);
        let one_by_one = best_of(50, || {
            out.clear();
            let mut relay = StreamRelay::new(protocol, true);
            for _ in 0..EVENTS {
                relay.push(single.clone(), &mut out).unwrap();
            }
        });
        let at_once = best_of(50, || {
            out.clear();
            StreamRelay::new(protocol, true).push(burst.clone(), &mut out).unwrap();
        });
        writeln!(
            report,
            "{protocol}: {:?} an event, {:?} in a burst",
            one_by_one / EVENTS,
            at_once / EVENTS
        )
        .unwrap();
        assert!(one_by_one / EVENTS < Duration::from_micros(1), "{protocol}");
    }
    println!("{report}");
}
