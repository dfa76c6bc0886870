//! `[defaults.keys.<scope>]`: what keys of a scope get unless their maker says otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use bailey_core::budget::BudgetSpec;
use bailey_core::key::{KeyScope, Tier};
use serde::{Serialize, Serializer};

use super::reader::{Section, at_least, list, parsed, text};
use super::tree::{Node, Value};
use super::unit::{format_duration, parse_duration};

/// What is written where there is no limit.
const NONE: &str = "none";

/// `[defaults]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DefaultsConfig {
    /// The defaults of every scope.
    pub keys: BTreeMap<KeyScope, KeyDefaults>,
}

/// The defaults of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyDefaults {
    /// The budget.
    #[serde(serialize_with = "as_text")]
    pub budget: BudgetSpec,
    /// Requests in any 60 seconds; `None` = no limit.
    #[serde(serialize_with = "or_none")]
    pub rpm: Option<u32>,
    /// Tokens in any 60 seconds; `None` = no limit.
    #[serde(serialize_with = "or_none")]
    pub tpm: Option<u64>,
    /// Requests at the same time; `None` = no limit.
    #[serde(serialize_with = "or_none")]
    pub concurrent: Option<u32>,
    /// Price tiers whose models are allowed; empty = any model.
    pub tiers: Vec<Tier>,
    /// How long a key lives; `None` = until it is revoked.
    #[serde(serialize_with = "lifetime_or_none")]
    pub lifetime: Option<Duration>,
}

impl DefaultsConfig {
    /// The defaults of keys of `scope`.
    pub fn key(&self, scope: KeyScope) -> KeyDefaults {
        self.keys
            .get(&scope)
            .cloned()
            .unwrap_or_else(|| KeyDefaults::built_in(scope))
    }
}

impl KeyDefaults {
    /// What holds where nothing is configured.
    pub fn built_in(scope: KeyScope) -> Self {
        let defaults = scope.defaults();
        Self {
            budget: BudgetSpec {
                limit: defaults.budget,
                period: defaults.period,
            },
            rpm: Some(defaults.rpm),
            tpm: None,
            concurrent: None,
            tiers: defaults.tiers.to_vec(),
            lifetime: defaults
                .lifetime
                .and_then(|s| u64::try_from(s).ok())
                .map(Duration::from_secs),
        }
    }
}

/// Reads the defaults. `any_tier`: scopes that do not name tiers allow every model.
pub(super) fn defaults(s: &mut Section<'_>, any_tier: bool) -> DefaultsConfig {
    let keys = s.section("keys", |s| {
        KeyScope::ALL.map(|scope| (scope, s.section(scope.as_str(), |s| key(s, scope, any_tier))))
    });
    DefaultsConfig { keys: keys.into() }
}

fn key(s: &mut Section<'_>, scope: KeyScope, any_tier: bool) -> KeyDefaults {
    let built_in = KeyDefaults::built_in(scope);
    let tiers = if any_tier { Vec::new() } else { built_in.tiers };
    KeyDefaults {
        budget: s.or("budget", built_in.budget, parsed(str::parse::<BudgetSpec>)),
        rpm: s.or("rpm", built_in.rpm, |node| unless_none(node, at_least(1))),
        tpm: s.or("tpm", None, |node| unless_none(node, at_least(1))),
        concurrent: s.or("concurrent", None, |node| unless_none(node, at_least(1))),
        tiers: s.or("tiers", tiers, |node| list(node, tier)),
        lifetime: s.or("lifetime", built_in.lifetime, |node| {
            unless_none(node, |node| match parse_duration(&text(node)?)? {
                Duration::ZERO => Err("must be longer than nothing".to_owned()),
                lifetime => Ok(lifetime),
            })
        }),
    }
}

pub(super) fn unless_none<T>(node: &Node, parse: impl FnOnce(&Node) -> Result<T, String>) -> Result<Option<T>, String> {
    match &node.value {
        Value::Text(text) if text == NONE => Ok(None),
        _ => parse(node)
            .map(Some)
            .map_err(|error| format!("{error} (or \"{NONE}\")")),
    }
}

pub(super) fn tier(node: &Node) -> Result<Tier, String> {
    let written = text(node)?;
    let found = [Tier::Fast, Tier::General, Tier::Deep]
        .into_iter()
        .find(|tier| tier.as_str() == written);
    found.ok_or_else(|| format!("unknown tier `{written}`; use $, $$ or $$$"))
}

fn as_text<T: std::fmt::Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
pub(super) fn or_none<T: Serialize, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(to),
        None => to.serialize_str(NONE),
    }
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn lifetime_or_none<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    or_none(&value.map(format_duration), to)
}
