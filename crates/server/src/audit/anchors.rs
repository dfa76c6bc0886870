//! Anchors: made, signed, kept in the database and outside it; and what is pruned behind them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bailey_core::Secret;
use bailey_core::audit::{Anchor, AnchorKind, GENESIS, Head, Line, hex};
use bailey_runtime::config::AuditConfig;
use bailey_runtime::http::{self, Client, ClientOptions};
use bailey_runtime::{Clock, Tasks};
use bailey_store::{Store, StoreError};
use bytes::Bytes;
use http_body_util::Full;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde_json::json;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{AuditError, AuditLog, Change, Resource};
use crate::identity::{MasterKey, Purpose};

/// The file in the data directory that anchors are appended to.
pub const ANCHORS_FILE: &str = "audit-anchors.jsonl";
/// How often what could not be posted is posted again.
const AGAIN: Duration = Duration::from_mins(1);
/// How long one post may take.
const POST: Duration = Duration::from_secs(20);
/// How often it is looked for what can be pruned.
const PRUNE: Duration = Duration::from_hours(1);

/// The key that anchors are signed with.
#[derive(Clone)]
pub struct AuditKey(Secret<[u8; 32]>);

impl AuditKey {
    /// The key of this installation.
    pub fn new(master: &MasterKey) -> Self {
        Self(master.derive(Purpose::Audit))
    }

    fn pair(&self) -> Option<Ed25519KeyPair> {
        Ed25519KeyPair::from_seed_unchecked(self.0.expose()).ok()
    }

    /// The public key, with which anybody can check a signature.
    pub fn public(&self) -> [u8; 32] {
        // Any 32 bytes are a seed; a public key has 32.
        let pair = self.pair();
        pair.and_then(|pair| pair.public_key().as_ref().try_into().ok())
            .unwrap_or_default()
    }

    fn sign(&self, anchor: &mut Anchor) {
        anchor.key = self.public();
        let digest = anchor.digest();
        if let Some(pair) = self.pair()
            && let Ok(signature) = pair.sign(&digest).as_ref().try_into()
        {
            anchor.signature = signature;
        }
    }
}

/// Whether an anchor is signed with the key that it names.
pub fn is_signed(anchor: &Anchor) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, anchor.key);
    key.verify(&anchor.digest(), &anchor.signature).is_ok()
}

/// What anchors are made with.
pub struct AnchorsOptions {
    /// The log.
    pub log: AuditLog,
    /// Where they are kept.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// What they are signed with.
    pub key: AuditKey,
    /// `[audit]`.
    pub config: AuditConfig,
    /// The data directory.
    pub dir: PathBuf,
}

/// Makes anchors. Cheap to clone.
#[derive(Clone)]
pub struct Anchors(Arc<Inner>);

struct Inner {
    options: AnchorsOptions,
    client: Option<Client>,
    /// Held while one is made, while the log is pruned, and while it is verified.
    turn: Mutex<()>,
}

impl Anchors {
    /// What makes anchors of a log.
    pub fn new(options: AnchorsOptions) -> Self {
        let client = options.config.anchors_url.as_ref().and_then(|_| {
            let client = http::client(&ClientOptions::default());
            client
                .inspect_err(|error| {
                    tracing::error!(error = error as &dyn std::error::Error, "anchors cannot be posted");
                })
                .ok()
        });
        Self(Arc::new(Inner {
            options,
            client,
            turn: Mutex::new(()),
        }))
    }

    /// The public key.
    pub fn key(&self) -> [u8; 32] {
        self.0.options.key.public()
    }

    /// Held while the log is verified: nothing is pruned meanwhile, and one verification runs at a time.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    /// Makes an anchor, unless nothing was written since the last one; answers with the one that holds.
    pub async fn make(&self) -> Result<Option<Anchor>, StoreError> {
        let options = &self.0.options;
        let _turn = self.0.turn.lock().await;
        options.log.flush().await;
        let heads: Vec<Head> = options.store.audit_heads().await?;
        let heads: Vec<Head> = heads.into_iter().filter(|head| head.seq > 0).collect();
        let last = options.store.audit_anchor_last(options.log.writer()).await?;
        let last = last.map(|last| last.anchor);
        self.none_is_lost(last.as_ref())?;
        if heads.is_empty() || last.as_ref().is_some_and(|last| last.heads == heads && !last.is_cut()) {
            return Ok(last);
        }
        let anchor = self.signed(last.as_ref(), AnchorKind::Regular, heads);
        options.store.audit_anchor_insert(&anchor).await?;
        self.keep(&anchor);
        Ok(Some(anchor))
    }

    /// Those of the anchors that this server signed with its key that are wanted, as the files outside the database have them.
    /// What cannot be read in them says nothing.
    pub(crate) fn kept(&self, wanted: impl Fn(&Anchor) -> bool) -> Vec<Anchor> {
        let (options, key) = (&self.0.options, self.key());
        let own = options.dir.join(ANCHORS_FILE);
        let files = [Some(&own), options.config.anchors_file.as_ref()];
        let texts = files
            .into_iter()
            .flatten()
            .filter_map(|path| std::fs::read_to_string(path).ok());
        let mut anchors = Vec::new();
        for text in texts {
            let lines = text.lines().filter_map(|line| Line::parse(line).ok());
            anchors.extend(lines.filter_map(|line| match line {
                // Signatures last: a file has one for each hour, and few are wanted.
                Line::Anchor(anchor) if wanted(&anchor) && anchor.key == key && is_signed(&anchor) => Some(anchor),
                _ => None,
            }));
        }
        anchors
    }

