//! Anchors: signed statements of where the chains end, which are kept outside the database, too.

use super::row::Encoder;
use super::{Hash, Head};
use crate::{AuditWriterId, Timestamp};

/// What an anchor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorKind {
    /// It says where the chains end.
    Regular,
    /// It says where they begin from now on: what was before was pruned.
    Cut,
}

/// A signed statement of where chains end, or begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The writer of the server that signed it.
    pub signer: AuditWriterId,
    /// Its number among those of its signer, from 1.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What it is for.
    pub kind: AnchorKind,
    /// The last row of each chain; for a cut, the last row that was pruned.
    pub heads: Vec<Head>,
    /// The digest of the signer's anchor before, or [`GENESIS`](super::GENESIS).
    pub previous: Hash,
    /// The public key (Ed25519).
    pub key: [u8; 32],
    /// The signature over [`Anchor::digest`] (Ed25519).
    pub signature: [u8; 64],
}

impl Anchor {
    /// What is signed: over every field but the signature.
    pub fn digest(&self) -> Hash {
        let mut enc = Encoder::new(b"bailey audit anchor v1");
        enc.bytes(self.signer.uuid().as_bytes())
            .number(self.number)
            .bytes(&self.at.micros().to_be_bytes())
            .text(self.kind.as_str())
            .number(self.heads.len() as u64);
        for head in &self.heads {
            enc.bytes(head.writer.uuid().as_bytes())
                .number(head.seq)
                .bytes(&head.hash);
        }
        enc.bytes(&self.previous).bytes(&self.key);
        enc.finish()
    }

    /// Whether it is pruned behind.
    pub fn is_cut(&self) -> bool {
        self.kind == AnchorKind::Cut
    }
}
