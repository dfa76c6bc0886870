//! Keys in use, with everyone they answer to: what a request needs to know, without asking the database.
//!
//! An entry is loaded at a key's first use and dropped when anything in its chain changes; what the key is counted by
//! (rate windows, requests under way) and the signal that cuts its streams live on in its [`KeyState`].

mod chain;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bailey_core::budget::{Budget, BudgetSubject};
use bailey_core::key::{Key, Tier};
use bailey_core::limit::MinuteWindow;
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{BudgetId, GroupId, KeyId, PersonId, Timestamp, TokenId, WorkspaceId};
use bailey_runtime::ids::NewId as _;
use bailey_store::{KeyChain, KeyFilter, LedgerReach, ListPage, Store, StoreError, TokenChain};
use tokio_util::sync::CancellationToken;

use crate::budgets::{BudgetIx, Budgets};
use crate::gate::TokenLimits;
use crate::refused::{Rate, Refused};
use crate::token;
use chain::{Chain, Presented, is_for_models};

/// An entry that nobody has used for this many seconds is forgotten.
const IDLE_SECONDS: i64 = 3_600;

/// What a key is counted by.
#[derive(Debug, Default)]
struct Counters {
    requests: MinuteWindow,
    tokens: MinuteWindow,
}

/// What is counted of a key, or of all API tokens of a person together.
#[derive(Debug, Default)]
struct Tally {
    counters: Mutex<Counters>,
    under_way: AtomicU32,
}

/// The part of a key that outlives changes to it.
#[derive(Debug)]
pub struct KeyState {
    /// Who answers for it.
    person: PersonId,
    /// The API token that it is, where it is no key.
    token: Option<TokenId>,
    tally: Arc<Tally>,
    /// Requests whose clients are still served.
    served: AtomicU32,
    /// Cancelled when the key's streams must end at once.
    ended: CancellationToken,
}

impl KeyState {
    fn of(person: PersonId, token: Option<TokenId>, tally: Arc<Tally>) -> Self {
        Self {
            person,
            token,
            tally,
            served: AtomicU32::new(0),
            ended: CancellationToken::new(),
        }
    }
}

