//! Rows of a chain, and what is hashed of them.

use sha2::{Digest as _, Sha256};

use super::{Actor, Content, Hash, Head, Outcome};
use crate::{AuditWriterId, SessionId, Timestamp, TokenId};

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// Something is about to be done.
    Intent,
    /// What came of an intent.
    Outcome,
    /// Something whose outcome was known at once.
    Event,
}

/// One row of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Whose chain.
    pub writer: AuditWriterId,
    /// Its number: 1 for the first, without gaps.
    pub seq: u64,
    /// What it says.
    pub kind: RowKind,
    /// When it was written.
    pub at: Timestamp,
    /// When what it is about began: the time of the intent, for an outcome.
    pub began_at: Timestamp,
    /// The number of the intent, for an outcome.
    pub refers: Option<u64>,
    /// Who.
    pub actor: Actor,
    /// What was done, such as `users.update`.
    pub action: String,
    /// What kind of thing it was done to, such as `person`.
    pub resource_kind: String,
    /// Which one.
    pub resource_id: String,
    /// The session of whoever did it.
    pub session: Option<SessionId>,
    /// The token of whoever did it.
    pub token: Option<TokenId>,
    /// What caused it: the id of the request.
    pub causal: Option<String>,
    /// What came of it; an intent has none.
    pub outcome: Option<Outcome>,
    /// The code of the problem that was answered.
    pub code: Option<String>,
    /// The hash of its content.
    pub content: Hash,
    /// The hash of the row before.
    pub previous: Hash,
    /// Its own hash.
    pub hash: Hash,
}

impl Row {
    /// The same row as the next after `head`, with its hashes.
    #[must_use]
    pub fn chained(mut self, head: &Head, content: &Content) -> Self {
        self.writer = head.writer;
        self.seq = head.seq.saturating_add(1);
        self.content = content.digest();
        self.previous = head.hash;
        self.hash = self.digest();
        self
    }

    /// Where a chain ends that ends with this row.
    pub const fn head(&self) -> Head {
        Head {
            writer: self.writer,
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// What its hash must be: over every field but the hash itself.
    pub fn digest(&self) -> Hash {
        let mut enc = Encoder::new(b"bailey audit row v1");
        enc.bytes(self.writer.uuid().as_bytes())
            .number(self.seq)
            .text(self.kind.as_str())
            .bytes(&self.at.micros().to_be_bytes())
            .bytes(&self.began_at.micros().to_be_bytes())
            .optional(self.refers.map(u64::to_be_bytes))
            .text(self.actor.kind.as_str())
            .optional(self.actor.person.map(|id| *id.uuid().as_bytes()))
            .text(&self.action)
            .text(&self.resource_kind)
            .text(&self.resource_id)
            .optional(self.session.map(|id| *id.uuid().as_bytes()))
            .optional(self.token.map(|id| *id.uuid().as_bytes()))
            .optional(self.causal.as_deref())
            .optional(self.outcome.map(Outcome::as_str))
            .optional(self.code.as_deref())
            .bytes(&self.content)
            .bytes(&self.previous);
        enc.finish()
    }
}

/// The SHA-256 of some bytes.
pub fn digest(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Bytes as hexadecimal text in lower case.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    text
}

/// Reads [`hex`] back; `None` if it is not `N` bytes in lower case.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let half = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair.first_chunk::<2>()?;
        *byte = half(*high)? << 4 | half(*low)?;
    }
    Some(bytes)
}

/// Hashes fields so that no two lists of fields come to the same bytes: each has its length before it.
pub(super) struct Encoder(Sha256);

impl Encoder {
    pub(super) fn new(what: &[u8]) -> Self {
        let mut encoder = Self(Sha256::new());
        encoder.bytes(what);
        encoder
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.update([tag]);
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(super) fn optional(&mut self, bytes: Option<impl AsRef<[u8]>>) -> &mut Self {
        match bytes {
            None => self.tag(0),
            Some(bytes) => self.tag(1).bytes(bytes.as_ref()),
        }
    }

    pub(super) fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_read_back_and_nothing_else() {
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
        assert_eq!(unhex::<3>("00ff10"), Some([0, 255, 16]));
        for wrong in ["", "00ff1", "00FF10", "00ff1g", "00ff1000", "00ff1ä"] {
            assert_eq!(unhex::<3>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let of = |fields: &[&str]| {
            let mut enc = Encoder::new(b"t");
            for field in fields {
                enc.text(field);
            }
            enc.finish()
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
    }
}
