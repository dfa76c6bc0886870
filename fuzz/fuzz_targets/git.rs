//! What git says at its socket in a workspace: nothing panics, and whatever is asked for is one plain host that was named.

#![no_main]

use bailey_agent::credentials::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(ask) = parse(text) else { return };
    for part in [&ask.scheme, &ask.host] {
        assert!(!part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic()));
    }
    assert!(text.lines().any(|line| line.strip_prefix("host=") == Some(ask.host.as_str())));
    assert!(text.lines().any(|line| line.strip_prefix("protocol=") == Some(ask.scheme.as_str())));
    let wanted = if ask.refused { "action=erase" } else { "action=get" };
    assert!(text.lines().any(|line| line == wanted));
});