/// A client that is served; dropped when it gets nothing more, whatever is still to be settled.
#[derive(Debug)]
pub struct Served(Arc<KeyState>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.served.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What stands for an API token where keys are named.
pub(crate) const fn stand_in(token: TokenId) -> KeyId {
    KeyId::from_uuid(token.uuid())
}

/// A key and its chain. An API token has one, too: `key` is then what it would be as a key.
#[derive(Debug)]
pub struct KeyEntry {
    /// The key.
    pub key: Key,
    /// The API token that was used in place of a key.
    pub token: Option<TokenId>,
    /// Whether it is for asking models; a key always is.
    is_for_models: bool,
    /// Who answers for it.
    pub person: Person,
    /// The group that is charged.
    pub group: Option<GroupId>,
    /// The models that the person's groups allow them; `None` = no group says so.
    pub models: Option<Vec<String>>,
    /// The budgets of key, person, group and organization.
    pub budgets: Vec<BudgetIx>,
    state: Arc<KeyState>,
    used: AtomicI64,
}

/// A place among the requests under way; freed when dropped, whatever happens to the request.
#[derive(Debug)]
pub struct Place {
    tally: Arc<Tally>,
    tokens: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tally.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Place {
    /// Corrects the tokens that were counted at the start by what was really used.
    /// What was counted more than a minute ago has aged out, and is not taken back from others.
    pub fn correct(&mut self, used: u64, counted_at: Timestamp, now: Timestamp) {
        let mut counters = lock(&self.tally.counters);
        if used > self.tokens {
            counters.tokens.add(now, used - self.tokens);
        } else if now.seconds() - counted_at.seconds() < 60 {
            counters.tokens.give_back(now, self.tokens - used);
        }
        self.tokens = used;
    }
}

fn lock(counters: &Mutex<Counters>) -> MutexGuard<'_, Counters> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeyEntry {
    /// Resolves when the key's streams must end.
    pub fn ended(&self) -> &CancellationToken {
        &self.state.ended
    }

    /// Whether a model of this name and label may be asked for: by the key, and by the groups of its person.
    pub fn allows(&self, model: &str, tier: Option<Tier>) -> bool {
        let by_groups = self
            .models
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == model));
        by_groups && self.key.models.allows(model, tier)
    }

    /// Notes that a client is served from now on.
    pub fn serve(&self) -> Served {
        self.state.served.fetch_add(1, Ordering::Relaxed);
        Served(Arc::clone(&self.state))
    }

    /// Whether the key may be used at `now`.
    pub fn usable(&self, now: Timestamp) -> Result<(), Refused> {
        let what = if self.token.is_some() { "API token" } else { "key" };
        let ended = |how| Refused::KeyEnded { what, how };
        // First: a suspension revokes all keys, and whoever has one is told why.
        if self.person.status != PersonStatus::Active {
            return Err(Refused::Suspended);
        }
        if self.key.revoked_at.is_some() || self.state.ended.is_cancelled() {
            return Err(ended("revoked"));
        }
        if self.key.expires_at.is_some_and(|at| now >= at) {
            return Err(ended("expired"));
        }
        if self.is_for_models {
            Ok(())
        } else {
            Err(Refused::NotForModels)
        }
    }

    /// Whose limits its requests are held to, in words.
    fn whose(&self) -> String {
        match self.token {
            Some(_) => format!("the API tokens of `{}`", self.person.name),
            None => format!("key `{}`", self.key.name),
        }
    }

    /// Counts a request of about `tokens` tokens, or says which limit it would break. A refused request is not counted.
    pub fn enter(&self, tokens: u64, now: Timestamp) -> Result<Place, Refused> {
        let limited = |rate, limit, retry_after| Refused::RateLimited {
            rate,
            whose: self.whose(),
            limit,
            retry_after,
        };
        let tally = &self.state.tally;
        let mut counters = lock(&tally.counters);
        let under_way = tally.under_way.load(Ordering::Relaxed);
        if let Some(limit) = self.key.concurrent
            && under_way >= limit
        {
            return Err(limited(Rate::Concurrent, limit.into(), 1));
        }
        if let Some(limit) = self.key.rpm {
            let room = counters.requests.room(now, limit.into(), 1);
            room.map_err(|wait| limited(Rate::Requests, limit.into(), wait))?;
        }
        if let Some(limit) = self.key.tpm {
            let room = counters.tokens.room(now, limit, tokens);
            room.map_err(|wait| limited(Rate::Tokens, limit, wait))?;
        }
        counters.requests.add(now, 1);
        counters.tokens.add(now, tokens);
        // Under the lock of the counters, so that two requests cannot both take the last place.
        tally.under_way.fetch_add(1, Ordering::Relaxed);
        Ok(Place {
            tally: Arc::clone(tally),
            tokens,
        })
    }
}

fn unavailable(error: &StoreError) -> Refused {
    tracing::error!(error = error as &dyn std::error::Error, "cannot look a key up");
    Refused::Unavailable {
        why: "the database does not answer, and this key is not in memory".into(),
    }
}

fn served<'a>(states: impl Iterator<Item = &'a Arc<KeyState>>) -> u64 {
    states.map(|s| u64::from(s.served.load(Ordering::Relaxed))).sum()
}

/// Streams that were cut.
#[derive(Debug)]
pub struct Ending {
    states: Vec<Arc<KeyState>>,
    before: u64,
}

impl Ending {
    /// How many have ended, and whether all have.
    pub fn ended(&self) -> (u64, bool) {
        let left = served(self.states.iter());
        (self.before.saturating_sub(left), left == 0)
    }
}

/// The keys in use.
pub struct Directory {
    store: Store,
    /// Counts the times that something was forgotten: what was loaded before is not kept after.
    epoch: AtomicU64,
    entries: RwLock<HashMap<String, Arc<KeyEntry>>>,
    states: Mutex<HashMap<KeyId, Arc<KeyState>>>,
    /// What people are counted by who ask with their own tokens.
    people: Mutex<HashMap<PersonId, Arc<Tally>>>,
    token_limits: TokenLimits,
}

impl Directory {
    /// Nothing loaded yet.
    pub fn new(store: Store, token_limits: TokenLimits) -> Self {
        Self {
            store,
            epoch: AtomicU64::new(0),
            entries: RwLock::default(),
            states: Mutex::default(),
            people: Mutex::default(),
            token_limits,
        }
    }

    /// The entry of a presented key or API token. The secret is compared before anything about it is told.
    pub async fn authenticate(
        &self,
        presented: &str,
        budgets: &Budgets,
        now: Timestamp,
    ) -> Result<Arc<KeyEntry>, Refused> {
        let parsed = Presented::parse(presented).ok_or(Refused::Unauthenticated)?;
        let known = self
            .entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(parsed.name.as_ref())
            .cloned();
        let entry = match known {
            Some(entry) => entry,
            None => self.load(&parsed, budgets, now).await?,
        };
        if !token::matches(&entry.key.hash, &parsed.hash) {
            return Err(Refused::Unauthenticated);
        }
        entry.used.store(now.seconds(), Ordering::Relaxed);
        Ok(entry)
    }

