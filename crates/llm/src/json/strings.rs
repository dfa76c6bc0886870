//! Strings: where they end, and what they say.

use super::JsonError;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Non-zero if a byte of `word` is a quote, a backslash or a control character: the bytes at which a string's scan has
/// to look closer. Eight bytes at a time, without unsafe code or machine-specific instructions. Only the lowest set bit
/// is exact, which is the one that is used.
#[inline]
const fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGHS
}

/// The first special byte at or after `at`, or the end of the text.
#[inline]
fn next_special(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = special(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&b) = text.get(at) {
        if b == b'"' || b == b'\\' || b < 0x20 {
            return at;
        }
        at += 1;
    }
    at
}

/// Where the string whose first byte after the quote is at `at` has its closing quote, and whether it has escapes.
#[inline]
pub(crate) fn end_of(text: &[u8], mut at: usize) -> Result<(usize, bool), JsonError> {
    let mut escaped = false;
    loop {
        at = next_special(text, at);
        match text.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = after_escape(text, at)?;
            }
            Some(_) => return Err(JsonError::Grammar(at)),
            None => return Err(JsonError::Truncated),
        }
    }
}

/// The byte after the escape that starts at `at`.
#[inline]
fn after_escape(text: &[u8], at: usize) -> Result<usize, JsonError> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match text.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            Some(_) => Err(JsonError::Grammar(at)),
            None => Err(JsonError::Truncated),
        },
        Some(_) => Err(JsonError::Grammar(at)),
        None => Err(JsonError::Truncated),
    }
}

/// Whether `raw` (without its quotes) stands for `text`. Stops at the first difference and allocates nothing: it is asked
/// of every key, and a stranger picks the keys.
pub(super) fn escaped_is(raw: &[u8], text: &str) -> bool {
    let mut rest = raw;
    let mut wanted = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let mut utf8 = [0; 4];
        let bytes = if byte == b'\\' {
            rest = tail;
            match escape(&mut rest) {
                Some(c) => c.encode_utf8(&mut utf8).as_bytes(),
                None => return false,
            }
        } else {
            rest = tail;
            std::slice::from_ref(&byte)
        };
        match wanted.strip_prefix(bytes) {
            Some(left) => wanted = left,
            None => return false,
        }
    }
    wanted.is_empty()
}

/// The string that `raw` (without its quotes) stands for; `None` if an escape is malformed or a surrogate is alone.
pub fn decode(raw: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (plain, tail) = rest.split_at(backslash);
        out.push_str(std::str::from_utf8(plain).ok()?);
        rest = tail.get(1..)?;
        out.push(escape(&mut rest)?);
    }
    out.push_str(std::str::from_utf8(rest).ok()?);
    Some(out)
}

/// Reads what follows a backslash.
fn escape(rest: &mut &[u8]) -> Option<char> {
    let (letter, tail) = rest.split_first()?;
    *rest = tail;
    Some(match letter {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return None,
    })
}

/// Reads the digits of a `\u` escape, and of the second half of a pair.
fn unicode(rest: &mut &[u8]) -> Option<char> {
    let first = hex(rest)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix(b"\\u")?;
    let second = hex(rest)?;
    if !(0xDC00..0xE000).contains(&second) {
        return None;
    }
    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
}

fn hex(rest: &mut &[u8]) -> Option<u32> {
    let (digits, tail) = rest.split_at_checked(4)?;
    *rest = tail;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
