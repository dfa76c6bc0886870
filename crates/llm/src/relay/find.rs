//! Searches that are made on every event. Their tables are built once: building one takes longer than a search.

use std::sync::LazyLock;

use memchr::memmem::Finder;

macro_rules! finders {
    ($($name:ident = $needle:literal,)*) => {
        $(pub(super) static $name: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new($needle));)*
    };
}

finders! {
    USAGE = b"\"usage\"",
    FINISH = b"\"finish_reason\"",
    CONTENT = b"content\":",
    ARGUMENTS = b"\"arguments\":",
    REASONING = b"\"reasoning\":",
    REFUSAL = b"\"refusal\":",
    DELTA = b"\"delta\":",
    DELTA_TYPE = b"_delta\"",
    VALUE = b"\":",
}

/// What follows the first place where `finder` finds something.
#[inline]
pub(super) fn behind<'a>(finder: &Finder<'_>, text: &'a [u8]) -> Option<&'a [u8]> {
    let at = finder.find(text)?;
    text.get(at + finder.needle().len()..)
}
