//! `[[models]]`: the names that clients ask for, and where each leads.

use std::collections::{BTreeMap, BTreeSet};

use bailey_core::key::Tier;
use serde::Serialize;

use super::keys::tier;
use super::prices::{PriceConfig, price};
use super::providers::{ProviderConfig, ProviderKind};
use super::reader::{Section, at_least, text};
use super::sections::name;

/// The name that stands for every name that is not configured. Only the mock answers to it.
pub const WILDCARD: &str = "*";

/// Output tokens where neither the request nor the configuration names a number.
const MAX_OUTPUT: u64 = 32_000;

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelConfig {
    /// What clients ask for.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// Its label by price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Output tokens of a request that names no number.
    pub max_output: u64,
    /// Where it leads: the first choice, then what to fall back to. Never empty.
    pub routes: Vec<RouteConfig>,
}

/// One way to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteConfig {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's name there; `*` = the name that was asked for.
    pub model: String,
    /// What it costs there; `None` = what the price table says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceConfig>,
}

/// What there is when nothing is configured: every name leads to the mock.
pub(super) fn wildcard(provider: &str) -> ModelConfig {
    ModelConfig {
        name: WILDCARD.to_owned(),
        display_name: "Mock".to_owned(),
        tier: None,
        max_output: MAX_OUTPUT,
        routes: vec![RouteConfig {
            provider: provider.to_owned(),
            model: WILDCARD.to_owned(),
            price: Some(PriceConfig::MOCK),
        }],
    }
}

/// What models may lead to.
pub(super) struct Known<'a> {
    pub(super) providers: &'a BTreeMap<String, ProviderConfig>,
    /// Providers that are written, but wrongly: a route to one is no further mistake.
    pub(super) broken: &'a [String],
}

pub(super) fn models(root: &mut Section<'_>, known: &Known<'_>) -> Vec<ModelConfig> {
    let mut seen = BTreeSet::new();
    root.listed("models", |s| {
        let name = s.required("name", |node| match text(node)?.as_str() {
            WILDCARD => Ok(WILDCARD.to_owned()),
            _ => name(node),
        });
        if let Some(name) = &name
            && !seen.insert(name.clone())
        {
            s.note("name", format!("there is a model `{name}` already"));
        }
        model(s, name, known)
    })
}

fn model(s: &mut Section<'_>, name: Option<String>, known: &Known<'_>) -> Option<ModelConfig> {
    const EXAMPLE: &str = "name at least one, as { provider = \"...\", model = \"...\" }";
    let shown = name.clone().unwrap_or_default();
    let written = s.has("routes");
    // A route that is wrong is still one: that there is none is another mistake.
    let routes = s.listed("routes", |s| Some(route(s, &shown, known)));
    if routes.is_empty() && !s.failed("routes") {
        s.note(
            "routes",
            if written {
                EXAMPLE.to_owned()
            } else {
                format!("missing; {EXAMPLE}")
            },
        );
    }
    Some(ModelConfig {
        display_name: s.or("display_name", shown, text),
        tier: s.get("tier", tier),
        max_output: s.or("max_output", MAX_OUTPUT, at_least(1)),
        routes: routes.into_iter().flatten().collect(),
        name: name?,
    })
}

fn route(s: &mut Section<'_>, model: &str, known: &Known<'_>) -> Option<RouteConfig> {
    let provider = s.required("provider", |node| provider(&text(node)?, model, known));
    let at = s.or("model", model.to_owned(), |node| match text(node)?.as_str() {
        WILDCARD if model == WILDCARD => Ok(WILDCARD.to_owned()),
        _ => name(node),
    });
    let price = price(s, "price");
    Some(RouteConfig {
        provider: provider?,
        model: at,
        price,
    })
}

fn provider(name: &str, model: &str, known: &Known<'_>) -> Result<String, String> {
    match known.providers.get(name) {
        Some(provider) if model == WILDCARD && provider.kind != ProviderKind::Mock => Err(format!(
            "`{WILDCARD}` leads to providers of kind mock only: elsewhere it would let any model be asked for"
        )),
        Some(_) => Ok(name.to_owned()),
        None if known.broken.iter().any(|broken| broken == name) => Ok(name.to_owned()),
        None => {
            let names: Vec<&str> = known.providers.keys().map(String::as_str).collect();
            let names = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            Err(format!("there is no provider `{name}`; configured: {names}"))
        }
    }
}
