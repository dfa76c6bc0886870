//! Connections to forges in use: their secrets, who asks the forge with them, and what is under way.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailey_core::{ConnectionId, RunId, Secret};
use bailey_forges::forge::Forge;
use bailey_forges::model::ForgeKind;
use bailey_forges::webhook::{HookSecret, Verifier};
use bailey_forges::{ApiOptions, BaseUrl, BaseUrlError, GitLab};
use bailey_runtime::http::{Client, ClientError, ClientOptions, Hosts, client};
use bailey_runtime::{Clock, ids};
use bailey_store::{ConnectionRecord, Due};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::app::AppError;
use crate::identity::{MasterKey, Purpose, Vault};

/// What a connection's use takes. Cheap to clone.
#[derive(Clone)]
pub struct Forges(Arc<Inner>);

struct Inner {
    /// It has no credential but the connection's token, which each request brings along.
    client: Client,
    /// Names that the deployment resolves itself.
    hosts: Hosts,
    vault: Vault,
    known: Mutex<HashMap<ConnectionId, Known>>,
    wake: Notify,
    at_work: Mutex<HashSet<Job>>,
}

/// A connection that was used, for as long as it stays as it is.
struct Known {
    base_url: String,
    sealed: Vec<u8>,
    forge: Arc<dyn Forge>,
    myself: Option<i64>,
}

/// What a connection keeps encrypted.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secrets {
    /// The token of the user as whom Bailey works at the forge.
    token: String,
    /// What the forge sends along with each delivery.
    hook: String,
    /// What the forge signs each delivery with, where it can.
    signing: String,
}

impl Secrets {
    /// Secrets for a new webhook, with this token.
    pub(crate) fn new(token: String) -> Result<Self, AppError> {
        let made = || -> Result<String, AppError> { Ok(HookSecret::signing_token(ids::random()?).expose().clone()) };
        Ok(Self {
            token,
            hook: made()?,
            signing: made()?,
        })
    }

    /// The same with another token.
    pub(crate) fn with_token(self, token: String) -> Self {
        Self { token, ..self }
    }

    pub(crate) fn hook(&self) -> Secret<String> {
        Secret::new(self.hook.clone())
    }

    pub(crate) fn signing(&self) -> Secret<String> {
        Secret::new(self.signing.clone())
    }
}

impl Forges {
    /// Nothing is used yet. Forges are asked where `hosts` say.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(key: &MasterKey, hosts: &Hosts) -> Result<Self, ClientError> {
        let options = ClientOptions {
            hosts: hosts.clone(),
            ..ClientOptions::default()
        };
        Ok(Self(Arc::new(Inner {
            client: client(&options)?,
            hosts: hosts.clone(),
            vault: Vault::new(key, Purpose::Connections),
            known: Mutex::default(),
            wake: Notify::new(),
            at_work: Mutex::default(),
        })))
    }

    /// Encrypts a connection's secrets.
    pub(crate) fn seal(&self, id: ConnectionId, secrets: &Secrets) -> Result<Vec<u8>, AppError> {
        // Texts and nothing else: they always have a JSON form.
        let text = serde_json::to_vec(secrets).unwrap_or_default();
        Ok(self.0.vault.seal(id.uuid().as_bytes(), &text)?)
    }

    /// A connection's secrets.
    pub(crate) fn open(&self, record: &ConnectionRecord) -> Result<Secrets, AppError> {
        let text = self.0.vault.open(record.id.uuid().as_bytes(), &record.sealed)?;
        serde_json::from_slice(&text).map_err(|_| AppError::Vault(crate::identity::VaultError::Open))
    }

    /// Verifies deliveries of a connection's webhook: by their signature where the forge signs them, else by the token.
    pub(crate) fn verifier(&self, record: &ConnectionRecord) -> Result<Verifier, AppError> {
        let secrets = self.open(record)?;
        let secret = if record.signs {
            HookSecret::signing(&secrets.signing)
        } else {
            HookSecret::shared(secrets.hook)
        };
        let verifier = secret.and_then(|secret| Verifier::new(ForgeKind::GitLab, vec![secret]));
        verifier.map_err(|_| AppError::Vault(crate::identity::VaultError::Open))
    }

    /// A forge's address. A name that the deployment leads to this machine is as good for plain http as this machine's own.
    pub(crate) fn base_url(&self, text: &str) -> Result<BaseUrl, BaseUrlError> {
        BaseUrl::parse_with(text, |host, port| self.0.hosts.is_loopback(host, port))
    }

    /// The forge, as the connection's user.
    pub(crate) fn forge(&self, record: &ConnectionRecord, clock: &Clock) -> Result<Arc<dyn Forge>, AppError> {
        if let Some(known) = self.known().get(&record.id)
            && known.base_url == record.base_url
            && known.sealed == record.sealed
        {
            return Ok(Arc::clone(&known.forge));
        }
        let token = Secret::new(self.open(record)?.token);
        let base = self
            .base_url(&record.base_url)
            .map_err(|error| AppError::Forge(error.to_string()))?;
        let options = ApiOptions::default();
        let forge = GitLab::new(self.0.client.clone(), base, &token, clock.clone(), options);
        let forge: Arc<dyn Forge> = Arc::new(forge.map_err(|error| AppError::Forge(error.to_string()))?);
        let known = Known {
            base_url: record.base_url.clone(),
            sealed: record.sealed.clone(),
            forge: Arc::clone(&forge),
            myself: None,
        };
        self.known().insert(record.id, known);
        Ok(forge)
    }

    /// The forge's id of the connection's user, where it is known already.
    pub(crate) fn myself(&self, record: &ConnectionRecord) -> Option<i64> {
        let known = self.known();
        let known = known.get(&record.id).filter(|known| known.sealed == record.sealed)?;
        known.myself
    }

    /// Notes who the connection's user is.
    pub(crate) fn is_myself(&self, record: &ConnectionRecord, id: i64) {
        if let Some(known) = self.known().get_mut(&record.id) {
            known.myself = Some(id);
        }
    }

    /// Forgets what is known of a connection that is gone.
    pub(crate) fn forget(&self, id: ConnectionId) {
        self.known().remove(&id);
    }

    /// Something is to be worked on.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Waits until something is to be worked on.
    pub(crate) async fn woken(&self) {
        self.0.wake.notified().await;
    }

    /// Begins a job; `None` = it is under way.
    pub(crate) fn begin(&self, job: Job) -> Option<AtWork> {
        let fresh = self.at_work().insert(job);
        fresh.then(|| AtWork {
            forges: self.clone(),
            job,
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ConnectionId, Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_work(&self) -> MutexGuard<'_, HashSet<Job>> {
        self.0.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is done once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    /// A repository is cloned for a run.
    Clone(RunId),
    /// A connection has its turn at what is due.
    Turn(ConnectionId, Due),
}

/// A job that is under way until this is dropped, whatever ends it; then it is looked what is due.
pub(crate) struct AtWork {
    forges: Forges,
    job: Job,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.forges.at_work().remove(&self.job);
        self.forges.wake();
    }
}
