//! Answers of terminals to the questions of a program.
//!
//! A question reaches every viewer, and each viewer's terminal answers it. The first answer is passed to the program and
//! the others are not; neither is one that nobody waits for, as when a viewer that came back is shown old output with a
//! question in it. A question is waited for [`PATIENCE`] long.

use std::time::{Duration, Instant};

use super::screen::Question;

/// How long an answer is waited for. Programs give up much sooner.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most questions that are waited for at once.
const MAX_WAITING: usize = 64;

/// Questions whose answer has not come.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<(Question, Instant)>);

impl Waiting {
    /// Notes a question.
    pub(super) fn ask(&mut self, question: Question, now: Instant) {
        self.0.retain(|(_, until)| *until > now);
        if self.0.len() < MAX_WAITING {
            self.0.push((question, now + PATIENCE));
        }
    }

    /// Whether an answer is waited for; if so, it is not any more.
    fn take(&mut self, question: Question, now: Instant) -> bool {
        self.0.retain(|(_, until)| *until > now);
        let index = self.0.iter().position(|(waiting, _)| *waiting == question);
        index.map(|index| self.0.remove(index)).is_some()
    }

    /// Takes answers that nobody waits for out of input. The second half of the answer says whether anything is left
    /// that a person did.
    pub(super) fn filter(&mut self, input: &[u8], now: Instant) -> (Vec<u8>, bool) {
        let mut kept = Vec::with_capacity(input.len());
        let mut by_person = false;
        let mut rest = input;
        while let Some((first, tail)) = rest.split_first() {
            match reply(rest) {
                Some((question, length)) => {
                    let (reply, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    let waited_for = self.take(question, now);
                    // Shift and F3 at once is written like a cursor in the first row.
                    let is_key = question == Question::Cursor && reply.starts_with(b"\x1b[1;") && reply.len() == 6;
                    if waited_for || is_key {
                        kept.extend_from_slice(reply);
                    }
                    by_person |= is_key && !waited_for;
                    rest = tail;
                }
                None => {
                    kept.push(*first);
                    by_person = true;
                    rest = tail;
                }
            }
        }
        (kept, by_person)
    }
}

/// The question that the input begins with an answer to, and the answer's length.
fn reply(input: &[u8]) -> Option<(Question, usize)> {
    let (introducer, body) = match input {
        [0x1b, introducer, body @ ..] => (*introducer, body),
        _ => return None,
    };
    match introducer {
        b'[' => {
            let length = body.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
            let last = *body.get(length)?;
            let parameters = body.get(..length)?;
            let question = match (parameters.first(), last) {
                (Some(b'?'), b'c') => Question::Attributes,
                (Some(b'>'), b'c') => Question::SecondaryAttributes,
                (Some(b'?'), b'u') => Question::Keyboard,
                (Some(b'?'), b'n' | b'R') => Question::PrivateStatus,
                (Some(_), b'y') if parameters.ends_with(b"$") => Question::Mode,
                (Some(b'0' | b'3'), b'n') if length == 1 => Question::Status,
                (Some(b'1'..=b'9'), b'R') if parameters.contains(&b';') => Question::Cursor,
                (Some(b'1'..=b'9'), b't') => Question::Window,
                _ => return None,
            };
            Some((question, length.saturating_add(3)))
        }
        b']' | b'P' => {
            let is_command = introducer == b']';
            let first = body.first()?;
            // Nobody types these: `Alt` with a bracket is not followed by such a string and its end.
            if is_command != first.is_ascii_digit() && !matches!(first, b'0' | b'1' | b'>' | b'!') {
                return None;
            }
            let end = body.iter().position(|byte| *byte == 0x07 || *byte == 0x1b)?;
            let ending = match body.get(end..)? {
                [0x07, ..] if is_command => 1,
                [0x1b, b'\\', ..] => 2,
                _ => return None,
            };
            let question = if is_command {
                Question::Command
            } else {
                Question::Device
            };
            Some((question, end.saturating_add(ending).saturating_add(2)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_is_passed_on_and_what_is_typed_always() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        waiting.ask(Question::Attributes, now);
        waiting.ask(Question::Cursor, now);
        assert_eq!(waiting.filter(b"a\x1b[?1;2cb", now), (b"a\x1b[?1;2cb".to_vec(), true));
        assert_eq!(waiting.filter(b"\x1b[?1;2c", now), (Vec::new(), false));
        assert_eq!(waiting.filter(b"\x1b[12;40R", now), (b"\x1b[12;40R".to_vec(), false));
        assert_eq!(waiting.filter(b"\x1b[12;40R", now), (Vec::new(), false));
        waiting.ask(Question::Command, now);
        let color = b"\x1b]11;rgb:0000/0000/0000\x1b\\";
        assert_eq!(waiting.filter(color, now), (color.to_vec(), false));
        assert_eq!(waiting.filter(color, now), (Vec::new(), false));
        for typed in [
            &b"\x1b[A"[..],
            b"\x1b",
            b"\x1b[1;2R",
            b"\x1bOP",
            b"\x1b[200~x\x1b[201~",
            b"\x1b[<0;1;2M",
            b"\x1b]",
            b"\x1bP",
            b"\x1b[13;2u",
            "ü".as_bytes(),
        ] {
            assert_eq!(waiting.filter(typed, now), (typed.to_vec(), true), "{typed:?}");
        }
    }

    #[test]
    fn nobody_waits_for_ever() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        waiting.ask(Question::Status, now);
        assert_eq!(waiting.filter(b"\x1b[0n", now + PATIENCE), (Vec::new(), false));
        for _ in 0..1000 {
            waiting.ask(Question::Status, now);
        }
        assert_eq!(waiting.0.len(), MAX_WAITING);
    }
}
