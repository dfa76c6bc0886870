//! Virtual keys.

mod change;
mod create;

use bailey_api::keys::{self as wire, KeyListQuery, KeyState, KeyWithSecret};
use bailey_api::{Code, FieldError, Page};
use bailey_core::budget::{BudgetSpec, BudgetSubject};
use bailey_core::key::Key;
use bailey_core::{GroupId, KeyId};
use bailey_gate::token::{self, Kind};
use bailey_store::{BudgetFilter, BudgetState, KeyFilter, LedgerReach, ListPage};

use serde_json::json;

use super::caller::sees;
use super::checks::Checks;
use super::names::Names;
use super::{App, AppError, Caller, cursor, view};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'k';

impl App {
    /// Keys within reach, newest first.
    pub async fn keys_list(&self, caller: &Caller, query: KeyListQuery) -> Result<Page<wire::Key>, AppError> {
        let now = self.now();
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), KeyId::from_uuid)?;
        let mut filter = KeyFilter::within(reach.clone());
        let nothing = Page {
            items: Vec::new(),
            next_cursor: None,
        };
        let asked = (query.person.as_deref(), query.group.as_deref());
        let Some(whose) = self.find_whose(caller, &reach, asked).await? else {
            return Ok(nothing);
        };
        (filter.person, filter.group) = (whose.person, whose.group);
        filter.workspace = query.workspace;
        filter.state = query.state.map(|state| (stored(state), now));
        let (keys, next) = self.store().keys_list(&filter, page).await?;
        let mut names = Names::default();
        names.look_up(self, keys.iter().map(|key| key.person)).await?;
        let mut items = Vec::with_capacity(keys.len());
        for key in keys {
            items.push(self.key_view(key, &mut names).await?);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(KeyId::uuid)),
        })
    }

    /// One key.
    pub async fn key_get(&self, caller: &Caller, id: KeyId) -> Result<wire::Key, AppError> {
        let key = self.key_within(caller, id).await?;
        self.key_view(key, &mut Names::default()).await
    }

    /// Revokes a key for good: it is refused from now on, and its open streams end. Again is as good as once.
    pub async fn key_revoke(&self, caller: &Caller, id: KeyId) -> Result<wire::Key, AppError> {
        let key = self.key_within(caller, id).await?;
        caller.record(Change::new("keys.revoke", resource(&key))).await?;
        self.store().key_revoke(id, self.now()).await?;
        self.gate().end_key(id);
        self.key_get(caller, id).await
    }

    /// Replaces a key's secret; the old one is refused from now on. Streams under way go on.
    pub async fn key_rotate(&self, caller: &Caller, id: KeyId) -> Result<KeyWithSecret, AppError> {
        let key = self.key_within(caller, id).await?;
        unless_revoked(&key)?;
        let minted = token::mint(Kind::Key)?;
        let change = Change::new("keys.rotate", resource(&key))
            .before(&json!({ "prefix": key.public_id }))
            .after(&json!({ "prefix": minted.public_id }));
        caller.record(change).await?;
        self.store()
            .key_rotate(id, &minted.public_id, &minted.hash, self.now())
            .await?;
        self.gate().forget_key(id);
        Ok(KeyWithSecret {
            key: minted.text.expose().clone(),
            record: self.key_get(caller, id).await?,
        })
    }

    /// The key of this id, if it is within reach.
    pub(super) async fn key_within(&self, caller: &Caller, id: KeyId) -> Result<Key, AppError> {
        let reach = self.people_within(caller).await?;
        let key = self.store().key_get(id).await?;
        key.filter(|key| sees(&reach, Some(key.person)))
            .ok_or(AppError::NotFound)
    }

    /// A key's own budgets and how they stand.
    async fn key_budgets(&self, id: KeyId) -> Result<Vec<BudgetState>, AppError> {
        let filter = BudgetFilter {
            subject: Some(BudgetSubject::Key(id)),
            ..BudgetFilter::within(LedgerReach::All)
        };
        let (budgets, _) = self
            .store()
            .budgets_list(&filter, ListPage::first(100), self.now())
            .await?;
        Ok(budgets)
    }

    /// A key as the API shows it.
    async fn key_view(&self, key: Key, names: &mut Names) -> Result<wire::Key, AppError> {
        let budgets = self.key_budgets(key.id).await?;
        let state = match (key.revoked_at, key.expires_at) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(at)) if at <= self.now() => KeyState::Expired,
            _ => KeyState::Active,
        };
        Ok(wire::Key {
            id: key.id,
            prefix: format!("sk-bly-{}", key.public_id),
            name: key.name,
            scope: key.scope,
            state,
            person: names.person(self, key.person).await?,
            group: key.group.map(|id| id.to_string()),
            workspace: key.workspace.map(|id| id.to_string()),
            models: wire::Models {
                tiers: Some(key.models.tiers),
                names: Some(key.models.names),
            },
            rpm: key.rpm,
            tpm: key.tpm,
            concurrent: key.concurrent,
            expires_at: key.expires_at.map(Into::into),
            metadata: key.metadata,
            created_at: key.created_at.into(),
            created_by: key.created_by.to_string(),
            rotated_at: key.rotated_at.map(Into::into),
            revoked_at: key.revoked_at.map(Into::into),
            budgets: budgets.into_iter().map(view::budget).collect(),
        })
    }
}

/// A key as the audit log names it.
fn resource(key: &Key) -> Resource {
    Resource::new("key", key.id).named(&key.name)
}

const fn stored(state: KeyState) -> bailey_store::KeyState {
    match state {
        KeyState::Active => bailey_store::KeyState::Active,
        KeyState::Expired => bailey_store::KeyState::Expired,
        KeyState::Revoked => bailey_store::KeyState::Revoked,
    }
}

fn unless_revoked(key: &Key) -> Result<(), AppError> {
    if key.revoked_at.is_none() {
        return Ok(());
    }
    Err(AppError::Conflict {
        code: Code::Revoked,
        detail: "this key is revoked; make a new one".to_owned(),
    })
}

/// Each period at most once.
fn check_budgets(checks: &mut Checks, budgets: &[BudgetSpec]) {
    for (i, budget) in budgets.iter().enumerate() {
        if budgets.iter().take(i).any(|b| b.period == budget.period) {
            checks.wrong("/budget", format!("has two budgets per {}", budget.period));
        }
    }
}

/// What is asked for of a key's models.
fn check_models(checks: &mut Checks, models: Option<&wire::Models>) {
    if let Some(names) = models.and_then(|m| m.names.as_deref()) {
        checks.names("/models/names", names);
    }
}

/// Whether a key that was charged to `old` and will be to `new` escapes a group's budget. Without a group of its own a
/// key is charged to its person's.
fn escapes(old: Option<GroupId>, new: Option<GroupId>, charged: Option<GroupId>) -> bool {
    let (old, new) = (old.or(charged), new.or(charged));
    old.is_some() && old != new
}

/// What is said to those who would escape.
fn escape() -> FieldError {
    FieldError::body("/group", "only those who may set budgets have another group charged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn nobody_escapes_the_budget_of_a_group() {
        let [a, b] = [1, 2].map(|n| Some(GroupId::from_uuid(Uuid::from_u128(n))));
        assert!(!escapes(None, a, None), "a group that adds a limit is welcome");
        assert!(!escapes(None, a, a));
        assert!(!escapes(a, None, a));
        assert!(escapes(None, b, a));
        assert!(escapes(a, None, None));
        assert!(escapes(a, b, None));
    }
}
