//! Reading single values of known type.

use std::borrow::Cow;

use super::RequestError;
use super::cache::CacheWatch;
use crate::json::{Cursor, Kind, Span};

/// The cursor over a request.
pub(super) type Walk<'a> = Cursor<'a, CacheWatch>;

/// A string; `None` for null.
pub(super) fn string<'a>(
    cursor: &mut Walk<'a>,
    field: &'static str,
) -> Result<Option<(Cow<'a, str>, Span)>, RequestError> {
    let invalid = RequestError::Invalid {
        field,
        expected: "a string",
    };
    match cursor.peek()? {
        Kind::String => {
            let text = cursor.string()?;
            text.decoded().map(|s| Some((s, text.span))).ok_or(invalid)
        }
        Kind::Null => cursor.skip().map(|_| None).map_err(Into::into),
        _ => Err(invalid),
    }
}

/// A boolean, and where it stands; its value is `None` for null.
pub(super) fn boolean(cursor: &mut Walk<'_>, field: &'static str) -> Result<(Option<bool>, Span), RequestError> {
    match cursor.peek()? {
        Kind::Bool => {
            let span = cursor.skip()?;
            Ok((Some(span.of(cursor.text()) == b"true"), span))
        }
        Kind::Null => Ok((None, cursor.skip()?)),
        _ => Err(RequestError::Invalid {
            field,
            expected: "true or false",
        }),
    }
}

/// A whole number of zero or more, and where it stands; its value is `None` for null.
pub(super) fn integer(cursor: &mut Walk<'_>, field: &'static str) -> Result<(Option<u64>, Span), RequestError> {
    let invalid = RequestError::Invalid {
        field,
        expected: "a whole number, not negative and below 2^53",
    };
    match cursor.peek()? {
        Kind::Number => {
            let span = cursor.skip()?;
            let digits = std::str::from_utf8(span.of(cursor.text())).unwrap_or_default();
            match digits.parse::<u64>() {
                Ok(value) if value < 1 << 53 => Ok((Some(value), span)),
                _ => Err(invalid),
            }
        }
        Kind::Null => Ok((None, cursor.skip()?)),
        _ => Err(invalid),
    }
}

/// Passes over a value; whether it was anything but null.
pub(super) fn present(cursor: &mut Walk<'_>) -> Result<bool, RequestError> {
    let kind = cursor.peek()?;
    cursor.skip()?;
    Ok(kind != Kind::Null)
}

/// Passes over a value; whether it was an array or object with something in it, or any other value but null.
pub(super) fn filled(cursor: &mut Walk<'_>) -> Result<bool, RequestError> {
    match cursor.peek()? {
        Kind::Array => {
            let mut any = false;
            cursor.array(|c| {
                any = true;
                c.skip().map(drop).map_err(RequestError::from)
            })?;
            Ok(any)
        }
        _ => present(cursor),
    }
}

/// Reads a string if the next value is one; passes over any other value.
pub(super) fn maybe_string<'a>(cursor: &mut Walk<'a>) -> Result<Option<Cow<'a, str>>, RequestError> {
    if cursor.peek()? == Kind::String {
        return Ok(cursor.string()?.decoded());
    }
    cursor.skip()?;
    Ok(None)
}

/// The bytes between the quotes if the next value is a string; passes over any other value.
pub(super) fn maybe_raw<'a>(cursor: &mut Walk<'a>) -> Result<Option<&'a [u8]>, RequestError> {
    if cursor.peek()? == Kind::String {
        return Ok(Some(cursor.string()?.raw()));
    }
    cursor.skip()?;
    Ok(None)
}
