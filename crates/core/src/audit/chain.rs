//! Verifying chains: row by row, so that no more than the anchors has to be in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::{Anchor, Content, GENESIS, Hash, Head, Row};
use crate::{AuditWriterId, Timestamp};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A row, or its content, is not what was written.
    Altered,
    /// A row is not there.
    Missing,
    /// A row stands in another's place.
    Reordered,
    /// What a signed anchor says is not so, or an anchor is not good.
    Anchor,
}

/// The first row that is not as it was written, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whose chain.
    pub writer: AuditWriterId,
    /// The row.
    pub seq: u64,
    /// What is wrong.
    pub kind: FaultKind,
    /// What is wrong, in words.
    pub detail: String,
}

/// How far the proof reaches: nobody without the key can have altered what was written up to then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The writer whose row it is: the signer's own where the anchor has it.
    pub writer: AuditWriterId,
    /// The row.
    pub seq: u64,
    /// When the anchor was made.
    pub at: Timestamp,
    /// The anchor's number.
    pub anchor: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The rows that were read.
    pub rows: u64,
    /// The first fault; `None` = there is none.
    pub first_fault: Option<Fault>,
    /// How far the proof reaches; `None` = no anchor is good.
    pub reached: Option<Reached>,
}

/// A row's number in a chain.
type Place = (AuditWriterId, u64);

/// How far a chain was read.
#[derive(Debug, Clone, Copy)]
struct Progress {
    seq: u64,
    hash: Hash,
}

/// Verifies chains. Anchors come first; then the rows of each chain, in their order.
#[derive(Debug, Default)]
pub struct Verifier {
    anchors: Vec<Anchor>,
    /// What anchors say of rows: their hashes, and which anchors say so.
    anchored: BTreeMap<Place, (Hash, usize)>,
    /// Where chains may begin, because what was before was pruned: the last row that is gone, and its hash.
    cuts: BTreeMap<AuditWriterId, Vec<(u64, Hash)>>,
    /// Rows that anchors name and that were found as they say.
    confirmed: BTreeSet<Place>,
    chains: BTreeMap<AuditWriterId, Progress>,
    /// The rows that were taken.
    rows: u64,
    fault: Option<Fault>,
}

/// How far around its place a row is looked for that was moved.
const MOVED: u64 = 2_000;

impl Verifier {
    /// A verifier that knows these anchors. `is_signed` says whether an anchor's signature is good and its key one that is
    /// trusted.
    pub fn new(anchors: Vec<Anchor>, is_signed: impl Fn(&Anchor) -> bool) -> Self {
        let mut verifier = Self::default();
        let mut anchors = anchors;
        anchors.sort_by_key(|anchor| (anchor.signer, anchor.number));
        anchors.dedup();
        let mut before: Option<&Anchor> = None;
        for (i, anchor) in anchors.iter().enumerate() {
            let own = before.filter(|before| before.signer == anchor.signer);
            if let Some(detail) = wrong(anchor, own, &is_signed) {
                verifier.anchor_fault(anchor, detail);
            }
            before = Some(anchor);
            for head in &anchor.heads {
                if anchor.is_cut() {
                    verifier
                        .cuts
                        .entry(head.writer)
                        .or_default()
                        .push((head.seq, head.hash));
                } else {
                    verifier
                        .anchored
                        .entry((head.writer, head.seq))
                        .or_insert((head.hash, i));
                }
            }
        }
        verifier.anchors = anchors;
        verifier
    }

    /// The fault that was found first, so far.
    pub const fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Takes the next row.
    pub fn row(&mut self, row: &Row, content: Option<&Content>) {
        self.rows = self.rows.saturating_add(1);
        if self.fault.is_some() {
            self.late(row);
            return;
        }
        let before = self.before(row);
        let next = before.seq.saturating_add(1);
        if row.seq != next {
            self.out_of_order(row, next);
        } else if row.digest() != row.hash {
            let (kind, detail) = Self::altered(row, before.hash);
            self.say(row.writer, row.seq, kind, detail);
        } else if row.previous != before.hash {
            let detail = format!("it is not the row that row {} was chained to", row.seq);
            // The row before was hashed anew; or, where there is none, the chain does not begin here.
            if before.seq == 0 || !self.chains.contains_key(&row.writer) {
                let detail = "the chain does not begin with it".to_owned();
                self.say(row.writer, row.seq, FaultKind::Missing, detail);
            } else {
                self.say(row.writer, before.seq, FaultKind::Altered, detail);
            }
        } else if let Some(detail) = content_fault(row, content) {
            self.say(row.writer, row.seq, FaultKind::Altered, detail);
        }
        self.against_anchor(row);
        self.chains.insert(
            row.writer,
            Progress {
                seq: row.seq,
                hash: row.hash,
            },
        );
    }

