//! A cursor over a whole JSON text that validates as it goes and hands out spans instead of values.
//!
//! One pass, nothing allocated: callers walk the objects they know with [`Cursor::object`] and [`Cursor::array`] and
//! pass over the rest with [`Cursor::skip`]. It accepts what `serde_json` accepts for ignored values, given a text that
//! is UTF-8, but for nesting deeper than the limit. Numbers are checked by grammar alone, and lone surrogates in `\u`
//! escapes are refused only where a string is decoded.

mod strings;
pub(crate) mod tap;

use std::borrow::Cow;

pub use strings::decode;
pub(crate) use strings::end_of;

/// A range of bytes in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// How many bytes it has.
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `text` in it; empty if it lies outside.
    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Why a text is no JSON that Bailey reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is not UTF-8.
    #[error("the body is not UTF-8 (byte {0})")]
    Utf8(usize),
    /// The text breaks JSON's grammar.
    #[error("the body is not valid JSON (byte {0})")]
    Grammar(usize),
    /// The text ends in the middle of a value.
    #[error("the body is not valid JSON: it ends too early")]
    Truncated,
    /// Something follows the value.
    #[error("the body is not valid JSON: something follows the end (byte {0})")]
    Trailing(usize),
    /// Arrays and objects are nested deeper than allowed.
    #[error("the body is nested deeper than {0} levels")]
    TooDeep(u32),
}

/// The type of a value, told by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `"`
    String,
    /// A digit or `-`.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

/// A string in the text, quotes included in its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// Where it stands, with its quotes.
    pub span: Span,
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The bytes between the quotes, escapes as written.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The string; `None` if it has an escape that stands for no character (a lone surrogate).
    pub fn decoded(&self) -> Option<Cow<'a, str>> {
        if self.escaped {
            decode(self.raw).map(Cow::Owned)
        } else {
            std::str::from_utf8(self.raw).ok().map(Cow::Borrowed)
        }
    }

    /// Whether the string is `text`, however it is escaped.
    pub fn is(&self, text: &str) -> bool {
        if self.escaped {
            strings::escaped_is(self.raw, text)
        } else {
            self.raw == text.as_bytes()
        }
    }
}

/// What is called on every key of every object, also of those that are passed over.
pub trait KeyWatch {
    /// Whether the value of this key is wanted; then [`KeyWatch::value`] is called with its span.
    fn wants(&mut self, key: &Text<'_>) -> bool;
    /// The value of a key that was wanted.
    fn value(&mut self, text: &[u8], span: Span);
}

/// Watches nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoWatch;

impl KeyWatch for NoWatch {
    #[inline]
    fn wants(&mut self, _: &Text<'_>) -> bool {
        false
    }
    fn value(&mut self, _: &[u8], _: Span) {}
}

/// A position in a JSON text.
#[derive(Debug)]
pub struct Cursor<'a, W = NoWatch> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    max_depth: u32,
    /// What looks at every key.
    pub watch: W,
}

impl<'a> Cursor<'a, NoWatch> {
    /// Checks that `text` is one JSON value, nested at most `max_depth` deep.
    pub fn check(text: &'a [u8], max_depth: u32) -> Result<(), JsonError> {
        let mut cursor = Cursor::new(text, max_depth, NoWatch)?;
        cursor.skip()?;
        cursor.end()
    }
}

impl<'a, W: KeyWatch> Cursor<'a, W> {
    /// A cursor at the start of `text`, which is checked to be UTF-8 at once.
    pub fn new(text: &'a [u8], max_depth: u32, watch: W) -> Result<Self, JsonError> {
        std::str::from_utf8(text).map_err(|e| JsonError::Utf8(e.valid_up_to()))?;
        Ok(Self {
            text,
            at: 0,
            depth: 0,
            max_depth,
            watch,
        })
    }

    /// The text.
    pub const fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Passes over white space.
    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// Where the next value starts, and its kind.
    #[inline]
    pub fn peek(&mut self) -> Result<Kind, JsonError> {
        self.space();
        match self.text.get(self.at) {
            Some(b'"') => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => Err(JsonError::Grammar(self.at)),
            None => Err(JsonError::Truncated),
        }
    }