    /// The entry of a workspace's own key, for what Bailey itself asks on its behalf. The key's secret is not known here, and not
    /// needed: whoever asks within this process was let in otherwise. `None` if the workspace has no key that is good.
    pub async fn of_workspace(
        &self,
        workspace: WorkspaceId,
        budgets: &Budgets,
        now: Timestamp,
    ) -> Result<Option<Arc<KeyEntry>>, Refused> {
        let mut filter = KeyFilter::within(LedgerReach::All);
        filter.workspace = Some(workspace);
        filter.state = Some((bailey_store::KeyState::Active, now));
        let found = self.store.keys_list(&filter, ListPage { after: None, limit: 1 }).await;
        let (keys, _) = found.map_err(|error| unavailable(&error))?;
        let Some(key) = keys.first() else { return Ok(None) };
        let presented = Presented::of_key(&key.public_id);
        let known = self
            .entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(presented.name.as_ref())
            .cloned();
        let entry = match known {
            Some(entry) => entry,
            None => match self.load(&presented, budgets, now).await {
                // It was given another secret in this moment.
                Err(Refused::Unauthenticated) => return Ok(None),
                loaded => loaded?,
            },
        };
        entry.used.store(now.seconds(), Ordering::Relaxed);
        Ok(Some(entry).filter(|entry| entry.key.workspace == Some(workspace)))
    }

    async fn load(
        &self,
        presented: &Presented<'_>,
        budgets: &Budgets,
        now: Timestamp,
    ) -> Result<Arc<KeyEntry>, Refused> {
        let mut epoch = self.epoch.load(Ordering::SeqCst);
        loop {
            let entry = self.read(presented, budgets, now).await?;
            let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
            let current = self.epoch.load(Ordering::SeqCst);
            if current == epoch {
                entries.insert(presented.name.clone().into_owned(), Arc::clone(&entry));
                return Ok(entry);
            }
            // Something was changed meanwhile, and this may be from before it.
            epoch = current;
        }
    }

    async fn read(
        &self,
        presented: &Presented<'_>,
        budgets: &Budgets,
        now: Timestamp,
    ) -> Result<Arc<KeyEntry>, Refused> {
        let chain = match presented.kind {
            token::Kind::ApiToken => self.token_chain(presented, now).await,
            _ => self
                .store
                .key_chain(presented.public_id)
                .await
                .map(|chain| chain.map(Chain::key)),
        };
        let chain = chain.map_err(|error| unavailable(&error))?;
        Ok(Arc::new(self.entry(
            chain.ok_or(Refused::Unauthenticated)?,
            budgets,
            now,
        )))
    }

    /// The chain of an API token, with the budget that its person gets for their tokens at the first use. Whoever does not
    /// have the whole token gets nothing by it.
    async fn token_chain(&self, presented: &Presented<'_>, now: Timestamp) -> Result<Option<Chain>, StoreError> {
        let found = self.store.token_chain(presented.public_id).await?;
        let Some(found) = found.filter(|found| token::matches(&found.token.hash, &presented.hash)) else {
            return Ok(None);
        };
        let has = |found: &TokenChain| {
            found
                .budgets
                .iter()
                .any(|b| matches!(b.subject, BudgetSubject::Tokens(_)))
        };
        if has(&found) || !is_for_models(&found) {
            return Ok(Some(Chain::token(found, &self.token_limits)));
        }
        let budget = Budget {
            id: BudgetId::new_at(now),
            subject: BudgetSubject::Tokens(found.holder.person.id),
            period: self.token_limits.budget.period,
            limit: self.token_limits.budget.limit,
            created_at: now,
        };
        self.store.budget_ensure(&budget, now).await?;
        let found = self.store.token_chain(presented.public_id).await?;
        // A budget that was deleted in this moment is made again at the next use.
        Ok(found.map(|found| Chain::token(found, &self.token_limits)))
    }

