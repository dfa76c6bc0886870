//! What an agent says at the end of its work.

use bailey_core::ChatId;
use bailey_core::chat::Part;
use bailey_store::StoreError;

use crate::Chats;
use crate::tools::clip::clip;

/// Bytes of the last words, at most; of longer ones the beginning and the end.
const BYTES: usize = 32 << 10;
/// Parts that are read at once, and how often: further back nothing is looked for.
const PARTS: u32 = 500;
const READS: u32 = 40;

impl Chats {
    /// What the agent said last: the text of its last step that has any. `None` if it said nothing.
    pub async fn last_words(&self, chat: ChatId) -> Result<Option<String>, StoreError> {
        let (mut words, mut before) = (Words::default(), u64::MAX);
        for _ in 0..READS {
            let parts = self.store.chat_parts_before(chat, before, PARTS).await?;
            let Some(first) = parts.last() else { break };
            before = first.number;
            for part in parts {
                if words.add(part.part) {
                    return Ok(Some(words.text()));
                }
            }
        }
        Ok(words.is_any().then(|| words.text()))
    }
}

/// The text of one step, gathered from its end.
#[derive(Debug, Default)]
struct Words {
    /// Pieces with the numbers of their blocks, the last first.
    pieces: Vec<(u32, String)>,
    /// Whether what comes belongs to an answer that was begun again.
    cut: bool,
}

impl Words {
    fn is_any(&self) -> bool {
        self.pieces.iter().any(|(_, text)| !text.trim().is_empty())
    }

    /// Takes the part before those that it has. Says whether the words are whole.
    fn add(&mut self, part: Part) -> bool {
        match part {
            Part::Text { block, text } if !self.cut => self.pieces.push((block, text)),
            Part::StepStarted { .. } | Part::StepCut { kept: false } if self.is_any() => return true,
            Part::StepStarted { .. } => {
                self.pieces.clear();
                self.cut = false;
            }
            Part::StepCut { kept: false } => self.cut = true,
            _ => {}
        }
        false
    }

    fn text(&self) -> String {
        let (mut text, mut last) = (String::new(), None);
        for (block, piece) in self.pieces.iter().rev() {
            if last.is_some_and(|last| last != block) {
                text.push_str("\n\n");
            }
            text.push_str(piece);
            last = Some(block);
        }
        clip(text.trim(), BYTES)
    }
}

#[cfg(test)]
mod tests {
    use bailey_core::Money;
    use bailey_core::chat::Stop;

    use super::*;

    fn said(parts: &[Part]) -> Option<String> {
        let mut words = Words::default();
        let whole = parts.iter().rev().any(|part| words.add(part.clone()));
        (whole || words.is_any()).then(|| words.text())
    }

    fn text(block: u32, text: &str) -> Part {
        Part::Text {
            block,
            text: text.into(),
        }
    }

    const START: Part = Part::StepStarted { step: 1 };

    fn end() -> Part {
        Part::StepFinished {
            stop: Stop::EndTurn,
            usage: None,
            cost: Money::ZERO,
        }
    }

    #[test]
    fn the_text_of_the_last_step_that_has_any_is_what_was_said_last() {
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[START, end()]), None);
        let parts = [
            START,
            text(0, "one"),
            end(),
            START,
            text(0, "tw"),
            text(0, "o"),
            text(2, "three"),
            end(),
        ];
        assert_eq!(said(&parts).as_deref(), Some("two\n\nthree"));
        let parts = [START, text(0, "one"), end(), START, text(0, " "), end()];
        assert_eq!(said(&parts).as_deref(), Some("one"));
    }

    #[test]
    fn what_was_begun_again_was_not_said() {
        let cut = |kept| Part::StepCut { kept };
        let parts = [START, text(0, "one"), end(), START, text(0, "lost"), cut(false)];
        assert_eq!(said(&parts).as_deref(), Some("one"));
        let parts = [START, text(0, "lost"), cut(false), START, text(0, "two"), end()];
        assert_eq!(said(&parts).as_deref(), Some("two"));
        let parts = [START, text(0, "kept"), cut(true)];
        assert_eq!(said(&parts).as_deref(), Some("kept"));
    }

    #[test]
    fn long_words_keep_their_beginning_and_end() {
        let parts = [START, text(0, &format!("head{}tail", "x".repeat(BYTES))), end()];
        let said = said(&parts).unwrap();
        assert!(said.starts_with("head") && said.ends_with("tail") && said.len() < BYTES + 100);
    }
}