    /// Takes a row that cannot be read, because of the value of this field.
    pub fn unreadable(&mut self, writer: AuditWriterId, seq: u64, field: &str) {
        self.rows = self.rows.saturating_add(1);
        let last = self
            .chains
            .get(&writer)
            .map_or(self.latest_cut(writer).0, |chain| chain.seq);
        if seq > last.saturating_add(1) {
            let detail = format!("row {seq} comes in its place");
            self.say(writer, last.saturating_add(1), FaultKind::Missing, detail);
        } else {
            let detail = format!("its `{field}` is nothing that was ever written");
            self.say(writer, seq, FaultKind::Altered, detail);
        }
    }

    /// Takes where a chain ends, as its database says.
    pub fn end(&mut self, head: &Head) {
        let found = self.chains.get(&head.writer).copied();
        let (seq, hash) = match found {
            Some(found) => (found.seq, found.hash),
            None => self.latest_cut(head.writer),
        };
        if seq < head.seq {
            let detail = format!("the chain ended with row {}", head.seq);
            self.say(head.writer, seq + 1, FaultKind::Missing, detail);
        } else if seq == head.seq && hash != head.hash {
            let detail = "it is not the row that the chain ended with".to_owned();
            self.say(head.writer, seq, FaultKind::Altered, detail);
        }
    }

    /// What was found, when all rows were taken.
    pub fn finish(mut self) -> Report {
        let missing: Vec<(Place, usize)> = self
            .anchored
            .iter()
            .filter(|(place, _)| !self.confirmed.contains(place) && !self.is_pruned(**place))
            .map(|(place, (_, anchor))| (*place, *anchor))
            .collect();
        for ((writer, seq), anchor) in missing {
            let last = self.chains.get(&writer).map_or(0, |chain| chain.seq);
            if last < seq {
                let detail = self.says(anchor, seq);
                let first = last.max(self.latest_cut(writer).0) + 1;
                self.say(writer, first, FaultKind::Missing, detail);
            }
        }
        Report {
            rows: self.rows,
            reached: self.reached(),
            first_fault: self.fault,
        }
    }

    /// Where the chain of a row stands before it.
    fn before(&self, row: &Row) -> Progress {
        if let Some(chain) = self.chains.get(&row.writer) {
            return *chain;
        }
        let cuts = self.cuts.get(&row.writer);
        let cut = cuts.and_then(|cuts| cuts.iter().find(|(seq, _)| seq.saturating_add(1) == row.seq));
        cut.map_or(Progress { seq: 0, hash: GENESIS }, |(seq, hash)| Progress {
            seq: *seq,
            hash: *hash,
        })
    }

    /// A row came that is not the next.
    fn out_of_order(&mut self, row: &Row, next: u64) {
        if row.seq < next {
            let detail = format!("it comes after row {}", next.saturating_sub(1));
            self.say(row.writer, row.seq, FaultKind::Reordered, detail);
        } else {
            let detail = format!("row {} comes in its place", row.seq);
            self.say(row.writer, next, FaultKind::Missing, detail);
        }
    }

    /// A row that comes after a fault: if it is the one that was missing, it was moved.
    fn late(&mut self, row: &Row) {
        if let Some(fault) = &mut self.fault
            && fault.kind == FaultKind::Missing
            && (fault.writer, fault.seq) == (row.writer, row.seq)
        {
            fault.kind = FaultKind::Reordered;
            "it stands further on".clone_into(&mut fault.detail);
        }
    }

    /// How a row is wrong whose hash is not that of its fields.
    fn altered(row: &Row, previous: Hash) -> (FaultKind, String) {
        let near = row.seq.saturating_sub(MOVED)..=row.seq.saturating_add(MOVED);
        for seq in near {
            let other = Row { seq, ..row.clone() };
            if other.digest() == row.hash {
                return (FaultKind::Reordered, format!("what stands there is row {seq}"));
            }
        }
        let chained = if row.previous == previous {
            ""
        } else {
            "; it is not chained to the row before"
        };
        (
            FaultKind::Altered,
            format!("its hash is not that of its fields{chained}"),
        )
    }

