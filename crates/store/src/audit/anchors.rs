//! Anchors, and what is pruned behind them.

use bailey_core::audit::{Anchor, AnchorKind, Head, hex, unhex};
use bailey_core::{AuditWriterId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sql::{Assembly, same, statements};
use crate::store::transaction;
use crate::value::{Row, json};
use crate::{Store, StoreError};

statements! {
    INSERT = same(
        "INSERT INTO audit_anchors (signer, number, at, kind, heads, previous, key, signature) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    );
    LAST = same(
        "SELECT signer, number, at, kind, heads, previous, key, signature, sent_at FROM audit_anchors \
         WHERE signer = $1 ORDER BY number DESC LIMIT 1",
    );
    BEFORE = same(
        "SELECT signer, number, at, kind, heads, previous, key, signature, sent_at FROM audit_anchors \
         WHERE signer = $1 AND kind = 'regular' AND at < $2 ORDER BY number DESC LIMIT 1",
    );
    UNSENT = same(
        "SELECT signer, number, at, kind, heads, previous, key, signature, sent_at FROM audit_anchors \
         WHERE signer = $1 AND number > $2 AND sent_at IS NULL ORDER BY number LIMIT 100",
    );
    SENT = same("UPDATE audit_anchors SET sent_at = $3 WHERE signer = $1 AND number = $2");
    FIRST_ROW = same("SELECT MIN(seq) AS seq FROM audit_rows WHERE writer = $1");
    FIRST_OPEN = same("SELECT MIN(seq) AS seq FROM audit_open WHERE writer = $1");
    PRUNE_ROWS = same("DELETE FROM audit_rows WHERE writer = $1 AND seq <= $2");
    PRUNE_CONTENTS = same("DELETE FROM audit_contents WHERE writer = $1 AND seq <= $2");
    ROW_HASH = same("SELECT hash FROM audit_rows WHERE writer = $1 AND seq = $2");
}

#[derive(Serialize, Deserialize)]
struct Stored {
    writer: AuditWriterId,
    seq: u64,
    hash: String,
}

/// An anchor, and when it was sent off the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditAnchor {
    /// The anchor.
    pub anchor: Anchor,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

fn read(row: &Row) -> Result<AuditAnchor, StoreError> {
    let heads: Vec<Stored> = row.json("heads")?;
    let head = |stored: Stored| {
        Ok(Head {
            writer: stored.writer,
            seq: stored.seq,
            hash: unhex(&stored.hash).ok_or(StoreError::Corrupt { what: "heads" })?,
        })
    };
    let anchor = Anchor {
        signer: row.get("signer")?,
        number: row.get("number")?,
        at: row.get("at")?,
        kind: row.parse("kind", |text| text.parse().ok())?,
        heads: heads.into_iter().map(head).collect::<Result<_, StoreError>>()?,
        previous: row.parse("previous", unhex)?,
        key: row.parse("key", unhex)?,
        signature: row.parse("signature", unhex)?,
    };
    Ok(AuditAnchor {
        anchor,
        sent_at: row.get("sent_at")?,
    })
}

fn insert(anchor: &Anchor) -> Result<crate::sql::Query, StoreError> {
    let stored = |head: &Head| Stored {
        writer: head.writer,
        seq: head.seq,
        hash: hex(&head.hash),
    };
    let heads: Vec<Stored> = anchor.heads.iter().map(stored).collect();
    Ok(INSERT
        .bind(anchor.signer)
        .bind(anchor.number)
        .bind(anchor.at)
        .bind(anchor.kind.as_str())
        .bind(json("heads", &heads)?)
        .bind(hex(&anchor.previous))
        .bind(hex(&anchor.key))
        .bind(hex(&anchor.signature)))
}

impl Store {
    /// Keeps an anchor. One of the same number is a conflict.
    pub async fn audit_anchor_insert(&self, anchor: &Anchor) -> Result<(), StoreError> {
        transaction!(self, async |tx| tx.execute(insert(anchor)?).await).map(drop)
    }

    /// The last anchor of a signer.
    pub async fn audit_anchor_last(&self, signer: AuditWriterId) -> Result<Option<AuditAnchor>, StoreError> {
        self.reader().await?.read_optional(LAST.bind(signer), read).await
    }

    /// The last regular anchor that a signer made before `at`.
    pub async fn audit_anchor_before(
        &self,
        signer: AuditWriterId,
        at: Timestamp,
    ) -> Result<Option<AuditAnchor>, StoreError> {
        self.reader()
            .await?
            .read_optional(BEFORE.bind(signer).bind(at), read)
            .await
    }

    /// The first hundred anchors of a signer after number `after` that were not sent off the host.
    pub async fn audit_anchors_unsent(
        &self,
        signer: AuditWriterId,
        after: u64,
    ) -> Result<Vec<AuditAnchor>, StoreError> {
        self.reader()
            .await?
            .read_all(UNSENT.bind(signer).bind(after), read)
            .await
    }

    /// Notes that an anchor was sent off the host.
    pub async fn audit_anchor_sent(&self, signer: AuditWriterId, number: u64, at: Timestamp) -> Result<(), StoreError> {
        let sent = || SENT.bind(signer).bind(number).bind(at);
        transaction!(self, async |tx| tx.execute(sent()).await).map(drop)
    }

    /// Anchors, newest first, after `(at, signer, number)`, at most `limit`.
    pub async fn audit_anchors(
        &self,
        after: Option<(Timestamp, AuditWriterId, u64)>,
        limit: u32,
    ) -> Result<Vec<AuditAnchor>, StoreError> {
        let mut query = Assembly::new(
            self.backend(),
            "SELECT signer, number, at, kind, heads, previous, key, signature, sent_at FROM audit_anchors WHERE 1 = 1",
        );
        if let Some((at, signer, number)) = after {
            query.push(" AND (at, signer, number) < (").bind(at);
            query.push(", ").bind(signer).push(", ").bind(number).push(")");
        }
        query
            .push(" ORDER BY at DESC, signer DESC, number DESC LIMIT ")
            .bind(limit);
        self.reader().await?.read_all(query.finish(), read).await
    }

    /// Where a chain may be cut: the rows of `heads` that are still there and have no intent without an outcome before them.
    pub async fn audit_prunable(&self, heads: &[Head]) -> Result<Vec<Head>, StoreError> {
        let mut conn = self.reader().await?;
        let mut found = Vec::new();
        for head in heads {
            let seq = |row: &Row| row.get::<Option<u64>>("seq");
            let first = conn.read_optional(FIRST_ROW.bind(head.writer), seq).await?.flatten();
            let open = conn.read_optional(FIRST_OPEN.bind(head.writer), seq).await?.flatten();
            let hash = ROW_HASH.bind(head.writer).bind(head.seq);
            let hash = conn.read_optional(hash, |row| row.parse("hash", unhex::<32>)).await?;
            let is_there = first.is_some_and(|first| first <= head.seq) && hash == Some(head.hash);
            if is_there && open.is_none_or(|open| open > head.seq) {
                found.push(*head);
            }
        }
        Ok(found)
    }

    /// Keeps the anchor of a cut, and prunes what is behind it. Says how many rows are gone.
    pub async fn audit_prune(&self, cut: &Anchor) -> Result<u64, StoreError> {
        if cut.kind != AnchorKind::Cut {
            return Err(StoreError::Corrupt { what: "kind" });
        }
        transaction!(self, async |tx| {
            tx.execute(insert(cut)?).await?;
            let mut gone = 0;
            for head in &cut.heads {
                tx.execute(PRUNE_CONTENTS.bind(head.writer).bind(head.seq)).await?;
                gone += tx.execute(PRUNE_ROWS.bind(head.writer).bind(head.seq)).await?;
            }
            Ok(gone)
        })
    }
}
