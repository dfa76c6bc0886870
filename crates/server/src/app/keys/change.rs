//! Changing keys.

use bailey_api::keys::{Key as KeyView, KeyUpdate};
use bailey_api::{FieldError, Patch};
use bailey_core::budget::BudgetSpec;
use bailey_core::key::{Key, ModelAccess};
use bailey_core::{BudgetId, KeyId, Timestamp};
use bailey_store::BudgetState;

use serde_json::json;

use super::create::budget;
use super::{check_budgets, check_models, escape, escapes, resource, unless_revoked};
use crate::app::bounds::Bounds;
use crate::app::checks::Checks;
use crate::app::names::Names;
use crate::app::{App, AppError, Caller};
use crate::audit::Change;

impl App {
    /// Changes a key. Those who may not set budgets lower its limits and never raise one.
    pub async fn key_update(&self, caller: &Caller, id: KeyId, ask: KeyUpdate) -> Result<KeyView, AppError> {
        let now = self.now();
        let mut key = self.key_within(caller, id).await?;
        unless_revoked(&key)?;
        let expiry = check(&ask, now)?;
        let before = Bounds::of_key(&key);
        let after = Bounds {
            models: models(&ask, &key),
            rpm: ask.rpm.or(key.rpm),
            tpm: ask.tpm.or(key.tpm),
            concurrent: ask.concurrent.or(key.concurrent),
            expires_at: expiry.unwrap_or(key.expires_at),
        };
        let budgets = self.key_budgets(id).await?;
        let wanted = ask.budget.map(|b| b.0).unwrap_or_default();
        let person = self.store().person_get(key.person).await?.ok_or(AppError::NotFound)?;
        let group = match ask.group {
            Patch::Keep => key.group,
            Patch::Clear => None,
            Patch::Set(text) => Some(self.group_of(&person, &text, "/group").await?.id),
        };
        if !caller.sets_limits() {
            let mut beyond = after.beyond(&before);
            if escapes(key.group, group, person.charged_group) {
                beyond.push(escape());
            }
            beyond.extend(wanted.iter().filter_map(|spec| raised(*spec, &budgets)));
            if !beyond.is_empty() {
                return Err(AppError::Beyond(beyond));
            }
        }
        let change = Change::new("keys.update", resource(&key))
            .before(&self.key_view(key.clone(), &mut Names::default()).await?);
        after.apply(&mut key);
        key.group = group;
        key.name = ask.name.unwrap_or(key.name);
        key.metadata = ask.metadata.unwrap_or(key.metadata);
        let limits: Vec<String> = wanted.iter().map(|b| format!("{}/{}", b.limit, b.period)).collect();
        let shown = self.key_view(key.clone(), &mut Names::default()).await?;
        caller
            .record(change.after(&json!({ "key": shown, "limits": limits })))
            .await?;
        self.store().key_update(&key).await?;
        for spec in wanted {
            let changed = self.key_budget_set(&key, spec, &budgets).await?;
            self.gate().budget_changed(changed).await?;
        }
        self.gate().forget_key(id);
        self.key_get(caller, id).await
    }

    /// Sets the limit of the key's budget of that period, or gives it one.
    async fn key_budget_set(&self, key: &Key, spec: BudgetSpec, have: &[BudgetState]) -> Result<BudgetId, AppError> {
        let now = self.now();
        if let Some(state) = have.iter().find(|s| s.budget.period == spec.period) {
            self.store().budget_update_limit(state.budget.id, spec.limit).await?;
            return Ok(state.budget.id);
        }
        // What the key has spent already counts, so all of it must be in the store.
        self.gate().flush().await?;
        let new = budget(key.id, spec, now);
        self.store().budget_insert(&new, now).await?;
        Ok(new.id)
    }
}

/// Whether a budget would be raised. One of a period that the key has none of only limits it further.
fn raised(spec: BudgetSpec, have: &[BudgetState]) -> Option<FieldError> {
    let limit = have.iter().find(|s| s.budget.period == spec.period)?.budget.limit;
    (spec.limit > limit).then(|| FieldError::body("/budget", format!("at most {limit}/{}", spec.period)))
}

#[expect(
    clippy::option_option,
    reason = "not said, said to be never, and said to be then are three things"
)]
fn check(ask: &KeyUpdate, now: Timestamp) -> Result<Option<Option<Timestamp>>, AppError> {
    let mut checks = Checks::default();
    if let Some(name) = &ask.name {
        checks.text("/name", name);
    }
    if let Some(metadata) = &ask.metadata {
        checks.metadata(metadata);
    }
    checks.not_zero("/rpm", ask.rpm.or(None).map(u64::from));
    checks.not_zero("/tpm", ask.tpm.or(None));
    checks.not_zero("/concurrent", ask.concurrent.or(None).map(u64::from));
    check_models(&mut checks, ask.models.as_ref());
    check_budgets(&mut checks, ask.budget.as_ref().map_or(&[], |b| &b.0));
    let expiry = checks.expiry(ask.expires_in, ask.expires_at, now);
    checks.done()?;
    Ok(expiry)
}

fn models(ask: &KeyUpdate, key: &Key) -> ModelAccess {
    let asked = ask.models.clone().unwrap_or_default();
    ModelAccess {
        tiers: asked.tiers.unwrap_or_else(|| key.models.tiers.clone()),
        names: asked.names.unwrap_or_else(|| key.models.names.clone()),
    }
}
