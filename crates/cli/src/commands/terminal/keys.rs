//! What is typed: everything is the terminal's, but for the sequence that leaves it.

/// Looks for `~.` at the beginning of a line, as ssh does.
#[derive(Debug)]
pub(super) struct Keys {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a line.
    Begin,
    /// A `~` at the beginning of a line is held back.
    Tilde,
    /// Within a line.
    Within,
}

impl Keys {
    pub(super) const fn new() -> Self {
        Self { state: State::Begin }
    }

    /// What of `typed` is the terminal's; `None` = it is to be left.
    pub(super) fn feed(&mut self, typed: &[u8]) -> Option<Vec<u8>> {
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            match (self.state, *byte) {
                (State::Begin, b'~') => {
                    self.state = State::Tilde;
                    continue;
                }
                (State::Tilde, b'.') => return None,
                (State::Tilde, b'~') => passed.push(b'~'),
                (State::Tilde, other) => passed.extend([b'~', other]),
                (_, other) => passed.push(other),
            }
            self.state = if matches!(byte, b'\r' | b'\n') {
                State::Begin
            } else {
                State::Within
            };
        }
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pieces: &[&str]) -> Option<String> {
        let mut keys = Keys::new();
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(keys.feed(piece.as_bytes())?);
        }
        Some(String::from_utf8(all).unwrap())
    }

    #[test]
    fn only_a_tilde_at_the_beginning_of_a_line_means_something() {
        assert_eq!(typed(&["ls ~.\r"]).unwrap(), "ls ~.\r");
        assert_eq!(typed(&["a\r~", "~b"]).unwrap(), "a\r~b");
        assert_eq!(typed(&["~x~."]).unwrap(), "~x~.");
        assert_eq!(typed(&["~\r"]).unwrap(), "~\r");
        for leaves in [&["~."][..], &["ls\r~."], &["~", "."], &["a\n", "~", ".", "b"]] {
            assert_eq!(typed(leaves), None, "{leaves:?}");
        }
        assert_eq!(typed(&["~~."]).unwrap(), "~.");
    }
}
