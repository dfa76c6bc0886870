//! How far a key's limits go, and whether one set of limits lies within another: what keeps people from writing their
//! own limits. Pure.

use bailey_api::FieldError;
use bailey_core::Timestamp;
use bailey_core::budget::BudgetSpec;
use bailey_core::key::{Key, ModelAccess};
use bailey_runtime::config::KeyDefaults;

/// Everything about a key that limits it, but for budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Which models.
    pub(crate) models: ModelAccess,
    /// Requests in any 60 seconds.
    pub(crate) rpm: Option<u32>,
    /// Tokens in any 60 seconds.
    pub(crate) tpm: Option<u64>,
    /// Requests at the same time.
    pub(crate) concurrent: Option<u32>,
    /// When it ends.
    pub(crate) expires_at: Option<Timestamp>,
}

impl Bounds {
    /// Those that a scope's keys have unless somebody who may raises them.
    pub(crate) fn of_scope(defaults: &KeyDefaults, now: Timestamp) -> Self {
        let seconds = |d: std::time::Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        Self {
            models: ModelAccess {
                tiers: defaults.tiers.clone(),
                names: Vec::new(),
            },
            rpm: defaults.rpm,
            tpm: defaults.tpm,
            concurrent: defaults.concurrent,
            expires_at: defaults.lifetime.map(|d| now.plus_seconds(seconds(d))),
        }
    }

    /// Those that a key has.
    pub(crate) fn of_key(key: &Key) -> Self {
        Self {
            models: key.models.clone(),
            rpm: key.rpm,
            tpm: key.tpm,
            concurrent: key.concurrent,
            expires_at: key.expires_at,
        }
    }

    /// Gives a key these limits.
    pub(crate) fn apply(self, key: &mut Key) {
        key.models = self.models;
        key.rpm = self.rpm;
        key.tpm = self.tpm;
        key.concurrent = self.concurrent;
        key.expires_at = self.expires_at;
    }

    /// Where these limits are wider than `most`.
    pub(crate) fn beyond(&self, most: &Self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut note = |pointer: &str, wider: bool, most: String| {
            if wider {
                errors.push(FieldError::body(pointer, most));
            }
        };
        let number = |n: Option<u64>| n.map_or_else(String::new, |n| format!("at most {n}"));
        note("/models/tiers", wider_list(&self.models.tiers, &most.models.tiers), {
            let tiers: Vec<_> = most.models.tiers.iter().map(|t| t.as_str()).collect();
            format!("at most {}", tiers.join(", "))
        });
        note(
            "/models/names",
            wider_list(&self.models.names, &most.models.names),
            format!("at most {}", most.models.names.join(", ")),
        );
        note("/rpm", wider(self.rpm, most.rpm), number(most.rpm.map(u64::from)));
        note("/tpm", wider(self.tpm, most.tpm), number(most.tpm));
        note(
            "/concurrent",
            wider(self.concurrent, most.concurrent),
            number(most.concurrent.map(u64::from)),
        );
        let latest = most
            .expires_at
            .map_or_else(String::new, |at| format!("{at} at the latest"));
        note("/expires_at", wider(self.expires_at, most.expires_at), latest);
        errors
    }
}

/// Whether a limit is wider than the most there may be; `None` = no limit.
fn wider<T: Ord>(asked: Option<T>, most: Option<T>) -> bool {
    match (asked, most) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(asked), Some(most)) => asked > most,
    }
}

/// The same for lists of what is allowed; empty = anything.
fn wider_list<T: PartialEq>(asked: &[T], most: &[T]) -> bool {
    !most.is_empty() && (asked.is_empty() || asked.iter().any(|item| !most.contains(item)))
}

/// The budgets of a new key of somebody who may not raise limits: those asked for, with the scope's own among them.
pub(crate) fn with_default(
    asked: Option<Vec<BudgetSpec>>,
    default: BudgetSpec,
) -> Result<Vec<BudgetSpec>, Box<FieldError>> {
    let mut budgets = asked.unwrap_or_default();
    match budgets.iter().find(|b| b.period == default.period) {
        Some(budget) if budget.limit > default.limit => {
            return Err(Box::new(FieldError::body("/budget", format!("at most {default}"))));
        }
        Some(_) => {}
        None => budgets.push(default),
    }
    Ok(budgets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailey_core::key::{KeyScope, Tier};

    fn scope() -> Bounds {
        Bounds::of_scope(&KeyDefaults::built_in(KeyScope::User), Timestamp::from_seconds(0))
    }

    fn beyond(change: impl FnOnce(&mut Bounds)) -> Vec<String> {
        let mut asked = scope();
        change(&mut asked);
        asked.beyond(&scope()).into_iter().filter_map(|e| e.pointer).collect()
    }

    #[test]
    fn every_limit_can_be_lowered_and_none_raised() {
        assert!(beyond(|_| {}).is_empty());
        assert!(beyond(|b| b.rpm = Some(1)).is_empty());
        assert!(beyond(|b| b.tpm = Some(1)).is_empty());
        assert!(beyond(|b| b.models.names = vec!["mock".into()]).is_empty());
        assert!(beyond(|b| b.models.tiers = vec![Tier::Fast]).is_empty());
        assert!(beyond(|b| b.expires_at = Some(Timestamp::from_seconds(1))).is_empty());
        assert_eq!(beyond(|b| b.rpm = Some(61)), ["/rpm"]);
        assert_eq!(beyond(|b| b.rpm = None), ["/rpm"]);
        assert_eq!(beyond(|b| b.expires_at = None), ["/expires_at"]);
        assert_eq!(beyond(|b| b.models.tiers = vec![]), ["/models/tiers"]);
        assert_eq!(beyond(|b| b.models.tiers = vec![Tier::Deep]), ["/models/tiers"]);
    }

    #[test]
    fn a_key_always_keeps_the_budget_of_its_scope() {
        let spec = |text: &str| text.parse::<BudgetSpec>().unwrap();
        let default = spec("20/day");
        assert_eq!(with_default(None, default).unwrap(), [default]);
        assert_eq!(with_default(Some(vec![]), default).unwrap(), [default]);
        assert_eq!(
            with_default(Some(vec![spec("5/day")]), default).unwrap(),
            [spec("5/day")]
        );
        assert_eq!(
            with_default(Some(vec![spec("900/month")]), default).unwrap(),
            [spec("900/month"), default]
        );
        assert!(with_default(Some(vec![spec("20.01/day")]), default).is_err());
    }
}
