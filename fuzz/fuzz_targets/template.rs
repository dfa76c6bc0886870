//! `template.toml`: read or refused with places, and what is read can be filled in.

#![no_main]

use bailey_core::WorkspaceId;
use bailey_core::template::{Facts, ParameterValues, Parts, Task, Template, check_values};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|e| e.line >= 1 && e.column >= 1 && !e.message.is_empty()));
            return;
        }
    };
    let Ok(values) = check_values(&template.parameters, &ParameterValues::new(), None) else { return };
    // What was tried with the defaults does not fail with them, but for files that are not there.
    let facts = Facts {
        name: "workspace".to_owned(),
        owner: "owner".to_owned(),
        id: "ws_00000000000000000000000000000000".parse::<WorkspaceId>().unwrap(),
    };
    let mut parts = Parts::default();
    parts.texts.extend(template.texts().map(|source| (source.file.clone(), String::new())));
    let resolved = template.resolve(&values, &facts, &parts);
    let resolved = resolved.unwrap_or_else(|errors| panic!("{errors:?}"));
    for task in &resolved.tasks {
        let stored = serde_json::to_string(task).unwrap();
        assert!(serde_json::from_str::<Task>(&stored).is_ok(), "{stored}");
        if let Ok(values) = task.check(&ParameterValues::new()) {
            // Nothing that is filled in is read again, so that only the template's own words and values are there.
            let filled = task.prompt.fill(&values, |_, _| String::new());
            assert!(filled.len() <= task.prompt.shown().len());
        }
    }
});