    /// Passes over one value of any kind.
    pub fn skip(&mut self) -> Result<Span, JsonError> {
        let kind = self.peek()?;
        let start = self.at;
        match kind {
            Kind::String => {
                self.string()?;
            }
            Kind::Object => {
                self.object(|cursor, _| cursor.skip().map(drop))?;
            }
            Kind::Array => {
                self.array(|cursor| cursor.skip().map(drop))?;
            }
            Kind::Number => self.number()?,
            Kind::Bool | Kind::Null => self.literal()?,
        }
        Ok(Span { start, end: self.at })
    }

    /// Walks an object: `each` is called with each key and must consume its value. `E` lets a caller's own refusal
    /// end the walk.
    pub fn object<E: From<JsonError>>(
        &mut self,
        mut each: impl FnMut(&mut Self, Text<'a>) -> Result<(), E>,
    ) -> Result<Span, E> {
        let start = self.open(b'{')?;
        self.space();
        if self.text.get(self.at) != Some(&b'}') {
            loop {
                self.space();
                let key = self.string()?;
                self.space();
                self.byte(b':')?;
                self.space();
                let value = self.at;
                let wanted = self.watch.wants(&key);
                each(self, key)?;
                if wanted {
                    self.watch.value(
                        self.text,
                        Span {
                            start: value,
                            end: self.at,
                        },
                    );
                }
                self.space();
                if self.more(b'}')? {
                    continue;
                }
                break;
            }
        }
        Ok(self.close(start))
    }

    /// Walks an array: `each` is called before each element and must consume it.
    pub fn array<E: From<JsonError>>(&mut self, mut each: impl FnMut(&mut Self) -> Result<(), E>) -> Result<Span, E> {
        let start = self.open(b'[')?;
        self.space();
        if self.text.get(self.at) != Some(&b']') {
            loop {
                each(self)?;
                self.space();
                if self.more(b']')? {
                    continue;
                }
                break;
            }
        }
        Ok(self.close(start))
    }

    /// Checks that nothing but white space is left.
    pub fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(JsonError::Trailing(self.at))
        }
    }

    fn open(&mut self, bracket: u8) -> Result<usize, JsonError> {
        self.space();
        let start = self.at;
        self.byte(bracket)?;
        self.depth += 1;
        if self.depth > self.max_depth {
            Err(JsonError::TooDeep(self.max_depth))
        } else {
            Ok(start)
        }
    }

    /// Steps over the closing bracket, which the caller has seen.
    fn close(&mut self, start: usize) -> Span {
        self.at += 1;
        self.depth -= 1;
        Span { start, end: self.at }
    }

    /// After an element: steps over a comma, or stays before the closing bracket.
    #[inline]
    fn more(&mut self, bracket: u8) -> Result<bool, JsonError> {
        match self.text.get(self.at) {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(&b) if b == bracket => Ok(false),
            Some(_) => Err(JsonError::Grammar(self.at)),
            None => Err(JsonError::Truncated),
        }
    }

    #[inline]
    fn byte(&mut self, wanted: u8) -> Result<(), JsonError> {
        match self.text.get(self.at) {
            Some(&b) if b == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(JsonError::Grammar(self.at)),
            None => Err(JsonError::Truncated),
        }
    }

    /// Reads a string.
    #[inline]
    pub fn string(&mut self) -> Result<Text<'a>, JsonError> {
        self.space();
        let start = self.at;
        self.byte(b'"')?;
        let (end, escaped) = strings::end_of(self.text, self.at)?;
        let raw = self.text.get(self.at..end).unwrap_or_default();
        self.at = end + 1;
        Ok(Text {
            span: Span { start, end: self.at },
            raw,
            escaped,
        })
    }

    fn literal(&mut self) -> Result<(), JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for word in [&b"true"[..], b"false", b"null"] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(());
            }
            if word.starts_with(rest) {
                return Err(JsonError::Truncated);
            }
        }
        Err(JsonError::Grammar(self.at))
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        match self.text.get(self.at) {
            _ if self.at > start => Ok(()),
            Some(_) => Err(JsonError::Grammar(self.at)),
            None => Err(JsonError::Truncated),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
