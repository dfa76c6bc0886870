//! What streams in is gathered for a moment, so that it is written down in few rows.

use bailey_core::CallId;
use bailey_core::chat::{Channel, Part};

/// Bytes that are gathered at most.
const BYTES: usize = 8 << 10;

/// Parts of an answer that wait to be written down.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    parts: Vec<Part>,
    bytes: usize,
}

impl Batch {
    /// Takes a part. More text of the same block goes into the same part.
    pub(crate) fn push(&mut self, part: Part) {
        self.bytes = self.bytes.saturating_add(size(&part));
        match (self.parts.last_mut(), &part) {
            (
                Some(Part::Text { block, text }),
                Part::Text {
                    block: same,
                    text: more,
                },
            )
            | (
                Some(Part::Thinking { block, text }),
                Part::Thinking {
                    block: same,
                    text: more,
                },
            ) if block == same => {
                text.push_str(more);
            }
            _ => self.parts.push(part),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= BYTES
    }

    /// What was gathered.
    pub(crate) fn take(&mut self) -> Vec<Part> {
        self.bytes = 0;
        std::mem::take(&mut self.parts)
    }
}

const fn size(part: &Part) -> usize {
    match part {
        Part::Text { text, .. } | Part::Thinking { text, .. } => text.len(),
        _ => 0,
    }
}

/// Bytes of one call's output that the log keeps while it comes. The result keeps its own head and tail.
const OUTPUT_BYTES: usize = 256 << 10;

/// Output of a tool that waits to be written down.
#[derive(Debug, Default)]
pub(crate) struct OutputBatch {
    chunks: Vec<(Channel, Vec<u8>)>,
    /// The beginnings of characters, per channel.
    open: [Vec<u8>; 2],
    taken: usize,
}

impl OutputBatch {
    /// Takes output, cut anywhere.
    pub(crate) fn push(&mut self, channel: Channel, bytes: &[u8]) {
        let room = OUTPUT_BYTES.saturating_sub(self.taken);
        let kept = bytes.get(..room).unwrap_or(bytes);
        if kept.is_empty() {
            return;
        }
        self.taken += kept.len();
        match self.chunks.last_mut() {
            Some((same, chunk)) if *same == channel => chunk.extend_from_slice(kept),
            _ => self.chunks.push((channel, kept.to_vec())),
        }
        if self.taken == OUTPUT_BYTES {
            self.chunks
                .push((Channel::Stderr, b"\n[more of the output is not shown here]\n".to_vec()));
        }
    }

    /// What was gathered, up to the last whole character; with `last` all of it.
    pub(crate) fn take(&mut self, call: CallId, last: bool) -> Vec<Part> {
        let mut parts = Vec::new();
        let chunks = std::mem::take(&mut self.chunks);
        for (channel, chunk) in chunks {
            let open = &mut self.open[usize::from(channel == Channel::Stderr)];
            open.extend(chunk);
            let whole = whole_characters(open);
            let rest = open.split_off(whole);
            let bytes = std::mem::replace(open, rest);
            parts.extend(part(call, channel, &bytes));
        }
        if last {
            for channel in [Channel::Stdout, Channel::Stderr] {
                let rest = std::mem::take(&mut self.open[usize::from(channel == Channel::Stderr)]);
                parts.extend(part(call, channel, &rest));
            }
        }
        parts
    }
}

fn part(call: CallId, channel: Channel, bytes: &[u8]) -> Option<Part> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    (!text.is_empty()).then_some(Part::ToolOutput { call, channel, text })
}

/// How many bytes there are before a character that is not whole yet.
fn whole_characters(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    let tail = bytes.get(start..).unwrap_or_default();
    for (at, byte) in tail.iter().enumerate().rev() {
        let wants = match byte {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            0x80..=0xbf => continue,
            _ => 1,
        };
        return if tail.len() - at < wants {
            start + at
        } else {
            bytes.len()
        };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn text_of_one_block_is_one_part() {
        let mut batch = Batch::default();
        for (block, text) in [(0, "a"), (0, "b"), (1, "c")] {
            batch.push(Part::Text {
                block,
                text: text.to_owned(),
            });
        }
        let text = |block, text: &str| Part::Text {
            block,
            text: text.to_owned(),
        };
        assert_eq!(batch.take(), [text(0, "ab"), text(1, "c")]);
        assert!(batch.is_empty());
    }

    #[test]
    fn endless_output_is_cut_in_the_log() {
        let mut batch = OutputBatch::default();
        for _ in 0..100 {
            batch.push(Channel::Stdout, &[b'x'; 10_000]);
        }
        let call = CallId::from_uuid(Uuid::nil());
        let all: usize = batch
            .take(call, true)
            .iter()
            .map(|part| match part {
                Part::ToolOutput { text, .. } => text.len(),
                _ => 0,
            })
            .sum();
        assert!((OUTPUT_BYTES..OUTPUT_BYTES + 100).contains(&all), "{all}");
    }

    proptest! {
        #[test]
        fn characters_are_never_cut(text in "[aä€😀]{0,40}", cuts in prop::collection::vec(0_usize..160, 0..8)) {
            let call = CallId::from_uuid(Uuid::nil());
            let (mut batch, mut seen) = (OutputBatch::default(), String::new());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            for pair in cuts.windows(2) {
                batch.push(Channel::Stdout, &text.as_bytes()[pair[0]..pair[1]]);
                for part in batch.take(call, false) {
                    let Part::ToolOutput { text, .. } = part else { panic!("{part:?}") };
                    let whole = !text.contains('\u{fffd}');
                    prop_assert!(whole);
                    seen.push_str(&text);
                }
            }
            prop_assert!(batch.take(call, true).is_empty());
            prop_assert_eq!(seen, text);
        }
    }
}
