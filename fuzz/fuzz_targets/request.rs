//! Requests: what is accepted is JSON, what is edited stays what it was, and bounds hold.
//!
//! The first byte picks the protocol and the edits, the rest is the body.

#![no_main]

use bailey_llm::{Bounds, Edits, MaxOutputField, ParseLimits, Protocol, RequestView};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fuzz_target!(|data: &[u8]| {
    let Some((pick, body)) = data.split_first() else { return };
    let protocol = Protocol::ALL[usize::from(*pick) % Protocol::ALL.len()];
    let json = std::str::from_utf8(body).is_ok() && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    let Ok(view) = RequestView::parse(protocol, body, &ParseLimits::default()) else { return };
    assert!(json, "accepted what is no JSON");
    let bounds = Bounds::default();
    let _ = view.input_bound(&bounds);
    let _ = view.input_estimate(&bounds);
    let edits = Edits {
        model: (pick & 0x10 != 0).then_some("another \"model\""),
        max_output: (pick & 0x20 != 0).then_some(100),
        thinking_budget: (pick & 0x40 != 0).then_some(50),
        include_usage: pick & 0x80 != 0,
        max_output_field: MaxOutputField::MaxTokens,
    };
    let Some(edited) = view.apply(&edits) else { return };
    let again = RequestView::parse(protocol, &edited, &ParseLimits::default()).expect("an edit broke the body");
    assert_eq!(again.apply(&edits), None, "an edit is not finished");
    assert_eq!(again.model(), edits.model.unwrap_or(view.model()));
    assert!(edits.max_output.is_none_or(|max| again.max_output().is_some_and(|now| now <= max)));
    assert_eq!((again.stream(), again.choices(), again.tools()), (view.stream(), view.choices(), view.tools()));
});
