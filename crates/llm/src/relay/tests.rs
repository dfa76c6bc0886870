use super::*;
use crate::{ServiceTier, Usage};

mod cuts;
mod errors;

/// All that a relay says about a stream.
#[derive(Debug, Clone, PartialEq)]
struct Outcome {
    forwarded: Vec<u8>,
    metered: Metered,
    started: bool,
    complete: bool,
    error: Option<StreamErrorEvent>,
    fault: Option<StreamFault>,
}

fn relay_pieces<'a>(protocol: Protocol, hide: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut relay = StreamRelay::new(protocol, hide);
    let (mut out, mut fault) = (Vec::new(), None);
    for piece in pieces {
        if let Err(e) = relay.push(Bytes::copy_from_slice(piece), &mut out) {
            fault = Some(e);
        }
    }
    let (started, complete, error) = (relay.content_started(), relay.complete(), relay.error().cloned());
    let (metered, _) = relay.finish();
    Outcome {
        forwarded: out.concat(),
        metered,
        started,
        complete,
        error,
        fault,
    }
}

fn relay(protocol: Protocol, hide: bool, stream: &str) -> Outcome {
    relay_pieces(protocol, hide, [stream.as_bytes()])
}

const MESSAGES: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":25,\"cache_creation_input_tokens\":300,\"cache_read_input_tokens\":2000,\"cache_creation\":{\"ephemeral_5m_input_tokens\":260,\"ephemeral_1h_input_tokens\":40},\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
event: ping\ndata: {\"type\": \"ping\"}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hé \\\"usage\\\"\"}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":1}\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":15}}\n\n\
event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const CHAT: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"service_tier\":\"default\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n\
data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi \\\"usage\\\":{}\"},\"finish_reason\":null}],\"usage\":null}\n\n\
: keep-alive\n\n\
data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n\
data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":5,\"prompt_tokens_details\":{\"cached_tokens\":12}}}\n\n\
data: [DONE]\n\n";

const RESPONSES: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"usage\":null}}\n\n\
event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\"}}\n\n\
event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi there\"}\n\n\
event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"web_search_call\"}}\n\n\
event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"service_tier\":\"priority\",\"output\":[{\"usage\":1}],\"usage\":{\"input_tokens\":20,\"input_tokens_details\":{\"cached_tokens\":12},\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":3}}}}\n\n";

const STREAMS: [(Protocol, &str); 3] = [
    (Protocol::Messages, MESSAGES),
    (Protocol::Chat, CHAT),
    (Protocol::Responses, RESPONSES),
];

#[test]
fn reads_usage_content_and_end_of_each_protocol() {
    let messages = relay(Protocol::Messages, true, MESSAGES);
    let usage = Usage {
        input: 25,
        cache_read: 2000,
        cache_write_5m: 260,
        cache_write_1h: 40,
        output: 15,
        reasoning: 0,
    };
    assert_eq!(messages.metered.usage, Some(usage));
    assert_eq!(
        (messages.metered.tier, messages.metered.content_bytes),
        (Some(ServiceTier::Standard), 22)
    );
    let chat = relay(Protocol::Chat, false, CHAT);
    let usage = Usage {
        input: 8,
        cache_read: 12,
        output: 5,
        ..Usage::default()
    };
    assert_eq!((chat.metered.usage, chat.metered.content_bytes), (Some(usage), 15));
    let responses = relay(Protocol::Responses, true, RESPONSES);
    let usage = Usage {
        input: 8,
        cache_read: 12,
        output: 5,
        reasoning: 3,
        ..Usage::default()
    };
    assert_eq!(
        (responses.metered.usage, responses.metered.server_tool_calls),
        (Some(usage), 1)
    );
    assert_eq!(
        (responses.metered.tier, responses.metered.content_bytes),
        (Some(ServiceTier::Priority), 8)
    );
    for (outcome, stream) in [(messages, MESSAGES), (chat, CHAT), (responses, RESPONSES)] {
        assert_eq!(String::from_utf8_lossy(&outcome.forwarded), stream);
        assert!(outcome.started && outcome.complete && outcome.metered.usage_final);
        assert_eq!((outcome.error, outcome.fault), (None, None));
    }
}

