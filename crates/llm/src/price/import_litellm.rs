//! Import of LiteLLM's `model_prices_and_context_window.json`: dollars per token, as JSON numbers.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::file::{Entry, LongEntry, RateTexts};
use super::import::{Collector, ImportError, Imported, Skip, complete, rate};
use super::rates::CacheWrites;
use crate::usage::ServiceTier;

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The thresholds that the list has long-context prices for.
const LONG: [(&str, u64); 4] = [
    ("128k", 128_000),
    ("200k", 200_000),
    ("256k", 256_000),
    ("272k", 272_000),
];

/// Makes a price file of LiteLLM's list. `date` is when it was fetched, as `2026-01-31`.
pub fn import_litellm(json: &str, date: &str) -> Result<Imported, ImportError> {
    let list: BTreeMap<String, &RawValue> = serde_json::from_str(json).map_err(|e| ImportError::Form(e.to_string()))?;
    let mut collector = Collector::default();
    for (name, value) in &list {
        if name == "sample_spec" {
            continue;
        }
        collector.add(name, entry(name, value, date));
    }
    collector.finish(date)
}

fn entry(name: &str, value: &RawValue, date: &str) -> Result<Entry, Skip> {
    let fields: Fields<'_> =
        serde_json::from_str(value.get()).map_err(|_| Skip::Broken("the entry is no object".to_owned()))?;
    let text = |key: &str| {
        fields
            .get(key)
            .and_then(|v| serde_json::from_str::<String>(v.get()).ok())
    };
    let mode = text("mode").unwrap_or_default();
    if !matches!(mode.as_str(), "chat" | "responses" | "completion") {
        return Err(Skip::Elsewhere(format!(
            "mode `{mode}` is not billed by tokens of text"
        )));
    }
    if fields.contains_key("tiered_pricing") {
        return Err(Skip::Elsewhere("`tiered_pricing` is not read".to_owned()));
    }
    let provider = text("litellm_provider").ok_or_else(|| Skip::Broken("no `litellm_provider`".to_owned()))?;
    let rates = complete(rates(&fields, "")?)?;
    let mut tiers = BTreeMap::new();
    for (tier, suffix) in [
        (ServiceTier::Priority, "_priority"),
        (ServiceTier::Flex, "_flex"),
        (ServiceTier::Batch, "_batches"),
    ] {
        let found = self::rates(&fields, suffix)?;
        if found.input.is_some() && found.output.is_some() {
            tiers.insert(tier, found);
        }
    }
    let asked = provider == "anthropic" || name.contains("claude");
    Ok(Entry {
        models: vec![model_name(&provider, name)],
        providers: vec![provider_kind(&provider).to_owned()],
        cache_writes: asked.then_some(CacheWrites::Asked),
        context: whole(&fields, "max_input_tokens"),
        max_output: whole(&fields, "max_output_tokens"),
        source: "LiteLLM model_prices_and_context_window.json (MIT)".to_owned(),
        date: date.to_owned(),
        long_context: long_context(&fields, &rates)?,
        rates,
        tiers,
        ..Entry::default()
    })
}

/// The kind of provider that Bailey knows a provider of the list as.
fn provider_kind(provider: &str) -> &str {
    match provider {
        "text-completion-openai" => "openai",
        "bedrock_converse" => "bedrock",
        other => other,
    }
}

/// Names carry their provider as a prefix where they would clash.
fn model_name(provider: &str, name: &str) -> String {
    let plain = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/'));
    plain
        .or_else(|| name.strip_prefix("bedrock/"))
        .unwrap_or(name)
        .to_owned()
}

fn rates(fields: &Fields<'_>, suffix: &str) -> Result<RateTexts, Skip> {
    let read = |key: &str| {
        let key = format!("{key}{suffix}");
        rate(&key, fields.get(&key).map(|v| v.get()), true)
    };
    Ok(RateTexts {
        input: read("input_cost_per_token")?,
        output: read("output_cost_per_token")?,
        cache_read: read("cache_read_input_token_cost")?,
        cache_write_5m: read("cache_creation_input_token_cost")?,
        cache_write_1h: read("cache_creation_input_token_cost_above_1hr")?,
    })
}

/// The lowest threshold that has a price of its own. A class without one keeps its ordinary rate.
fn long_context(fields: &Fields<'_>, base: &RateTexts) -> Result<Option<LongEntry>, Skip> {
    for (label, above) in LONG {
        let found = rates(fields, &format!("_above_{label}_tokens"))?;
        if found == RateTexts::default() {
            continue;
        }
        let or = |own: Option<String>, base: &Option<String>| own.or_else(|| base.clone());
        let rates = RateTexts {
            input: or(found.input, &base.input),
            output: or(found.output, &base.output),
            cache_read: or(found.cache_read, &base.cache_read),
            cache_write_5m: or(found.cache_write_5m, &base.cache_write_5m),
            cache_write_1h: or(found.cache_write_1h, &base.cache_write_1h),
        };
        return Ok(Some(LongEntry { above, rates }));
    }
    Ok(None)
}

fn whole(fields: &Fields<'_>, key: &str) -> Option<u64> {
    fields.get(key).and_then(|v| v.get().parse().ok()).filter(|n| *n > 0)
}
