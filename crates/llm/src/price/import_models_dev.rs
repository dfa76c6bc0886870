//! Import of models.dev's `api.json`: dollars per million tokens, as JSON numbers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::file::{Entry, LongEntry, RateTexts};
use super::import::{Collector, ImportError, Imported, Skip, complete, rate};
use super::rates::CacheWrites;

#[derive(Debug, Deserialize)]
struct Provider<'a> {
    #[serde(borrow)]
    models: BTreeMap<String, &'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Model<'a> {
    #[serde(borrow)]
    cost: Option<BTreeMap<String, &'a RawValue>>,
    limit: Option<Limit>,
}

#[derive(Debug, Deserialize)]
struct Limit {
    context: Option<u64>,
    output: Option<u64>,
}

/// What a tier of prices begins at; the list has had two names for it.
#[derive(Debug, Deserialize)]
struct Start {
    #[serde(alias = "min")]
    size: u64,
}

/// Makes a price file of models.dev's list. `date` is when it was fetched, as `2026-01-31`. The list has no prices of
/// one-hour cache writes: they come out as the dearest rate of input, so they should be added by hand.
pub fn import_models_dev(json: &str, date: &str) -> Result<Imported, ImportError> {
    let form = |e: serde_json::Error| ImportError::Form(e.to_string());
    let list: BTreeMap<String, &RawValue> = serde_json::from_str(json).map_err(form)?;
    let mut collector = Collector::default();
    for (id, provider) in &list {
        let provider: Provider<'_> = serde_json::from_str(provider.get()).map_err(form)?;
        for (name, model) in provider.models {
            collector.add(&format!("{id}/{name}"), entry(id, &name, model, date));
        }
    }
    collector.finish(date)
}

fn entry(provider: &str, name: &str, model: &RawValue, date: &str) -> Result<Entry, Skip> {
    let model: Model<'_> = serde_json::from_str(model.get()).map_err(|e| Skip::Broken(e.to_string()))?;
    let cost = model.cost.ok_or_else(|| Skip::Elsewhere("no price".to_owned()))?;
    let rates = complete(rates(&cost)?)?;
    let limit = model.limit.as_ref();
    Ok(Entry {
        providers: vec![provider_kind(provider).to_owned()],
        models: vec![name.to_owned()],
        cache_writes: name.contains("claude").then_some(CacheWrites::Asked),
        context: limit.and_then(|l| l.context).filter(|n| *n > 0),
        max_output: limit.and_then(|l| l.output).filter(|n| *n > 0),
        source: "models.dev api.json (MIT)".to_owned(),
        date: date.to_owned(),
        long_context: long_context(&cost)?,
        rates,
        ..Entry::default()
    })
}

/// The kind of provider that Bailey knows a provider of the list as.
fn provider_kind(provider: &str) -> &str {
    match provider {
        "amazon-bedrock" => "bedrock",
        other => other,
    }
}

fn rates(cost: &BTreeMap<String, &RawValue>) -> Result<RateTexts, Skip> {
    let read = |key: &str| rate(key, cost.get(key).map(|v| v.get()), false);
    Ok(RateTexts {
        input: read("input")?,
        output: read("output")?,
        cache_read: read("cache_read")?,
        cache_write_5m: read("cache_write")?,
        cache_write_1h: None,
    })
}

fn long_context(cost: &BTreeMap<String, &RawValue>) -> Result<Option<LongEntry>, Skip> {
    let broken = |e: serde_json::Error| Skip::Broken(e.to_string());
    if let Some(tiers) = cost.get("tiers") {
        let tiers: Vec<BTreeMap<String, &RawValue>> = serde_json::from_str(tiers.get()).map_err(broken)?;
        let mut lowest: Option<LongEntry> = None;
        for tier in tiers {
            let start = tier
                .get("tier")
                .or(tier.get("context"))
                .map_or("null", |start| start.get());
            let above = serde_json::from_str::<Start>(start).map_err(broken)?.size;
            if lowest.as_ref().is_none_or(|lowest| above < lowest.above) {
                let rates = complete(rates(&tier)?)?;
                lowest = Some(LongEntry { above, rates });
            }
        }
        return Ok(lowest);
    }
    let Some(over) = cost.get("context_over_200k") else {
        return Ok(None);
    };
    let over: BTreeMap<String, &RawValue> = serde_json::from_str(over.get()).map_err(broken)?;
    let rates = complete(rates(&over)?)?;
    Ok(Some(LongEntry { above: 200_000, rates }))
}
