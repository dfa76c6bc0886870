//! Values in commands: quoted for the shell, and only where a quoted word means what it says.
//!
//! A quoted value is one word, whatever is in it, at the places where the shell reads ordinary words. Between quotes, in
//! comments, here-documents and arithmetic the same quotes mean something else, and a value could become code. Those
//! places are refused when the template is validated. The judgement is deliberately coarse: where it loses its way, it refuses.

/// The text as one word of a POSIX shell.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Follows the text of a command as far as is needed to know whether a quoted value may stand at its end.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    /// What has been seen after which the state is no longer known.
    lost: Option<&'static str>,
    /// The character before; a line that goes on after a backslash is one line.
    last: char,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Word,
    /// After a backslash.
    Escaped,
    Single,
    Double,
    DoubleEscaped,
    Comment,
}

impl Scanner {
    /// Reads on.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            self.step(c);
        }
    }

    /// Notes that a value stands here, or says why it may not.
    pub(super) fn value(&mut self) -> Result<(), String> {
        let place = match (self.lost, self.state) {
            (Some(after), _) => return Err(format!("may not stand after {after} in a command: {ADVICE}")),
            (None, State::Word) => {
                self.last = 'x';
                return Ok(());
            }
            (None, State::Single | State::Double | State::DoubleEscaped) => "between quotes: Bailey quotes it already",
            (None, State::Escaped) => "after a backslash",
            (None, State::Comment) => "in a comment",
        };
        Err(format!("may not stand {place}; {ADVICE}"))
    }

    fn step(&mut self, c: char) {
        let last = self.last;
        let next = match (self.state, c) {
            (State::Escaped | State::DoubleEscaped, _) => {
                if c != '\n' {
                    self.last = 'x';
                }
                self.state = if self.state == State::Escaped {
                    State::Word
                } else {
                    State::Double
                };
                return;
            }
            (State::Word | State::Double, '\\') => {
                self.state = if self.state == State::Word {
                    State::Escaped
                } else {
                    State::DoubleEscaped
                };
                return;
            }
            (State::Single, '\'') | (State::Double, '"') | (State::Comment, '\n') => State::Word,
            (State::Double, '`') => return self.lose("a command substitution between quotes"),
            (State::Double, '(' | '{' | '[') if last == '$' => return self.lose("a substitution between quotes"),
            (State::Word, '\'' | '"') if last == '$' => return self.lose("`$'` or `$\"`"),
            (State::Word, '\'') => State::Single,
            (State::Word, '"') => State::Double,
            (State::Word, '`') => return self.lose("a backquote"),
            (State::Word, '{' | '[') if last == '$' => return self.lose("`${` or `$[`"),
            (State::Word, '(') if last == '(' => return self.lose("`((`"),
            (State::Word, '<') if last == '<' => return self.lose("`<<`"),
            (State::Word, '[') if last == '[' => return self.lose("`[[`"),
            (State::Word, '[') if last.is_alphanumeric() || last == '_' => return self.lose("an array's index"),
            (State::Word, '#') if ends_word(last) => State::Comment,
            (state, _) => state,
        };
        (self.state, self.last) = (next, c);
    }

    fn lose(&mut self, after: &'static str) {
        self.lost.get_or_insert(after);
    }
}

fn ends_word(c: char) -> bool {
    matches!(c, '\0' | ' ' | '\t' | '\n' | ';' | '|' | '&' | '(' | ')' | '<' | '>')
}

const ADVICE: &str = "give it a variable of its own at the beginning, as in `name=${param.name}`, and use that";

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(before: &str) -> Result<(), String> {
        let mut scanner = Scanner::default();
        scanner.text(before);
        scanner.value()
    }

    #[test]
    fn a_value_may_stand_where_a_word_may() {
        for before in [
            "",
            "echo ",
            "x=",
            "echo \"$HOME\" 'it''s' ",
            "a \\\n  --b=",
            "# don't\necho ",
            "$(echo ",
            "a#'b' ",
        ] {
            assert_eq!(judge(before), Ok(()), "{before}");
        }
    }

    #[test]
    fn a_value_may_not_stand_where_quotes_mean_something_else() {
        for before in [
            "echo \"",
            "echo '",
            "echo \\",
            "# ",
            "echo; #",
            "cat <<EOF\n",
            "echo $((",
            "echo `",
            "echo \"$(echo \"",
            "x=${y#'} ",
            "echo $'it\\'s' ",
            "a[",
            "[[ ",
            "echo \\ #' \n",
            "echo \\\n#' \n \"",
            "echo \"$\\\n(\" ",
        ] {
            assert!(judge(before).is_err(), "{before}");
        }
    }

    #[test]
    fn quotes_are_quoted() {
        assert_eq!(quote("it's $(x)"), r"'it'\''s $(x)'");
        assert_eq!(quote(""), "''");
    }
}
