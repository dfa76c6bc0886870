use proptest::prelude::*;

use super::*;

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
