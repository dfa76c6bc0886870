//! Masking of secrets in text that is stored, shown or sent on.
//!
//! Bailey's own secrets are known by their form, so that a server which has just started masks those that it did not make.
//! Others are known by their value. What a program prints in another form than it was given cannot be found.

use std::sync::{Arc, PoisonError, RwLock};

use crate::Secret;

/// What stands in a secret's place.
pub const MASK: &str = "[masked]";
/// What Bailey's keys and tokens begin with.
const PREFIXES: [&str; 3] = ["sk-bly-", "bly_", "bla_"];
/// Bytes behind the prefix up to the secret part: the public id and what stands before the secret.
const PUBLIC: usize = 17;
/// Bytes behind the prefix in all.
const WHOLE: usize = PUBLIC + 64;
/// The most bytes of a line that matter to the next: a whole key.
const TAIL: usize = 7 + WHOLE;
/// A value that is cut at the end of a text is masked from this many bytes on; shorter values are none.
pub const PART: usize = 4;
/// Values that are remembered for one person, the newest.
const REMEMBERED: usize = 64;

/// Masks Bailey's keys and tokens.
pub fn keys(text: &str) -> String {
    let mut tail = String::new();
    keys_after(&mut tail, text)
}

/// The same for the next line of a source. `tail` is what is remembered of the line before: a key may begin there, where
/// that line was too long.
pub fn keys_after(tail: &mut String, text: &str) -> String {
    let begin = tail.len();
    let joined = format!("{tail}{text}");
    let ranges = of_form(joined.as_bytes())
        .into_iter()
        .filter(|(_, end)| *end > begin)
        .map(|(at, end)| (at.max(begin) - begin, end - begin));
    let masked = replaced(text, ranges.collect());
    let kept = joined.len().saturating_sub(TAIL);
    let kept = (kept..=joined.len()).find(|at| joined.is_char_boundary(*at));
    kept.and_then(|at| joined.get(at..))
        .unwrap_or_default()
        .clone_into(tail);
    masked
}

/// The text with a mask in place of each of these ranges of bytes, which may overlap.
pub fn replaced(text: &str, mut ranges: Vec<(usize, usize)>) -> String {
    ranges.sort_unstable();
    let (bytes, _) = masked(text.as_bytes(), 0, &ranges, text.len());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `text` up to `end` with a mask in place of each of these sorted ranges, where the first `done` bytes are masked already; and up
/// to where it is masked now, which may be behind `end`.
fn masked(text: &[u8], mut done: usize, ranges: &[(usize, usize)], end: usize) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(end);
    for (start, over) in ranges.iter().copied().filter(|(start, _)| *start < end) {
        if over <= done {
            continue;
        }
        // One that goes on where the last ended, or before, is the same gap.
        if start > done || done == 0 {
            out.extend_from_slice(text.get(done..start).unwrap_or_default());
            out.extend_from_slice(MASK.as_bytes());
        }
        done = over;
    }
    out.extend_from_slice(text.get(done..end).unwrap_or_default());
    (out, done.max(end))
}

/// How many bytes at the beginning of `rest`, what follows a prefix, belong to a key.
fn key_run(rest: &[u8]) -> usize {
    let of_key = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-' | b'_');
    rest.iter().take(WHOLE).take_while(of_key).count()
}

fn positions<'a>(text: &'a [u8], value: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = text.windows(value.len().max(1)).enumerate();
    windows.filter(move |(_, window)| *window == value).map(|(at, _)| at)
}

/// Where keys and tokens of Bailey's stand, also such whose end is missing.
fn of_form(text: &[u8]) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    for prefix in PREFIXES {
        for at in positions(text, prefix.as_bytes()) {
            let run = key_run(text.get(at + prefix.len()..).unwrap_or_default());
            if run > PUBLIC {
                ranges.push((at, at + prefix.len() + run));
            }
        }
    }
    ranges
}

/// The longest beginning of `value`, but not all of it, that `text` ends with.
fn cut_at_end(text: &[u8], value: &[u8]) -> usize {
    let longest = value.len().saturating_sub(1).min(text.len());
    let ends = |length: &usize| value.get(..*length).is_some_and(|part| text.ends_with(part));
    (1..=longest).rev().find(ends).unwrap_or(0)
}

/// Secrets of one person that are known by their value. Cheap to clone; clones share what is added.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Arc<RwLock<Vec<Secret<String>>>>);

impl Secrets {
    /// Adds a value; what is too short to be a secret is none.
    pub fn add(&self, value: &str) {
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if value.len() < PART || values.iter().any(|known| known.expose() == value) {
            return;
        }
        if values.len() >= REMEMBERED {
            values.remove(0);
        }
        values.push(Secret::new(value.to_owned()));
    }

    /// A text that is whole, without them and without Bailey's keys.
    pub fn mask(&self, text: &str) -> String {
        let mut stream = Masker::new(self);
        let mut bytes = stream.push(text.as_bytes());
        bytes.extend(stream.finish());
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn found(&self, text: &[u8]) -> Vec<(usize, usize)> {
        let mut ranges = of_form(text);
        for value in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let value = value.expose().as_bytes();
            ranges.extend(positions(text, value).map(|at| (at, at + value.len())));
        }
        ranges.sort_unstable();
        ranges
    }

