use proptest::prelude::*;

use super::super::{CacheWrites, PriceTable, import_litellm, import_models_dev};
use super::*;
use crate::ServiceTier;

fn positive(text: &str) -> Decimal {
    Decimal::Positive(text.to_owned())
}

#[test]
fn numbers_are_read_from_their_text_exactly() {
    assert_eq!(decimal("5e-06", 6), Some(positive("5")));
    assert_eq!(decimal("6.875e-06", 6), Some(positive("6.875")));
    assert_eq!(decimal("2.5e-08", 6), Some(positive("0.025")));
    assert_eq!(decimal("0.000168", 6), Some(positive("168")));
    assert_eq!(decimal("3", 0), Some(positive("3")));
    assert_eq!(decimal("0.30", 0), Some(positive("0.3")));
    assert_eq!(decimal("1E2", 0), Some(positive("100")));
    // The noise of printing a binary float does not count; what is finer than a pico-dollar is rounded up.
    assert_eq!(decimal("3.0000000000000001e-06", 6), Some(positive("3")));
    assert_eq!(decimal("2.9999999999999997e-06", 6), Some(positive("3")));
    assert_eq!(decimal("1.00000001", 0), Some(positive("1.000001")));
    assert_eq!(decimal("1e-30", 0), Some(positive("0.000001")));
    assert_eq!(decimal("0", 6), Some(Decimal::Zero));
    assert_eq!(decimal("0.0e-5", 6), Some(Decimal::Zero));
    assert_eq!(decimal("1", 6), Some(Decimal::TooLarge));
    assert_eq!(decimal("1e308", 6), Some(Decimal::TooLarge));
    for bad in [
        "-1", "NaN", "Infinity", "\"5\"", "", ".5", "1e", "1e99999", "true", "1.2.3", "[1]",
    ] {
        assert_eq!(decimal(bad, 6), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn any_decimal_of_six_places_comes_out_as_it_went_in(micros in 1_u64..10_000_000_000) {
        let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let trimmed = text.trim_end_matches('0').trim_end_matches('.').to_owned();
        prop_assert_eq!(decimal(&text, 0), Some(Decimal::Positive(trimmed.clone())));
        prop_assert_eq!(decimal(&format!("{micros}e-6"), 0), Some(Decimal::Positive(trimmed.clone())));
        prop_assert_eq!(decimal(&format!("{micros}e-12"), 6), Some(Decimal::Positive(trimmed)));
    }
}

const LITELLM: &str = r#"{
  "sample_spec": {"input_cost_per_token": 0.0, "mode": "one of"},
  "claude-sonnet-4-5": {"cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05, "cache_read_input_token_cost": 3e-07,
    "input_cost_per_token": 3e-06, "input_cost_per_token_above_200k_tokens": 6e-06,
    "output_cost_per_token_above_200k_tokens": 2.25e-05, "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
    "cache_read_input_token_cost_above_200k_tokens": 6e-07, "litellm_provider": "anthropic", "max_input_tokens": 200000,
    "max_output_tokens": 64000, "mode": "chat", "output_cost_per_token": 1.5e-05},
  "gpt-5": {"input_cost_per_token": 1.25e-06, "input_cost_per_token_priority": 2.5e-06, "input_cost_per_token_flex": 6.25e-07,
    "output_cost_per_token": 1e-05, "output_cost_per_token_priority": 2e-05, "output_cost_per_token_flex": 5e-06,
    "cache_read_input_token_cost": 1.25e-07, "litellm_provider": "openai", "mode": "chat", "max_output_tokens": "many"},
  "gmi/openai/gpt-4o": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "litellm_provider": "gmi", "mode": "chat"},
  "us.meta.llama": {"input_cost_per_token": 7.2e-07, "output_cost_per_token": 7.2e-07, "litellm_provider": "bedrock_converse", "mode": "chat"},
  "dall-e-2": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 1.9e-08},
  "free-model": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "litellm_provider": "x", "mode": "chat"},
  "text-price": {"input_cost_per_token": "3e-06", "output_cost_per_token": 1e-05, "litellm_provider": "x", "mode": "chat"},
  "negative": {"input_cost_per_token": -3e-06, "output_cost_per_token": 1e-05, "litellm_provider": "x", "mode": "chat"}
}"#;