    /// Refuses to go on with anchors where some are gone from the database that were signed: it would say that the rows there
    /// are proven, whoever wrote them.
    fn none_is_lost(&self, last: Option<&Anchor>) -> Result<(), StoreError> {
        let (signer, number) = (self.0.options.log.writer(), last.map_or(0, |last| last.number));
        let gone = self.kept(|kept| kept.signer == signer && kept.number > number);
        if gone.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Corrupt { what: "audit_anchors" })
        }
    }

    fn signed(&self, last: Option<&Anchor>, kind: AnchorKind, heads: Vec<Head>) -> Anchor {
        let options = &self.0.options;
        let mut anchor = Anchor {
            signer: options.log.writer(),
            number: last.map_or(1, |last| last.number + 1),
            at: options.clock.now(),
            kind,
            heads,
            previous: last.map_or(GENESIS, Anchor::digest),
            key: [0; 32],
            signature: [0; 64],
        };
        options.key.sign(&mut anchor);
        anchor
    }

    /// Appends an anchor to the files. The database has it; a file that cannot be written is said in the log.
    fn keep(&self, anchor: &Anchor) {
        let options = &self.0.options;
        let line = Line::Anchor(anchor.clone()).to_text() + "\n";
        let own = options.dir.join(ANCHORS_FILE);
        for path in [Some(&own), options.config.anchors_file.as_ref()].into_iter().flatten() {
            if let Err(error) = append(path, &line) {
                tracing::error!(error = &error as &dyn std::error::Error, path = %path.display(), "an anchor of the audit log cannot be written");
            }
        }
    }

    /// Posts the anchors that were not posted yet, oldest first.
    async fn post(&self) {
        let options = &self.0.options;
        let (Some(client), Some(url)) = (&self.0.client, &options.config.anchors_url) else {
            return;
        };
        let unsent = match options.store.audit_anchors_unsent(options.log.writer(), 0).await {
            Ok(unsent) => unsent,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "anchors cannot be read");
                return;
            }
        };
        for stored in unsent {
            let anchor = stored.anchor;
            let body = Line::Anchor(anchor.clone()).to_text();
            let request = ::http::Request::post(url.as_str())
                .header(::http::header::CONTENT_TYPE, "application/json")
                .body(Full::new(Bytes::from(body)));
            let Ok(request) = request else { return };
            let sent = tokio::time::timeout(POST, client.request(request)).await;
            let refused = match sent {
                Ok(Ok(response)) if response.status().is_success() => None,
                Ok(Ok(response)) => Some(response.status().to_string()),
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("no answer within {} s", POST.as_secs())),
            };
            if let Some(why) = refused {
                tracing::warn!(
                    number = anchor.number,
                    why,
                    "an anchor of the audit log was not taken; it is posted again"
                );
                return;
            }
            let now = options.clock.now();
            let noted = options.store.audit_anchor_sent(anchor.signer, anchor.number, now).await;
            if let Err(error) = noted {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "that an anchor was posted cannot be noted"
                );
                return;
            }
        }
    }

    /// Prunes what is older than the log is kept, behind an anchor: a signed cut says up to where. Says how many rows are gone.
    pub async fn prune(&self) -> Result<u64, PruneError> {
        let options = &self.0.options;
        let keep = i64::try_from(options.config.keep.as_secs()).unwrap_or(i64::MAX);
        let before = options.clock.now().plus_seconds(keep.saturating_neg());
        let _turn = self.0.turn.lock().await;
        let signer = options.log.writer();
        let Some(behind) = options.store.audit_anchor_before(signer, before).await? else {
            return Ok(0);
        };
        let heads = options.store.audit_prunable(&behind.anchor.heads).await?;
        if heads.is_empty() {
            return Ok(0);
        }
        let last = options.store.audit_anchor_last(signer).await?.map(|last| last.anchor);
        self.none_is_lost(last.as_ref())?;
        let upto: Vec<_> = heads
            .iter()
            .map(|head| json!({ "writer": head.writer, "seq": head.seq, "hash": hex(&head.hash) }))
            .collect();
        let change = Change::new("audit.prune", Resource::new("audit", signer))
            .after(&json!({ "anchor": behind.anchor.number, "upto": upto }));
        options.log.system("retention", change).await?;
        let cut = self.signed(last.as_ref(), AnchorKind::Cut, heads);
        let gone = options.store.audit_prune(&cut).await?;
        self.keep(&cut);
        Ok(gone)
    }

    /// Makes anchors and prunes until the server stops.
    pub fn start(&self, tasks: &Tasks, closing: CancellationToken) {
        let anchors = self.clone();
        tasks.spawn(async move {
            let every = anchors.0.options.config.anchor_every;
            let mut make = tokio::time::interval(every);
            let mut again = tokio::time::interval(AGAIN);
            let mut prune = tokio::time::interval(PRUNE);
            loop {
                tokio::select! {
                    () = closing.cancelled() => return,
                    _ = make.tick() => {
                        anchors.make_or_say().await;
                        anchors.post().await;
                    }
                    _ = again.tick() => anchors.post().await,
                    _ = prune.tick() => match anchors.prune().await {
                        Ok(0) => {}
                        Ok(rows) => tracing::info!(rows, "the audit log was pruned"),
                        Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the audit log cannot be pruned"),
                    },
                }
            }
        });
    }

    /// Makes an anchor; a failure is said in the log.
    pub async fn make_or_say(&self) {
        if let Err(error) = self.make().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "an anchor of the audit log cannot be made"
            );
        }
    }
}

/// The log cannot be pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}
