use proptest::prelude::*;

use super::*;
use crate::{ServiceTier, Usage};

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
fn an_overloaded_error_inside_a_200_is_seen_before_content() {
    let start = MESSAGES.split_inclusive("\n\n").next().unwrap();
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let outcome = relay(Protocol::Messages, false, &format!("{start}{error}"));
    let seen = outcome.error.unwrap();
    assert_eq!(
        (seen.status, seen.kind.as_str(), seen.retryable),
        (529, "overloaded_error", true)
    );
    assert!(!outcome.started && !outcome.complete && !outcome.metered.usage_final);
    let chat = "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n";
    let seen = relay(Protocol::Chat, false, chat).error.unwrap();
    assert_eq!(
        (seen.status, seen.kind.as_str(), seen.retryable),
        (500, "server_error", true)
    );
    let vllm = "data: {\"object\":\"error\",\"message\":\"too long\",\"type\":\"BadRequestError\",\"code\":400}\n\n";
    let seen = relay(Protocol::Chat, false, vllm).error.unwrap();
    assert_eq!(
        (seen.status, seen.message.as_str(), seen.retryable),
        (400, "too long", false)
    );
}

#[test]
fn errors_of_responses_are_seen_in_all_their_forms() {
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}}\n\n";
    let flat = "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\",\"param\":null}\n\n";
    let wrapped = "data: {\"type\":\"error\",\"error\":{\"type\":\"too_many\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}\n\n";
    for stream in [failed, flat, wrapped] {
        let outcome = relay(Protocol::Responses, false, stream);
        let error = outcome.error.unwrap();
        assert_eq!(
            (error.status, error.kind.as_str(), error.message.as_str()),
            (429, "rate_limit_exceeded", "slow")
        );
        assert!(error.retryable && outcome.complete && !outcome.started);
    }
}

