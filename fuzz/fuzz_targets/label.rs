//! Labels: only what is written exactly as the grammar says asks for something, and a model is chosen among those there are.

#![no_main]

use bailey_forges::choose::choose;
use bailey_forges::label::{Prefix, Reading, Trigger, read};
use bailey_forges::markdown;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (label, rest) = text.split_once('\n').unwrap_or((text, ""));
    let prefix = rest.lines().next().and_then(|line| Prefix::parse(line).ok()).unwrap_or_default();
    let models: Vec<String> = rest.lines().skip(1).map(str::to_owned).collect();
    if let Reading::Trigger(trigger) = read(&prefix, label) {
        let written = match &trigger {
            Trigger::Workspace => format!("{prefix}-hitl"),
            Trigger::Agent { model: None } => format!("{prefix}-agent"),
            Trigger::Agent { model: Some(model) } => format!("{prefix}-agent:{model}"),
        };
        assert_eq!(written, label);
        assert!(label.is_ascii() && !label.contains([' ', '`', '$', '<', '\\', '"', '\'']));
        if let Trigger::Agent { model: Some(model) } = &trigger {
            if let Ok(chosen) = choose(model, &models) {
                assert!(models.iter().any(|model| model == chosen));
            }
        }
    }
    // Whatever it is, it can be shown.
    let shown = markdown::inline(label, 120);
    assert!(!shown.contains('\n') && !shown.starts_with('/') && !shown.contains("@all"));
});
