//! Cursors: where a list goes on, opaque to clients.

use bailey_store::ListPage;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::AppError;

/// The items of a page where nothing is said.
const DEFAULT: u32 = 50;

/// Turns the bytes of a place in the list `kind` into text.
pub(crate) fn encode(kind: u8, bytes: &[u8]) -> String {
    let mut all = Vec::with_capacity(bytes.len() + 1);
    all.push(kind);
    all.extend_from_slice(bytes);
    URL_SAFE_NO_PAD.encode(all)
}

/// Reads [`encode`] back. A cursor of another list, or of another length, is refused.
pub(crate) fn decode<const N: usize>(kind: u8, text: &str) -> Result<[u8; N], AppError> {
    let wrong = || AppError::Query {
        parameter: "cursor",
        detail: "is not a cursor of this list".to_owned(),
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    match bytes.split_first() {
        Some((first, rest)) if *first == kind => rest.try_into().map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// The number of items asked for, between 1 and `most`.
pub(crate) fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<u32, AppError> {
    match asked.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(AppError::Query {
            parameter: "limit",
            detail: format!("must be 1 to {most}"),
        }),
    }
}

/// The part of a list of ids that is asked for.
pub(crate) fn page<I>(
    kind: u8,
    asked: Option<u32>,
    cursor: Option<&str>,
    id: impl FnOnce(Uuid) -> I,
) -> Result<ListPage<I>, AppError> {
    let after = cursor.map(|text| decode::<16>(kind, text)).transpose()?;
    Ok(ListPage {
        after: after.map(|bytes| id(Uuid::from_bytes(bytes))),
        limit: limit(asked, DEFAULT, ListPage::<I>::MOST)?,
    })
}

/// The cursor of the next page.
pub(crate) fn next(kind: u8, id: Option<Uuid>) -> Option<String> {
    id.map(|id| encode(kind, id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let text = encode(b'k', &[7; 16]);
        assert_eq!(decode::<16>(b'k', &text).unwrap(), [7; 16]);
        assert!(decode::<16>(b'u', &text).is_err());
        assert!(decode::<24>(b'k', &text).is_err());
        assert!(decode::<16>(b'k', "").is_err());
        assert!(decode::<16>(b'k', "not base64!").is_err());
    }
}
