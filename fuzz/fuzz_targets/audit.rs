//! Exports of the audit log: a line is read back as it was written, and nothing that is read breaks the verifier.

#![no_main]

use bailey_core::audit::{Line, Verifier};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let lines: Vec<Line> = text.lines().filter_map(|line| Line::parse(line).ok()).collect();
    for line in &lines {
        assert_eq!(Line::parse(&line.to_text()).as_ref(), Ok(line));
    }
    let anchors = lines.iter().filter_map(|line| match line {
        Line::Anchor(anchor) => Some(anchor.clone()),
        _ => None,
    });
    let mut verifier = Verifier::new(anchors.collect(), |_| true);
    for line in &lines {
        match line {
            Line::Row(row) => verifier.row(&row.0, row.1.as_ref()),
            Line::End(head) => verifier.end(head),
            Line::Anchor(_) => {}
        }
    }
    let _ = verifier.finish();
});
