//! Framing of server-sent events, as WHATWG says: lines end in LF, CRLF or CR, an empty line ends an event, lines that
//! start with a colon are comments, a byte order mark may come first.

use std::borrow::Cow;

/// Finds where events end in a stream that comes in pieces.
#[derive(Debug)]
pub(crate) struct Framer {
    /// The line under way has no bytes yet.
    line_empty: bool,
    /// The last byte was a CR, so that an LF to follow belongs to it.
    after_cr: bool,
}

impl Framer {
    pub(crate) const fn new() -> Self {
        Self {
            line_empty: true,
            after_cr: false,
        }
    }

    /// Takes the LF that belongs to a CR which ended the last event; returns how many bytes of `piece` that is.
    pub(crate) fn trailing_lf(&mut self, piece: &[u8]) -> usize {
        let taken = self.after_cr && piece.first() == Some(&b'\n');
        self.after_cr &= piece.is_empty();
        usize::from(taken)
    }

    /// Looks at `piece` from `from` on, which continues what was looked at before. Returns where the event ends, or
    /// `None` if the whole piece belongs to it and it goes on.
    #[inline]
    pub(crate) fn event_end(&mut self, piece: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        if self.after_cr && at < piece.len() {
            self.after_cr = false;
            at += usize::from(piece.get(at) == Some(&b'\n'));
        }
        while at < piece.len() {
            let rest = piece.get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line_empty = false;
                return None;
            };
            let blank = self.line_empty && found == 0;
            self.line_empty = true;
            at += found + 1;
            if rest.get(found) == Some(&b'\r') {
                match piece.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            if blank {
                return Some(at);
            }
        }
        None
    }
}

/// A whole event, borrowed from its bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) name: Option<&'a [u8]>,
    /// The data lines, joined by LF. `None` if there is no data line: such an event is not dispatched.
    pub(crate) data: Option<Cow<'a, [u8]>>,
    /// There was a line that is no field of an event and no comment.
    pub(crate) foreign: bool,
}

impl<'a> Event<'a> {
    /// Reads the bytes of one event.
    pub(crate) fn parse(raw: &'a [u8]) -> Self {
        let mut event = Self::default();
        let mut rest = raw;
        while !rest.is_empty() {
            let (line, tail) = split_line(rest);
            rest = tail;
            event.line(line);
        }
        event
    }

    fn line(&mut self, line: &'a [u8]) {
        match Field::of(line) {
            (Field::Data, value) => match &mut self.data {
                None => self.data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            (Field::Event, value) => self.name = Some(value),
            (Field::Other, _) => {}
            (Field::Foreign, _) => self.foreign = true,
        }
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Data,
    Event,
    /// `id`, `retry`, a comment or an empty line.
    Other,
    /// Not known to the specification. Clients ignore it.
    Foreign,
}

/// Bytes at the start of a line that are enough for [`Field::of`] to tell its field and where its value starts.
pub(crate) const FIELD_HEAD: usize = 10;

impl Field {
    /// The field of a line and its value.
    pub(crate) fn of(line: &[u8]) -> (Self, &[u8]) {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        let fields: [(&[u8], Self); 4] = [
            (b"data", Self::Data),
            (b"event", Self::Event),
            (b"id", Self::Other),
            (b"retry", Self::Other),
        ];
        for (name, field) in fields {
            if let Some(rest) = line.strip_prefix(name) {
                match rest.split_first() {
                    None => return (field, rest),
                    Some((b':', value)) => return (field, value.strip_prefix(b" ").unwrap_or(value)),
                    Some(_) => {}
                }
            }
        }
        if line.is_empty() || line.starts_with(b":") {
            (Self::Other, b"")
        } else {
            (Self::Foreign, b"")
        }
    }
}

/// The first line without its end, and what follows it.
#[inline]
pub(crate) fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(end) = memchr::memchr2(b'\n', b'\r', text) else {
        return (text, b"");
    };
    let (line, tail) = text.split_at(end);
    (
        line,
        tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default(),
    )
}

/// Checks UTF-8 across pieces.
#[derive(Debug, Default)]
pub(crate) struct Utf8 {
    /// The start of a character that the next piece goes on with.
    open: [u8; 4],
    len: usize,
}

impl Utf8 {
    /// How many bytes of `piece` may be used: all of them, or those before the first that cannot be right.
    pub(crate) fn valid(&mut self, piece: &[u8]) -> usize {
        let mut at = 0;
        while self.len > 0 {
            let Some(&byte) = piece.get(at) else { return at };
            at += 1;
            self.open[self.len] = byte;
            self.len += 1;
            match std::str::from_utf8(&self.open[..self.len]) {
                Ok(_) => self.len = 0,
                Err(e) if e.error_len().is_none() && self.len < 4 => {}
                Err(_) => return 0,
            }
        }
        let rest = piece.get(at..).unwrap_or_default();
        match std::str::from_utf8(rest) {
            Ok(_) => piece.len(),
            Err(e) if e.error_len().is_some() => at + e.valid_up_to(),
            Err(e) => {
                let open = rest.get(e.valid_up_to()..).unwrap_or_default();
                self.len = open.len();
                self.open[..open.len()].copy_from_slice(open);
                piece.len()
            }
        }
    }
}

#[cfg(test)]
mod tests;