    fn entry(&self, chain: Chain, budgets: &Budgets, now: Timestamp) -> KeyEntry {
        let Chain {
            holders:
                KeyChain {
                    key,
                    person,
                    group,
                    models,
                    org,
                    budgets: list,
                },
            token,
            is_for_models,
        } = chain;
        let subject = |subject: &BudgetSubject| match subject {
            BudgetSubject::Key(_) => format!("key `{}`", key.name),
            BudgetSubject::Person(_) => format!("person `{}`", person.name),
            BudgetSubject::Tokens(_) => format!("the API tokens of `{}`", person.name),
            BudgetSubject::Group(_) => format!("group `{}`", group.as_ref().map_or("", |g| g.name.as_str())),
            BudgetSubject::Organization(_) => format!("organization `{}`", org.display_name),
        };
        let named: Vec<_> = list
            .into_iter()
            .map(|b| {
                let s = subject(&b.subject);
                (b, s)
            })
            .collect();
        let state = self.state(key.id, person.id, token);
        let budgets = budgets.register(&named, now);
        let group = group.map(|g| g.id);
        KeyEntry {
            key,
            token,
            is_for_models,
            person,
            group,
            models,
            budgets,
            state,
            used: AtomicI64::new(now.seconds()),
        }
    }

    fn state(&self, key: KeyId, person: PersonId, token: Option<TokenId>) -> Arc<KeyState> {
        let tally = match token {
            Some(_) => {
                let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(people.entry(person).or_default())
            }
            None => Arc::default(),
        };
        let mut states = self.states();
        let state = states.entry(key);
        Arc::clone(state.or_insert_with(|| Arc::new(KeyState::of(person, token, tally))))
    }

    fn states(&self) -> MutexGuard<'_, HashMap<KeyId, Arc<KeyState>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads a key anew at its next use.
    pub fn forget(&self, id: KeyId) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        entries.retain(|_, e| e.key.id != id);
    }

    /// Loads a key anew at its next use, and cuts its streams.
    pub fn end(&self, id: KeyId) {
        self.forget(id);
        if let Some(state) = self.states().remove(&id) {
            state.ended.cancel();
        }
    }

    /// How many clients are served with keys of a person.
    pub fn served_of(&self, person: PersonId) -> u64 {
        let states = self.states();
        served(states.values().filter(|s| s.person == person))
    }

    /// Loads every key of a person anew at its next use, and cuts their streams; what was cut is to be watched.
    pub fn end_person(&self, person: PersonId) -> Ending {
        {
            let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
            self.epoch.fetch_add(1, Ordering::SeqCst);
            entries.retain(|_, e| e.person.id != person);
        }
        let mut ending = Vec::new();
        self.states().retain(|_, state| {
            let is_theirs = state.person == person;
            if is_theirs {
                ending.push(Arc::clone(state));
            }
            !is_theirs
        });
        let before = served(ending.iter());
        for state in &ending {
            state.ended.cancel();
        }
        Ending { states: ending, before }
    }

    /// Loads every key anew at its next use.
    pub fn forget_all(&self) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::SeqCst);
        entries.clear();
    }

    /// Cuts the streams of keys that may no longer be used: their person was suspended, say. Keys with nothing under way
    /// need nothing: they are looked at when they are used.
    pub async fn end_unusable(&self, budgets: &Budgets, now: Timestamp) -> Result<(), StoreError> {
        let busy: Vec<(KeyId, Option<TokenId>)> = self
            .states()
            .iter()
            .filter(|(_, s)| s.tally.under_way.load(Ordering::Relaxed) > 0)
            .map(|(id, s)| (*id, s.token))
            .collect();
        for (id, token) in busy {
            let chain = match token {
                Some(token) => match self.store.token_get(token).await? {
                    Some(token) => self.store.token_chain(&token.public_id).await?,
                    None => None,
                }
                .map(|chain| Chain::token(chain, &self.token_limits)),
                None => match self.store.key_get(id).await? {
                    Some(key) => self.store.key_chain(&key.public_id).await?,
                    None => None,
                }
                .map(Chain::key),
            };
            let usable = chain.is_some_and(|chain| self.entry(chain, budgets, now).usable(now).is_ok());
            if !usable {
                self.end(id);
            }
        }
        Ok(())
    }

    /// Forgets what has not been used for an hour and has nothing under way.
    pub fn sweep(&self, now: Timestamp) {
        let fresh = |e: &Arc<KeyEntry>| now.seconds() - e.used.load(Ordering::Relaxed) < IDLE_SECONDS;
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, e| fresh(e));
        drop(entries);
        // Only this map holds a state that no entry and no request uses.
        self.states().retain(|_, s| Arc::strong_count(s) > 1);
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.retain(|_, tally| Arc::strong_count(tally) > 1);
    }
}
