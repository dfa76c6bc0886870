//! Streams: nothing panics, nothing is passed on that was not sent, and a stream means the same however it is cut.
//!
//! The first byte picks the protocol and whether usage chunks are hidden, the second the length of the pieces.

#![no_main]

use bailey_llm::{Metered, Protocol, StreamFault, StreamRelay};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

#[derive(Debug, PartialEq)]
struct Outcome {
    forwarded: Vec<u8>,
    metered: Metered,
    state: (bool, bool, bool),
    fault: Option<StreamFault>,
}

fn relay(protocol: Protocol, hide: bool, stream: &[u8], size: usize) -> Outcome {
    let mut relay = StreamRelay::new(protocol, hide);
    let (mut out, mut fault) = (Vec::new(), None);
    for piece in stream.chunks(size) {
        fault = relay.push(Bytes::copy_from_slice(piece), &mut out).err();
    }
    let state = (relay.content_started(), relay.complete(), relay.error().is_some());
    let forwarded = out.concat();
    Outcome { forwarded, metered: relay.finish().0, state, fault }
}

fuzz_target!(|data: &[u8]| {
    let [pick, size, stream @ ..] = data else { return };
    let protocol = Protocol::ALL[usize::from(*pick) % Protocol::ALL.len()];
    let hide = pick & 0x80 != 0;
    let whole = relay(protocol, hide, stream, stream.len().max(1));
    let cut = relay(protocol, hide, stream, usize::from(*size).max(1));
    assert_eq!(whole, cut);
    if !hide {
        assert!(stream.starts_with(&whole.forwarded));
    }
});
