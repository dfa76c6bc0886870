//! Bills of whole calls against figures worked out by hand, and what the ledger says about them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{exchange, hello, post, read_all, read_until_silent, send, start};
use bailey_mock::{Defaults, Keep, Ledger, Mock, MockConfig, Outcome, Prices, Protocol, Rates, Usage, UsageSpec};
use serde_json::json;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_streamed_and_a_plain_answer_cost_the_same() {
    for path in ["/v1/messages", CHAT, "/v1/responses"] {
        let mock = start("rules: [{answer: {thinking: hmm, text: fine, tools: [{name: a}]}}]").await;
        post(&mock, path, &hello(path, true)).await;
        post(&mock, path, &hello(path, false)).await;
        let ledger = mock.ledger();
        // In: "hello" 5 bytes = 2 tokens x 3000 = 6000.
        // Out: "hmm" 1 + "fine" 1 + "a{}" 1 = 3 tokens x 15000 = 45000. Together 51,000.
        for entry in &ledger.entries {
            assert_eq!(
                (entry.usage.input, entry.usage.output, entry.cost_nanos),
                (2, 3, 51_000),
                "{path}"
            );
        }
        assert_eq!(ledger.total.cost_nanos, 102_000);
    }
}

#[tokio::test]
async fn cached_tokens_are_billed_at_their_own_rates_in_each_protocol() {
    let usage = UsageSpec {
        input: Some(1000),
        cache_read: Some(2000),
        cache_write_5m: Some(300),
        cache_write_1h: Some(40),
        output: Some(100),
        reasoning: None,
    };
    let defaults = Defaults {
        usage: Some(usage),
        ..Defaults::default()
    };
    let mock = Mock::start(MockConfig {
        defaults,
        ..MockConfig::default()
    })
    .await
    .unwrap();
    // 1000 x 3000 + 2000 x 300 + 300 x 3750 + 40 x 6000 + 100 x 15000
    //   = 3,000,000 + 600,000 + 1,125,000 + 240,000 + 1,500,000 = 6,465,000
    post(&mock, "/v1/messages", &hello("/v1/messages", true)).await;
    // OpenAI has one class of writes: 340 x 3750 = 1,275,000 instead of 1,365,000, so 6,375,000.
    post(&mock, CHAT, &hello(CHAT, true)).await;
    post(&mock, "/v1/responses", &hello("/v1/responses", false)).await;
    let costs: Vec<_> = mock.ledger().entries.iter().map(|entry| entry.cost_nanos).collect();
    assert_eq!(costs, [6_465_000, 6_375_000, 6_375_000]);
}

#[tokio::test]
async fn prices_go_by_model_and_tier() {
    let flat = |rate| Rates {
        input: rate,
        output: rate,
        cache_read: rate,
        cache_write_5m: rate,
        cache_write_1h: rate,
    };
    let models = BTreeMap::from([
        ("cheap".to_owned(), flat(1_000_000)),          // 1 nano-dollar per token
        ("cheap@priority".to_owned(), flat(2_000_000)), // 2
        ("tiny".to_owned(), flat(1)),                   // a millionth
    ]);
    let rules = "rules: [{match: {nth: 2}, answer: {text: abcd, service_tier: priority}}, {answer: {text: abcd}}]";
    let config = MockConfig {
        prices: Prices {
            models,
            ..Prices::default()
        },
        scenarios: vec![bailey_mock::Scenario::parse("s", rules).unwrap()],
        ..MockConfig::default()
    };
    let mock = Mock::start(config).await.unwrap();
    for model in ["cheap", "cheap", "tiny", "other"] {
        let mut body = hello(CHAT, false);
        body["model"] = json!(model);
        post(&mock, CHAT, &body).await;
    }
    let ledger = mock.ledger();
    // 2 tokens in and 1 out: 3 x 1, 3 x 2, 3 millionths rounded up, and 2 x 3000 + 1 x 15000.
    let costs: Vec<_> = ledger.entries.iter().map(|entry| entry.cost_nanos).collect();
    assert_eq!(costs, [3, 6, 1, 21_000]);
    assert_eq!(
        (ledger.models["cheap"].calls, ledger.models["cheap"].cost_nanos),
        (2, 9)
    );
    assert_eq!(ledger.total.cost_nanos, 21_010);
    assert_eq!(ledger.entries[1].service_tier.as_deref(), Some("priority"));
}