    fn against_anchor(&mut self, row: &Row) {
        let place = (row.writer, row.seq);
        let Some((hash, anchor)) = self.anchored.get(&place).copied() else {
            return;
        };
        if hash == row.hash {
            self.confirmed.insert(place);
            return;
        }
        let good = self.confirmed.range((row.writer, 0)..place).next_back();
        let from = good.map_or(1, |(_, seq)| seq + 1);
        let detail = format!(
            "rows {from} to {} are not those that anchor {} was made of",
            row.seq,
            self.anchors.get(anchor).map_or(0, |a| a.number)
        );
        self.say(row.writer, row.seq, FaultKind::Anchor, detail);
    }

    fn is_pruned(&self, (writer, seq): Place) -> bool {
        self.latest_cut(writer).0 >= seq
    }

    fn latest_cut(&self, writer: AuditWriterId) -> (u64, Hash) {
        let cuts = self
            .cuts
            .get(&writer)
            .and_then(|cuts| cuts.iter().max_by_key(|(seq, _)| *seq));
        cuts.copied().unwrap_or((0, GENESIS))
    }

    fn says(&self, anchor: usize, seq: u64) -> String {
        let anchor = self.anchors.get(anchor);
        let (number, at) = anchor.map_or((0, Timestamp::default()), |a| (a.number, a.at));
        format!("anchor {number} of {at} was made of rows up to {seq}")
    }

    /// The last anchor all of whose rows are as it says, before anything that is wrong.
    fn reached(&self) -> Option<Reached> {
        let good = |anchor: &&Anchor| {
            !anchor.is_cut()
                && !anchor.heads.is_empty()
                && anchor.heads.iter().all(|head| {
                    let place = (head.writer, head.seq);
                    let as_said = self.anchored.get(&place).is_some_and(|(hash, _)| *hash == head.hash);
                    let before_fault = self
                        .fault
                        .as_ref()
                        .is_none_or(|f| f.kind != FaultKind::Anchor && (f.writer != head.writer || head.seq < f.seq));
                    as_said && before_fault && (self.confirmed.contains(&place) || self.is_pruned(place))
                })
        };
        let anchor = self.anchors.iter().filter(good).max_by_key(|anchor| anchor.at)?;
        let head = anchor.heads.iter().find(|head| head.writer == anchor.signer);
        let head = head.or_else(|| anchor.heads.first())?;
        Some(Reached {
            writer: head.writer,
            seq: head.seq,
            at: anchor.at,
            anchor: anchor.number,
        })
    }

    fn anchor_fault(&mut self, anchor: &Anchor, detail: String) {
        let head = anchor.heads.iter().find(|head| head.writer == anchor.signer);
        let (writer, seq) = head
            .or_else(|| anchor.heads.first())
            .map_or((anchor.signer, 0), |head| (head.writer, head.seq));
        self.say(writer, seq, FaultKind::Anchor, detail);
    }

    fn say(&mut self, writer: AuditWriterId, seq: u64, kind: FaultKind, detail: String) {
        if self.fault.is_none() {
            self.fault = Some(Fault {
                writer,
                seq,
                kind,
                detail,
            });
        }
    }
}

/// What is wrong with an anchor by itself, or with its place after the one before.
fn wrong(anchor: &Anchor, before: Option<&Anchor>, is_signed: impl Fn(&Anchor) -> bool) -> Option<String> {
    let number = anchor.number;
    if !is_signed(anchor) {
        return Some(format!("anchor {number} is not signed with a key that is trusted"));
    }
    let before = before?;
    if before.number == number {
        return Some(format!("there are two anchors {number}"));
    }
    // Where one is left out, the signatures and rows of the others still stand.
    if before.number.saturating_add(1) == number && anchor.previous != before.digest() {
        return Some(format!("anchor {number} was not made after anchor {}", before.number));
    }
    None
}

fn content_fault(row: &Row, content: Option<&Content>) -> Option<String> {
    match content {
        None => Some("its content is missing".to_owned()),
        Some(content) if content.digest() != row.content => {
            Some("its content (names, address, reason, before, after) is not what was written".to_owned())
        }
        Some(_) => None,
    }
}
