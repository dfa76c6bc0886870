//! What a request asks of the provider's prompt cache.

use serde::{Deserialize, Serialize};

use crate::json::{Cursor, KeyWatch, Kind, NoWatch, Span, Text};

/// The dearest cache write that a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheControl {
    /// None. Some providers cache anyway; their prices say so.
    #[default]
    None,
    /// Writes that live five minutes.
    FiveMinutes,
    /// Writes that live an hour, or a time not known here.
    OneHour,
}

/// Notes every `cache_control` key, wherever it stands.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct CacheWatch {
    seen: CacheControl,
}

const KEY: &str = "cache_control";

impl CacheWatch {
    pub(super) const fn seen(self) -> CacheControl {
        self.seen
    }
}

impl KeyWatch for CacheWatch {
    #[inline]
    fn wants(&mut self, key: &Text<'_>) -> bool {
        // A key with escapes is longer than what it stands for.
        key.raw().len() >= KEY.len() && key.is(KEY)
    }

    fn value(&mut self, text: &[u8], span: Span) {
        self.seen = self.seen.max(lifetime(span.of(text)));
    }
}

/// The lifetime that a `cache_control` value asks for.
fn lifetime(value: &[u8]) -> CacheControl {
    let Ok(mut cursor) = Cursor::new(value, u32::MAX, NoWatch) else {
        return CacheControl::OneHour;
    };
    match cursor.peek() {
        Ok(Kind::Null) => return CacheControl::None,
        Ok(Kind::Object) => {}
        _ => return CacheControl::FiveMinutes,
    }
    let mut longest = CacheControl::FiveMinutes;
    let walked = cursor.object(|cursor, key| {
        if key.is("ttl") {
            let five = match cursor.peek()? {
                Kind::String => cursor.string()?.is("5m"),
                Kind::Null => {
                    cursor.skip()?;
                    true
                }
                _ => {
                    cursor.skip()?;
                    false
                }
            };
            if !five {
                longest = CacheControl::OneHour;
            }
            return Ok(());
        }
        cursor.skip().map(drop)
    });
    // The whole body has been validated around this value, so the walk cannot fail; if it did, the dearest is safe.
    if walked.is_ok_and(|_: Span| true) {
        longest
    } else {
        CacheControl::OneHour
    }
}
