//! Bodies: nothing panics, and a body means the same however it is cut.
//!
//! The first byte picks the protocol, the second the length of the pieces.

#![no_main]

use bailey_llm::{BodyMeter, Metered, Protocol};
use libfuzzer_sys::fuzz_target;

fn meter(protocol: Protocol, body: &[u8], size: usize) -> Metered {
    let mut meter = BodyMeter::new(protocol);
    for piece in body.chunks(size) {
        meter.push(piece);
    }
    meter.finish()
}

fuzz_target!(|data: &[u8]| {
    let [pick, size, body @ ..] = data else { return };
    let protocol = Protocol::ALL[usize::from(*pick) % Protocol::ALL.len()];
    let whole = meter(protocol, body, body.len().max(1));
    assert_eq!(whole, meter(protocol, body, usize::from(*size).max(1)));
    if let Some(usage) = whole.usage {
        // Each class comes from numbers of at most 2^53, so nothing can be near wrapping.
        assert!(usage.total() < 1 << 60);
    }
});