#[test]
fn an_error_of_the_request_is_not_worth_another_route() {
    for (kind, status) in [
        ("invalid_request_error", 400),
        ("not_found_error", 404),
        ("request_too_large", 413),
    ] {
        let stream = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"m\"}}}}\n\n"
        );
        let error = relay(Protocol::Messages, false, &stream).error.unwrap();
        assert_eq!((error.status, error.retryable), (status, false));
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

#[test]
fn garbage_is_refused_and_nothing_of_it_passed_on() {
    let garbage: [&[u8]; 7] = [
        b"<html><body>502 Bad Gateway</body></html>\n\n",
        b"{\"error\":{\"message\":\"no stream\"}}\n\n",
        b"data: not json\n\n",
        b"data: {\"cut\":\n\n",
        b"event: x\ndata: \xff\xfe\n\n",
        b"\x00\x01\x02\n\n",
        b"data: {\"a\":\"\xc3\x28\"}\n\n",
    ];
    for stream in garbage {
        for size in [1, 7, stream.len()] {
            let outcome = relay_pieces(Protocol::Chat, false, stream.chunks(size));
            assert!(outcome.fault.is_some(), "{}", String::from_utf8_lossy(stream));
            assert_eq!(outcome.forwarded, b"", "{}", String::from_utf8_lossy(stream));
        }
    }
}

#[test]
fn what_came_before_bad_bytes_is_passed_on_and_counted() {
    let mut stream = MESSAGES.as_bytes().to_vec();
    stream.extend_from_slice(b"data: \xff\n\n");
    for size in [1, 100, stream.len()] {
        let outcome = relay_pieces(Protocol::Messages, false, stream.chunks(size));
        assert_eq!(
            (outcome.fault, outcome.forwarded.as_slice()),
            (Some(StreamFault::Utf8), MESSAGES.as_bytes())
        );
        assert!(outcome.metered.usage_final);
    }
    let mut relay = StreamRelay::new(Protocol::Chat, false);
    assert!(relay.push(Bytes::from_static(b"\xff"), &mut Vec::new()).is_err());
    assert!(
        relay
            .push(Bytes::from_static(b"data: {}\n\n"), &mut Vec::new())
            .is_err()
    );
}

#[test]
fn a_line_without_end_is_refused_at_the_limit_unless_it_is_data() {
    let line = vec![b'x'; 1 << 20];
    for size in [1_000, 1 << 20] {
        let outcome = relay_pieces(Protocol::Chat, false, line.chunks(size));
        assert_eq!(
            (outcome.fault, outcome.forwarded.len()),
            (Some(StreamFault::NotEvents), 0)
        );
    }
}

/// A stream with a final event of more than a megabyte.
fn long_stream() -> String {
    let text = "long \\\"text\\\" ".repeat(100_000);
    let output =
        format!("\"output\":[{{\"type\":\"message\",\"content\":[{{\"text\":\"{text}\"}}]}}],\"usage\":{{\"input");
    RESPONSES.replace("\"output\":[{\"usage\":1}],\"usage\":{\"input", &output)
}

#[test]
fn an_event_too_long_to_be_held_passes_by_and_is_still_read() {
    let stream = long_stream();
    let bytes = stream.as_bytes();
    let whole = relay_pieces(Protocol::Responses, false, [bytes]);
    assert_eq!(whole.forwarded, bytes);
    assert_eq!(
        whole.metered.usage,
        relay(Protocol::Responses, false, RESPONSES).metered.usage
    );
    assert!(whole.complete && whole.metered.usage_final);
    for size in [1, 10, 1_000, 65_536, 65_537, 300_000] {
        assert_eq!(
            relay_pieces(Protocol::Responses, false, bytes.chunks(size)),
            whole,
            "{size}"
        );
    }
    let mut relay = StreamRelay::new(Protocol::Responses, false);
    for piece in bytes.chunks(5_000) {
        relay.push(Bytes::copy_from_slice(piece), &mut Vec::new()).unwrap();
        assert!(relay.held.len() <= MAX_HELD);
    }
}

/// Streams made of whole and damaged events.
fn any_stream(protocol: Protocol) -> impl Strategy<Value = Vec<u8>> {
    let (_, stream) = STREAMS.into_iter().find(|(p, _)| *p == protocol).unwrap();
    let events: Vec<Vec<u8>> = stream
        .split_inclusive("\n\n")
        .map(|event| event.as_bytes().to_vec())
        .collect();
    let event = prop::sample::select(events);
    let odd = prop::sample::select(vec![
        b": comment\n\n".to_vec(),
        b"\n".to_vec(),
        b"data\n\n".to_vec(),
        b"data:\n\n".to_vec(),
        b"\xef\xbb\xbf".to_vec(),
        b"data: {\ndata: \"id\":1}\n\n".to_vec(),
        b"id: 7\nretry: 5\n\n".to_vec(),
        b"event: error\n\n".to_vec(),
        b"\xff".to_vec(),
        b"data: {\"usage\":{\"prompt_tokens\":-1}}\n\n".to_vec(),
        b"junk\n\n".to_vec(),
        b"\r\r".to_vec(),
    ]);
    let part = prop_oneof![6 => event, 1 => odd];
    let cut = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(part, 0..10), cut).prop_map(|(parts, cut)| {
        let mut stream = parts.concat();
        if let (Some((at, byte)), false) = (cut, stream.is_empty()) {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream
    })
}

fn pieces<'a>(mut rest: &'a [u8], cuts: &[u16]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, tail) = rest.split_at(usize::from(*cut).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_stream_means_the_same_however_it_is_cut(
        (protocol, stream) in prop::sample::select(Protocol::ALL.to_vec()).prop_flat_map(|p| (Just(p), any_stream(p))),
        hide in any::<bool>(),
        cuts in prop::collection::vec(0_u16..200, 0..30),
    ) {
        let whole = relay_pieces(protocol, hide, [stream.as_slice()]);
        let cut = relay_pieces(protocol, hide, pieces(&stream, &cuts));
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn nothing_is_passed_on_that_was_not_sent(
        stream in any_stream(Protocol::Messages),
        cuts in prop::collection::vec(0_u16..200, 0..30),
    ) {
        let outcome = relay_pieces(Protocol::Messages, true, pieces(&stream, &cuts));
        prop_assert!(stream.starts_with(&outcome.forwarded));
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..50) {
        for protocol in Protocol::ALL {
            relay_pieces(protocol, true, noise.chunks(size));
        }
    }
}