#[test]
fn streaming_cost_equals_non_streaming_cost() {
    let bodies = [
        r#"{"usage":{"input_tokens":25,"cache_creation_input_tokens":300,"cache_read_input_tokens":2000,"cache_creation":{"ephemeral_5m_input_tokens":260,"ephemeral_1h_input_tokens":40},"output_tokens":15}}"#,
        r#"{"usage":{"prompt_tokens":20,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":12}}}"#,
        r#"{"usage":{"input_tokens":20,"input_tokens_details":{"cached_tokens":12},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":3}}}"#,
    ];
    for ((protocol, stream), body) in STREAMS.into_iter().zip(bodies) {
        let mut meter = crate::BodyMeter::new(protocol);
        meter.push(body.as_bytes());
        assert_eq!(
            relay(protocol, true, stream).metered.usage,
            meter.finish().usage,
            "{protocol}"
        );
    }
}

#[test]
fn a_stream_means_the_same_cut_at_every_byte() {
    for (protocol, stream) in STREAMS {
        for end in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', end);
            let bytes = stream.as_bytes();
            let whole = relay_pieces(protocol, true, [bytes]);
            for at in 0..=bytes.len() {
                assert_eq!(
                    relay_pieces(protocol, true, [&bytes[..at], &bytes[at..]]),
                    whole,
                    "{protocol} cut at {at}"
                );
            }
            assert_eq!(
                relay_pieces(protocol, true, bytes.chunks(1)),
                whole,
                "{protocol} byte by byte"
            );
        }
    }
}

#[test]
fn the_usage_chunk_is_hidden_from_clients_that_did_not_ask() {
    let hidden = relay(Protocol::Chat, true, CHAT);
    let text = String::from_utf8(hidden.forwarded).unwrap();
    assert!(!text.contains("prompt_tokens") && text.contains("\"stop\"") && text.ends_with("data: [DONE]\n\n"));
    assert_eq!(hidden.metered, relay(Protocol::Chat, false, CHAT).metered);
    // A chunk with choices is never hidden, nor is one without usage.
    let azure = "data: {\"id\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n";
    let outcome = relay(Protocol::Chat, true, azure);
    assert_eq!(String::from_utf8(outcome.forwarded).unwrap(), azure);
    assert!(outcome.complete && outcome.metered.usage_final);
}

#[test]
fn whole_events_are_passed_on_as_one_slice() {
    for (protocol, stream) in STREAMS {
        let mut out = Vec::new();
        let chunk = Bytes::copy_from_slice(stream.as_bytes());
        StreamRelay::new(protocol, false).push(chunk.clone(), &mut out).unwrap();
        assert_eq!(out.len(), 1, "{protocol}");
        assert_eq!(out[0].as_ptr(), chunk.as_ptr());
    }
}

#[test]
fn an_event_that_never_becomes_whole_is_not_passed_on() {
    let mut relay = StreamRelay::new(Protocol::Chat, false);
    let mut out = Vec::new();
    relay
        .push(Bytes::from_static(b"data: {\"id\":\"a\"}\n\ndata: {\"id\":"), &mut out)
        .unwrap();
    assert_eq!(out.concat(), b"data: {\"id\":\"a\"}\n\n");
    assert_eq!(relay.finish().1, &b"data: {\"id\":"[..]);
}