#[tokio::test]
async fn an_entry_says_what_was_received() {
    let mock = start("rules: [{match: {header: {x-team: red}}}]").await;
    let body = hello("/v1/messages", true).to_string();
    let headers = "x-team: red\r\nx-request-id: abc\r\nX-Bailey-Attempt: 2\r\nauthorization: Bearer secret\r\n";
    exchange(&mock, "POST", "/v1/messages?beta=true", headers, &body).await;
    let ledger = mock.ledger();
    let entry = &ledger.entries[0];
    assert_eq!(
        (entry.sequence, entry.protocol, entry.stream),
        (1, Protocol::Messages, true)
    );
    assert_eq!(entry.path, "/v1/messages?beta=true");
    assert_eq!((entry.model.as_str(), entry.max_tokens), ("m", Some(1000)));
    assert_eq!(entry.bytes_received, body.len() as u64);
    assert_eq!(entry.rule.as_deref(), Some("test#1"));
    assert_eq!((entry.status, entry.outcome), (Some(200), Outcome::Completed));
    let headers: Vec<_> = entry
        .headers
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(headers, ["x-bailey-attempt=2", "x-request-id=abc"]);
    // Byte for byte in the requests.
    assert_eq!(mock.requests()[0].body, body.as_bytes());
}

#[tokio::test]
async fn the_ledger_is_served_as_json() {
    let mock = start("rules: []").await;
    for _ in 0..3 {
        post(&mock, CHAT, &hello(CHAT, false)).await;
    }
    let served: Ledger = serde_json::from_value(exchange(&mock, "GET", "/ledger", "", "").await.json()).unwrap();
    assert_eq!(served, mock.ledger());
    let later: Ledger = serde_json::from_value(exchange(&mock, "GET", "/ledger?after=2", "", "").await.json()).unwrap();
    assert_eq!(
        (later.entries.len(), later.entries[0].sequence, later.total.calls),
        (1, 3, 3)
    );
}

#[tokio::test]
async fn memory_is_bounded_and_totals_are_not_lost() {
    let body = hello(CHAT, false);
    let two_bodies = body.to_string().len() * 2;
    let keep = Keep {
        requests: 100,
        request_bytes: two_bodies,
        entries: 3,
    };
    let mock = Mock::start(MockConfig {
        keep,
        ..MockConfig::default()
    })
    .await
    .unwrap();
    for _ in 0..5 {
        post(&mock, CHAT, &body).await;
    }
    let ledger = mock.ledger();
    assert_eq!((ledger.entries.len(), ledger.forgotten, ledger.total.calls), (3, 2, 5));
    let kept: Vec<_> = mock.requests().iter().map(|seen| seen.sequence).collect();
    assert_eq!(kept, [4, 5]);
}

#[tokio::test]
async fn scenarios_can_be_replaced_while_it_runs() {
    let mock = start("rules: [{error: {status: 500}}]").await;
    assert_eq!(post(&mock, CHAT, &hello(CHAT, false)).await.status(), 500);
    mock.set_scenarios(Vec::new());
    assert_eq!(post(&mock, CHAT, &hello(CHAT, false)).await.status(), 200);
}

#[tokio::test]
async fn defaults_set_pace_and_text() {
    let defaults = Defaults {
        first_token_delay: Duration::from_millis(40),
        event_delay: Duration::from_millis(10),
        text: Some("abcdefgh".to_owned()),
        chunks: Some(2),
        ..Defaults::default()
    };
    let mock = Mock::start(MockConfig {
        defaults,
        ..MockConfig::default()
    })
    .await
    .unwrap();
    let began = tokio::time::Instant::now();
    let reply = post(&mock, CHAT, &hello(CHAT, true)).await;
    // Role, two pieces, finish, [DONE]: four waits between five events.
    assert_eq!(reply.events().len(), 5);
    assert!(began.elapsed() >= Duration::from_millis(80));
    assert_eq!(
        mock.ledger().entries[0].usage,
        Usage {
            input: 2,
            output: 2,
            ..Usage::default()
        }
    );
}

#[tokio::test]
async fn stopping_breaks_off_what_is_open() {
    let mock = start("rules: [{stall: {at: headers}}]").await;
    let mut stream = send(&mock, "POST", CHAT, "", &hello(CHAT, true).to_string()).await;
    assert_eq!(read_until_silent(&mut stream).await, "");
    let address = mock.addr();
    mock.stop().await;
    assert_eq!(read_all(&mut stream).await.0, b"");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