#[test]
fn litellms_list_becomes_a_price_file() {
    let imported = import_litellm(LITELLM, "2026-11-20").unwrap();
    assert_eq!(imported.taken, 4);
    let table = PriceTable::parse(&imported.toml).unwrap();
    let sonnet = table.lookup("anthropic", "claude-sonnet-4-5").unwrap();
    let shipped = PriceTable::shipped();
    let expected = shipped.lookup("anthropic", "claude-sonnet-4-5").unwrap();
    assert_eq!(
        (sonnet.rates, sonnet.long_context),
        (expected.rates, expected.long_context)
    );
    assert_eq!(
        (sonnet.cache_writes, sonnet.max_output),
        (CacheWrites::Asked, Some(64_000))
    );
    let gpt = table.lookup("openai", "gpt-5").unwrap();
    assert_eq!(
        gpt.tiers.keys().copied().collect::<Vec<_>>(),
        [ServiceTier::Priority, ServiceTier::Flex]
    );
    assert_eq!(gpt.max_output, None);
    assert!(table.lookup("gmi", "openai/gpt-4o").is_some() && table.lookup("bedrock", "us.meta.llama").is_some());
    let reason = |name: &str| &imported.skipped.iter().find(|s| s.name == name).unwrap().reason;
    assert!(reason("dall-e-2").contains("image_generation"));
    assert!(reason("free-model").contains("zero"));
    assert!(reason("text-price").contains("no positive number"));
    assert!(reason("negative").contains("no positive number"));
}

#[test]
fn a_list_that_is_mostly_broken_is_refused() {
    // What a malformed price map did elsewhere: every cost zero.
    for broken in ["0", "0.0", "null", "\"\"", "-1", "{}", "true"] {
        let entry = |name: &str| {
            format!(
                "\"{name}\": {{\"input_cost_per_token\": {broken}, \"output_cost_per_token\": {broken}, \"litellm_provider\": \"x\", \"mode\": \"chat\"}}"
            )
        };
        let list = format!(
            "{{{}, {}, \"good\": {{\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 1e-06, \"litellm_provider\": \"x\", \"mode\": \"chat\"}}}}",
            entry("a"),
            entry("b")
        );
        let result = import_litellm(&list, "2026-11-20");
        // Entries without any price are of another kind, not broken.
        assert_eq!(result.is_err(), broken != "null", "{broken}");
    }
    for form in ["", "[]", "not json", "{\"a\": 1}", "{}", "{\"a\": NaN}"] {
        assert!(import_litellm(form, "2026-11-20").is_err(), "{form}");
    }
    assert!(import_litellm(LITELLM, "yesterday").is_err());
}

const MODELS_DEV: &str = r#"{
  "anthropic": {"id": "anthropic", "name": "Anthropic", "models": {
    "claude-opus-4-8": {"id": "claude-opus-4-8", "cost": {"input": 5, "output": 25, "cache_read": 0.50, "cache_write": 6.25},
      "limit": {"context": 1000000, "output": 128000}},
    "unpriced": {"id": "unpriced"}}},
  "openai": {"models": {
    "gpt-5.5": {"cost": {"input": 5.00, "output": 30, "cache_read": 0.5,
      "tiers": [{"tier": {"size": 272000}, "input": 10, "output": 45, "cache_read": 1.0}]}},
    "old": {"cost": {"input": 2, "output": 8, "context_over_200k": {"input": 4, "output": 16}}}}},
  "google": {"models": {"gratis": {"cost": {"input": 0, "output": 0}}}}
}"#;

#[test]
fn models_devs_list_becomes_a_price_file() {
    let imported = import_models_dev(MODELS_DEV, "2026-11-20").unwrap();
    let table = PriceTable::parse(&imported.toml).unwrap();
    let opus = table.lookup("anthropic", "claude-opus-4-8").unwrap();
    assert_eq!(
        (opus.rates.cache_write_5m.picos(), opus.context),
        (6_250_000, Some(1_000_000))
    );
    // The list has no one-hour writes: the dearest rate of input stands in.
    assert_eq!(opus.rates.cache_write_1h, opus.rates.cache_write_5m);
    let long = table.lookup("openai", "gpt-5.5").unwrap().long_context.unwrap();
    assert_eq!((long.above, long.rates.output.picos()), (272_000, 45_000_000));
    assert_eq!(
        table.lookup("openai", "old").unwrap().long_context.unwrap().above,
        200_000
    );
    let skipped: Vec<&str> = imported.skipped.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(skipped, ["anthropic/unpriced", "google/gratis"]);
    assert!(import_models_dev("{\"p\": {\"models\": []}}", "2026-11-20").is_err());
}
