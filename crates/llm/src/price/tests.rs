use bailey_core::Rate;
use proptest::prelude::*;

use super::*;
use crate::{CacheControl, ServiceTier, Usage};

fn usd(text: &str) -> Rate {
    Rate::parse_usd_per_mtok(text).unwrap()
}

fn shipped(provider: &str, model: &str) -> Arc<ModelPrice> {
    Arc::clone(
        PriceTable::shipped()
            .lookup(provider, model)
            .unwrap_or_else(|| panic!("{provider}/{model}")),
    )
}

fn file(entry: &str) -> String {
    format!(
        "date = \"2026-11-20\"\n[[price]]\nproviders = [\"p\"]\nmodels = [\"m\"]\nsource = \"s\"\ndate = \"2026-01-01\"\n{entry}\n"
    )
}

const USAGE: Usage = Usage {
    input: 1_000,
    cache_read: 20_000,
    cache_write_5m: 3_000,
    cache_write_1h: 400,
    output: 500,
    reasoning: 100,
};

#[test]
fn the_shipped_prices_are_valid_and_none_is_free() {
    let table = PriceTable::parse(PriceTable::shipped_text()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert!(table.len() > 80, "{}", table.len());
    for (provider, model, price) in table.iter() {
        let rates = [Some(price.rates), price.long_context.map(|l| l.rates)]
            .into_iter()
            .flatten();
        for rates in rates.chain(price.tiers.values().copied()) {
            assert!(rates.all().iter().all(|rate| *rate > Rate::ZERO), "{provider}/{model}");
            assert!(rates.output >= rates.input, "{provider}/{model}");
            assert!(rates.cache_read <= rates.input, "{provider}/{model}");
            assert!(rates.cache_write_1h >= rates.cache_write_5m, "{provider}/{model}");
        }
    }
}

#[test]
fn the_models_that_agents_use_by_default_have_prices() {
    for (provider, model) in [
        ("anthropic", "claude-opus-4-8"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-haiku-4-5-20251001"),
        ("openai", "gpt-5"),
        ("openai", "gpt-4o-2024-08-06"),
        ("openai", "gpt-4.1"),
        ("openai", "o4-mini"),
        ("openai-compatible", "gemini-2.5-flash"),
        ("openai-compatible", "meta-llama/Llama-3.3-70B-Instruct"),
        ("bedrock", "us.anthropic.claude-opus-4-8"),
        ("mock", "anything at all"),
    ] {
        shipped(provider, model);
    }
    assert!(PriceTable::shipped().lookup("openai", "no-such-model").is_none());
    assert!(PriceTable::shipped().lookup("anthropic", "gpt-5").is_none());
}

#[test]
fn dated_names_have_the_price_of_the_name_unless_they_have_one() {
    assert_eq!(shipped("openai", "gpt-4o-2024-08-06").rates.input, usd("2.5"));
    assert_eq!(shipped("openai", "gpt-4o-2024-05-13").rates.input, usd("5"));
    assert_eq!(without_date("claude-haiku-4-5-20251001"), Some("claude-haiku-4-5"));
    assert_eq!(without_date("claude-haiku-4-5@20251001"), Some("claude-haiku-4-5"));
    assert_eq!(without_date("gpt-4o-2024-08-06"), Some("gpt-4o"));
    for name in [
        "gpt-4o",
        "o3",
        "",
        "-20251001x",
        "gemini-2.5-flash",
        "modèle-20é51001",
        "x-2024-8-006",
    ] {
        assert_eq!(without_date(name), None, "{name}");
    }
}

#[test]
fn prices_change_on_their_day() {
    let table = PriceTable::shipped();
    let at = |day: &str| {
        let at = Timestamp::parse(&format!("{day}T00:00:00Z")).unwrap();
        table.lookup_at("openai", "gpt-5.6-sol", at).unwrap().rates.input
    };
    assert_eq!(
        (at("2026-08-20"), at("2026-08-21"), at("2026-11-21")),
        (usd("5"), usd("4"), usd("4"))
    );
    assert_eq!(at("2026-11-22"), usd("5"));
}

#[test]
fn each_class_is_billed_once_at_its_own_rate() {
    // By hand: 1,000 x 5 + 20,000 x 0.5 + 3,000 x 6.25 + 400 x 10 + 500 x 25 = 50,250 dollars per million.
    let cost = shipped("anthropic", "claude-opus-4-8")
        .cost(&USAGE, ServiceTier::Standard)
        .unwrap();
    assert_eq!(cost.to_string(), "0.05025");
    let mock = shipped("mock", "m").cost(&USAGE, ServiceTier::Standard).unwrap();
    assert_eq!(mock.to_string(), "0.03015");
}

#[test]
fn a_part_of_a_nano_dollar_is_rounded_up_once() {
    let rates = Rates {
        input: usd("0.000001"),
        ..zero()
    };
    let price = ModelPrice::flat(rates, "test");
    let of = |input| {
        price
            .cost(
                &Usage {
                    input,
                    ..Usage::default()
                },
                ServiceTier::Standard,
            )
            .unwrap()
            .nanos()
    };
    assert_eq!((of(0), of(1), of(1_000), of(1_001)), (0, 1, 1, 2));
}

fn zero() -> Rates {
    let zero = Rate::ZERO;
    Rates {
        input: zero,
        output: zero,
        cache_read: zero,
        cache_write_5m: zero,
        cache_write_1h: zero,
    }
}

#[test]
fn long_context_is_told_by_all_input_and_holds_for_the_whole_request() {
    let price = shipped("anthropic", "claude-sonnet-4-5");
    let of = |input, cache_read| {
        price
            .cost(
                &Usage {
                    input,
                    cache_read,
                    output: 1_000,
                    ..Usage::default()
                },
                ServiceTier::Standard,
            )
            .unwrap()
    };
    // 1,000 x 3 + 199,000 x 0.3 + 1,000 x 15, and one token more: 1,001 x 6 + 199,000 x 0.6 + 1,000 x 22.5.
    assert_eq!(of(1_000, 199_000).to_string(), "0.0777");
    assert_eq!(of(1_001, 199_000).to_string(), "0.147906");
}

#[test]
fn the_tier_of_the_answer_picks_the_rates() {
    let price = shipped("openai", "gpt-5");
    let usage = Usage {
        input: 1_000_000,
        ..Usage::default()
    };
    let of = |tier| price.cost(&usage, tier).unwrap().to_string();
    assert_eq!(of(ServiceTier::Standard), "1.25");
    assert_eq!(of(ServiceTier::Priority), "2.5");
    assert_eq!(of(ServiceTier::Flex), "0.625");
    // A tier without rates of its own is billed as standard.
    assert_eq!(of(ServiceTier::Fast), "1.25");
}

#[test]
fn cost_that_does_not_fit_is_an_error_and_never_wraps() {
    let price = shipped("anthropic", "claude-opus-4-8");
    let usage = Usage {
        input: u64::MAX,
        output: u64::MAX,
        cache_read: u64::MAX,
        ..Usage::default()
    };
    assert!(price.cost(&usage, ServiceTier::Standard).is_err());
    assert!(price.worst_case(u64::MAX, u64::MAX, CacheControl::None, None).is_err());
}

#[test]
fn the_worst_case_takes_the_dearest_rate_that_a_request_can_cause() {
    let price = shipped("anthropic", "claude-opus-4-8");
    let worst = |cache, tier| price.worst_case(1_000_000, 0, cache, tier).map(|m| m.to_string());
    assert_eq!(worst(CacheControl::None, None).unwrap(), "5");
    assert_eq!(worst(CacheControl::FiveMinutes, None).unwrap(), "6.25");
    assert_eq!(worst(CacheControl::OneHour, Some("auto")).unwrap(), "10");
    assert_eq!(worst(CacheControl::None, Some("fast")).unwrap(), "10");
    assert_eq!(worst(CacheControl::None, Some("us")).unwrap(), "5.5");
    assert_eq!(
        worst(CacheControl::None, Some("priority")),
        Err(CostError::Tier("priority".to_owned()))
    );
    assert_eq!(
        worst(CacheControl::None, Some("brand new")),
        Err(CostError::Tier("brand new".to_owned()))
    );
    // OpenAI's newer models write to their caches unasked.
    let price = shipped("openai", "gpt-6-sol");
    assert_eq!(
        price
            .worst_case(200_000, 0, CacheControl::None, None)
            .unwrap()
            .to_string(),
        "0.5"
    );
    // Long context is reachable, and its output is dearer too.
    let price = shipped("anthropic", "claude-sonnet-4-5");
    assert_eq!(
        price
            .worst_case(200_000, 1_000, CacheControl::None, None)
            .unwrap()
            .to_string(),
        "0.615"
    );
    assert_eq!(
        price
            .worst_case(200_001, 1_000, CacheControl::None, None)
            .unwrap()
            .to_string(),
        "1.222506"
    );
}

proptest! {
    #[test]
    fn nothing_costs_more_than_its_worst_case(
        input in 0_u64..300_000, read in 0_u64..300_000, five in 0_u64..100_000, hour in 0_u64..100_000, output in 0_u64..100_000,
        model in prop::sample::select(vec!["claude-opus-4-8", "claude-sonnet-4-5", "claude-haiku-5-5"]),
        tier in prop::sample::select(vec![None, Some("standard_only"), Some("auto")]),
    ) {
        let usage = Usage { input, cache_read: read, cache_write_5m: five, cache_write_1h: hour, output, reasoning: 0 };
        let cache = match (five, hour) {
            (0, 0) => CacheControl::None,
            (_, 0) => CacheControl::FiveMinutes,
            _ => CacheControl::OneHour,
        };
        let price = shipped("anthropic", model);
        let cost = price.cost(&usage, ServiceTier::Standard).unwrap();
        prop_assert!(cost <= price.worst_case(usage.total_input(), output, cache, tier).unwrap());
    }

    #[test]
    fn affordable_output_is_the_most_that_fits(
        input in 0_u64..300_000, wanted in 0_u64..100_000, choices in 1_u64..5, nanos in 0_i64..3_000_000_000,
    ) {
        let price = shipped("anthropic", "claude-sonnet-4-5");
        let money = Money::from_nanos(nanos);
        let worst = |output: u64| price.worst_case(input, output * choices, CacheControl::None, None).unwrap();
        match price.affordable_output(input, wanted, choices, CacheControl::None, None, money) {
            None => prop_assert!(worst(0) > money),
            Some(output) => {
                prop_assert!(worst(output) <= money && output <= wanted);
                prop_assert!(output == wanted || worst(output + 1) > money);
            }
        }
    }
}

#[test]
fn every_error_of_a_file_is_reported_at_once() {
    let text = "date = \"soon\"\n[[price]]\nproviders = []\nmodels = [\"a\", \"\"]\nsource = \" \"\ndate = \"x\"\nfrom = \"y\"\nrates = { input = \"-1\", output = \"0\", cache_read = \"NaN\", cache_write_5m = \"10001\" }\n[[price]]\nproviders = [\"p\"]\nmodels = [\"m\", \"m\"]\nsource = \"s\"\ndate = \"2026-01-01\"\nrates = { input = \"1\" }\n";
    let errors = PriceTable::parse(text).unwrap_err();
    let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in [
        "`date` must be a date",
        "`providers` must name",
        "`models` must name",
        "`source` must say",
        "`from` must be",
        "negative",
        "`output` is zero",
        "NaN",
        "more than $10,000",
        "`output` is missing",
        "two prices from the same day",
    ] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
}

#[test]
fn a_malformed_file_is_refused_whole() {
    for bad in [
        "",
        "date = \"2026-01-01\"",
        &file("rates = { input = \"1\", output = \"2\", reasoning = \"3\" }"),
        &file("rates = { input = \"1\", output = \"2\" }\nmultiplier = \"2\""),
        &file("rates = { input = 1.0, output = 2.0 }"),
        &file("rates = { input = \"1\", output = \"2\" }\nfree = true"),
        &file("rates = { input = \"1\", output = \"2\" }\ntiers.gold = { input = \"1\", output = \"2\" }"),
        &file("rates = { input = \"1\", output = \"2\" }\ntiers.standard = { input = \"1\", output = \"2\" }"),
        &file(
            "rates = { input = \"1\", output = \"2\" }\nlong_context = { above = 0, rates = { input = \"1\", output = \"2\" } }",
        ),
        &file("rates = { input = \"1\", output = \"2\" }\nlong_context = { above = 5, rates = { input = \"1\" } }"),
        &file("rates = { input = \"0\", output = \"0\" }"),
        &file(""),
    ] {
        assert!(PriceTable::parse(bad).is_err(), "{bad}");
    }
    let free = PriceTable::parse(&file("free = true")).unwrap();
    assert!(free.lookup("p", "m").unwrap().is_free());
}

#[test]
fn rates_that_are_not_given_are_taken_from_those_that_are() {
    let table = PriceTable::parse(&file(
        "rates = { input = \"2\", output = \"8\", cache_write_5m = \"2.5\" }",
    ))
    .unwrap();
    let rates = table.lookup("p", "m").unwrap().rates;
    assert_eq!(
        (rates.cache_read, rates.cache_write_5m, rates.cache_write_1h),
        (usd("2"), usd("2.5"), usd("2.5"))
    );
    let table = PriceTable::parse(&file("rates = { input = \"2\", output = \"8\" }")).unwrap();
    assert_eq!(table.lookup("p", "m").unwrap().rates.cache_write_1h, usd("2"));
}

#[test]
fn an_administrator_s_file_adds_to_the_shipped_list_model_by_model() {
    let own = file("rates = { input = \"2\", output = \"8\" }").replace("\"p\"", "\"anthropic\"");
    let own = PriceTable::parse(&own).unwrap();
    let shipped = PriceTable::shipped();
    let both = own.over(&shipped);
    assert_eq!(both.len(), shipped.len() + 1);
    assert_eq!(both.lookup("anthropic", "m").unwrap().rates.input, usd("2"));
    assert!(both.lookup("anthropic", "claude-sonnet-4-5").is_some());
}

#[test]
fn the_version_names_what_the_file_says_and_not_how() {
    let one = PriceTable::parse(&file("rates = { input = \"2\", output = \"8\" }")).unwrap();
    let same = PriceTable::parse(&file("# a comment\nrates = {output = \"8\",  input = \"2\"}")).unwrap();
    let other = PriceTable::parse(&file("rates = { input = \"2\", output = \"9\" }")).unwrap();
    assert_eq!(one.version(), same.version());
    assert_ne!(one.version(), other.version());
    assert!(
        one.version().starts_with("2026-11-20-") && one.version().len() == 23,
        "{}",
        one.version()
    );
}

#[test]
fn a_list_that_lost_most_models_is_refused() {
    let shipped = PriceTable::shipped();
    let small = PriceTable::parse(&file("rates = { input = \"2\", output = \"8\" }")).unwrap();
    assert!(matches!(
        small.check_against(&shipped),
        Err(PriceError::Vanished { .. })
    ));
    assert_eq!(shipped.check_against(&shipped), Ok(()));
    assert_eq!(shipped.check_against(&PriceTable::default()), Ok(()));
}

#[test]
fn a_default_price_is_only_what_a_file_says() {
    assert!(PriceTable::shipped().default_price().is_none());
    let text = format!(
        "date = \"2026-01-01\"\ndefault = {{ input = \"100\", output = \"100\" }}\n{}",
        file("rates = { input = \"2\", output = \"8\" }").replacen("date = \"2026-11-20\"\n", "", 1)
    );
    assert_eq!(
        PriceTable::parse(&text).unwrap().default_price().unwrap().rates.input,
        usd("100")
    );
}