#[test]
fn content_starts_with_the_first_content_and_not_before() {
    let started = |protocol, stream: &str| {
        let mut relay = StreamRelay::new(protocol, false);
        let mut out = Vec::new();
        let events = stream.split_inclusive("\n\n");
        events
            .take_while(|event| {
                relay.push(Bytes::copy_from_slice(event.as_bytes()), &mut out).unwrap();
                !relay.content_started()
            })
            .count()
    };
    assert_eq!(started(Protocol::Messages, MESSAGES), 1);
    assert_eq!(started(Protocol::Chat, CHAT), 1);
    assert_eq!(started(Protocol::Responses, RESPONSES), 1);
    for delta in [
        r#""tool_calls":[{"index":0}]"#,
        r#""reasoning_content":"hm""#,
        r#""refusal":"no""#,
    ] {
        let stream = format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{{{delta}}}}}]}}\n\n");
        assert!(relay(Protocol::Chat, false, &stream).started, "{delta}");
    }
    for delta in [
        r#""content":"""#,
        r#""content":null,"tool_calls":[]"#,
        r#""role":"assistant""#,
    ] {
        let stream =
            format!("data: {{\"id\":\"c\",\"choices\":[{{\"delta\":{{{delta}}},\"finish_reason\":null}}]}}\n\n");
        assert!(!relay(Protocol::Chat, false, &stream).started, "{delta}");
    }
}

#[test]
fn usage_with_impossible_numbers_is_never_billed_by() {
    for bad in ["-15", "1e308", "15.5", "99999999999999999999"] {
        let stream = MESSAGES.replace("\"output_tokens\":15", &format!("\"output_tokens\":{bad}"));
        let outcome = relay(Protocol::Messages, false, &stream);
        assert_eq!(
            (outcome.metered.usage, outcome.metered.usage_final),
            (None, false),
            "{bad}"
        );
        assert!(outcome.complete);
        let stream = CHAT.replace("\"completion_tokens\":5", &format!("\"completion_tokens\":{bad}"));
        assert_eq!(relay(Protocol::Chat, true, &stream).metered.usage, None, "{bad}");
    }
}

#[test]
fn usage_that_comes_twice_is_counted_once() {
    let usage = CHAT.split_inclusive("\n\n").nth(4).unwrap();
    let stream = CHAT.replace(usage, &format!("{usage}{usage}"));
    assert_eq!(
        relay(Protocol::Chat, true, &stream).metered.usage,
        relay(Protocol::Chat, true, CHAT).metered.usage
    );
}

#[test]
fn usage_on_every_chunk_is_final_only_at_the_end() {
    let chunk = |content: &str, finish: &str, output: u64| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"finish_reason\":{finish}}}],\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":{output}}}}}\n\n"
        )
    };
    let open = relay(Protocol::Chat, true, &(chunk("a", "null", 1) + &chunk("b", "null", 2)));
    assert!(open.metered.usage.is_some() && !open.metered.usage_final && !open.complete);
    let done = relay(
        Protocol::Chat,
        true,
        &(chunk("a", "null", 1) + &chunk("b", "\"stop\"", 2)),
    );
    assert_eq!(
        (done.metered.usage.unwrap().output, done.metered.usage_final),
        (2, true)
    );
}

#[test]
fn a_false_end_in_the_text_is_no_end() {
    let stream = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"data: [DONE]\\n\\nevent: message_stop\"},\"finish_reason\":null}]}\n\n";
    assert!(!relay(Protocol::Chat, false, stream).complete);
    let stream = MESSAGES.replace("event: message_stop", "event: content_block_stop");
    assert!(!relay(Protocol::Messages, false, &stream).complete);
}

#[test]
fn messages_without_event_names_are_read_by_their_type() {
    for (protocol, stream) in [(Protocol::Messages, MESSAGES), (Protocol::Responses, RESPONSES)] {
        let named = relay(protocol, false, stream);
        let bare: String = stream
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("event:"))
            .collect();
        let bare = relay(protocol, false, &bare);
        assert_eq!(
            (bare.metered, bare.started, bare.complete),
            (named.metered, named.started, named.complete)
        );
    }
}