    /// From where on the text may be the beginning of a secret whose rest is to come.
    fn open(&self, text: &[u8]) -> usize {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let values = values.iter().map(|value| value.expose().as_bytes());
        let prefixes = PREFIXES.iter().map(|prefix| prefix.as_bytes());
        let cut = values.chain(prefixes).map(|value| cut_at_end(text, value)).max();
        let open = text.len() - cut.unwrap_or(0);
        // Only the last bytes can be a key that is not whole.
        let tail = text.len().saturating_sub(TAIL);
        let end = text.get(tail..).unwrap_or_default();
        let keys = PREFIXES.iter().flat_map(|prefix| {
            let unfinished = move |at: &usize| {
                let rest = end.get(at + prefix.len()..).unwrap_or_default();
                rest.len() < WHOLE && key_run(rest) == rest.len()
            };
            positions(end, prefix.as_bytes()).filter(unfinished)
        });
        keys.min().map_or(open, |at| open.min(tail + at))
    }
}

/// Masks what comes in pieces, cut anywhere: what may be the beginning of a secret is held back until it is known.
#[derive(Debug)]
pub struct Masker {
    secrets: Secrets,
    held: Vec<u8>,
    /// Bytes of `held` in whose place a mask was given out already.
    covered: usize,
}

impl Masker {
    /// One that masks these, and what is added to them.
    pub fn new(secrets: &Secrets) -> Self {
        Self {
            secrets: secrets.clone(),
            held: Vec::new(),
            covered: 0,
        }
    }

    /// Takes the next piece; answers with what can be shown by now.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let open = self.secrets.open(&self.held);
        let ranges = self.secrets.found(&self.held);
        self.give(&ranges, open)
    }

    /// The same for text, where pieces end between characters.
    pub fn push_text(&mut self, piece: &str) -> String {
        String::from_utf8_lossy(&self.push(piece.as_bytes())).into_owned()
    }

    /// The rest: nothing more comes.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut ranges = self.secrets.found(&self.held);
        {
            let values = self.secrets.0.read().unwrap_or_else(PoisonError::into_inner);
            let cut = values
                .iter()
                .map(|value| cut_at_end(&self.held, value.expose().as_bytes()));
            let longest = cut.max().filter(|length| *length >= PART);
            ranges.extend(longest.map(|length| (self.held.len() - length, self.held.len())));
        }
        ranges.sort_unstable();
        let all = self.held.len();
        self.give(&ranges, all)
    }

    fn give(&mut self, ranges: &[(usize, usize)], end: usize) -> Vec<u8> {
        let end = end.max(self.covered.min(self.held.len()));
        let (shown, done) = masked(&self.held, self.covered, ranges, end);
        self.covered = done - end;
        self.held.drain(..end);
        shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> String {
        format!("sk-bly-{}-{}", "0a".repeat(8), "1f".repeat(32))
    }

    fn secrets() -> Secrets {
        let secrets = Secrets::default();
        for value in ["glpat-canary", "canary-2", "ab"] {
            secrets.add(value);
        }
        secrets
    }

    #[test]
    fn what_is_whole_is_masked_and_the_rest_stays() {
        let mask = |text: &str| secrets().mask(text);
        assert_eq!(mask("x glpat-canary y"), "x [masked] y");
        assert_eq!(mask("xglpat-canary-2"), "x[masked]");
        assert_eq!(mask(&format!("key={} é", key())), "key=[masked] é");
        assert_eq!(mask("ends in glpat-"), "ends in [masked]");
        for plain in ["", "ab", "bly_ is a name", "sk-bly-0123", "é glp", "it is a b"] {
            assert_eq!(mask(plain), plain);
        }
    }

    #[test]
    fn what_is_added_later_counts_from_then_on() {
        let secrets = Secrets::default();
        let mut masker = Masker::new(&secrets);
        assert_eq!(masker.push_text("a new-token "), "a new-token ");
        secrets.add("new-token");
        assert_eq!(masker.push_text("a new-token "), "a [masked] ");
    }

    proptest! {
        #[test]
        fn a_secret_is_masked_however_the_text_is_cut(
            before in "[ a-gs_é-]{0,12}",
            which in 0..3_usize,
            after in "[ xyzé]{0,12}",
            cuts in prop::collection::vec(0_usize..200, 0..12),
        ) {
            let secret = [key(), "glpat-canary".to_owned(), "canary-2".to_owned()][which].clone();
            let text = format!("{before}{secret} {after}");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let (secrets, mut seen) = (secrets(), Vec::new());
            let mut masker = Masker::new(&secrets);
            for pair in cuts.windows(2) {
                seen.extend(masker.push(&text.as_bytes()[pair[0]..pair[1]]));
            }
            seen.extend(masker.finish());
            let seen = String::from_utf8(seen).unwrap();
            prop_assert_eq!(&seen, &secrets.mask(&text), "it does not matter how it was cut");
            prop_assert_eq!(seen, format!("{before}{MASK} {after}"));
        }
    }
}
