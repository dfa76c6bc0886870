use super::*;

mod bounds;

fn parse(protocol: Protocol, body: &str) -> Result<RequestView<'_>, RequestError> {
    RequestView::parse(protocol, body.as_bytes(), &ParseLimits::default())
}

fn view(protocol: Protocol, body: &str) -> RequestView<'_> {
    parse(protocol, body).unwrap_or_else(|e| panic!("{e}: {body}"))
}

#[test]
fn reads_what_claude_code_sends() {
    let body = r#"{"model":"claude-opus-4-8","max_tokens":64000,"thinking":{"type":"adaptive"},"stream":true,
        "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"output_config":{"effort":"high"},
        "system":[{"type":"text","text":"x"},{"type":"text","text":"y","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"system","content":"agents"}],
        "tools":[{"name":"Bash","input_schema":{"type":"object"}}],"metadata":{"user_id":"{\"a\":1}"}}"#;
    let view = view(Protocol::Messages, body);
    assert_eq!(
        (view.model(), view.stream(), view.max_output()),
        ("claude-opus-4-8", true, Some(64000))
    );
    assert_eq!((view.thinking_budget(), view.choices(), view.tools()), (None, 1, 1));
    assert_eq!(view.has_cache_control(), CacheControl::FiveMinutes);
    let bounds = Bounds::default();
    let expected = body.len() as u64 + TOOL_PROMPT_TOKENS + TOOL_OVERHEAD_TOKENS;
    assert_eq!(view.input_bound(&bounds), Ok(expected));
}

#[test]
fn reads_what_codex_sends() {
    let body = r#"{"model":"gpt-5","instructions":"be","input":[{"type":"message","role":"user","content":
        [{"type":"input_text","text":"hi"}]},{"type":"function_call_output","call_id":"c","output":"done"},
        {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"abc"}],"tools":[{"type":"function","name":"f"},
        {"type":"web_search"}],"tool_choice":"auto","store":false,"stream":true,"include":["reasoning.encrypted_content"],
        "reasoning":{"summary":"auto"},"max_output_tokens":null}"#;
    let view = view(Protocol::Responses, body);
    assert_eq!((view.model(), view.stream(), view.max_output()), ("gpt-5", true, None));
    // Codex always declares web search, so it is bounded unless an administrator says otherwise.
    assert!(view.input_bound(&Bounds::default()).is_ok());
    let strict = Bounds {
        server_tool_tokens: None,
        ..Bounds::default()
    };
    assert_eq!(view.input_bound(&strict).unwrap_err().what, "web_search");
}

#[test]
fn reads_a_chat_request() {
    let body = r#"{"messages":[],"model":"gp\u0074-4o","n":3,"max_tokens":50,"max_completion_tokens":40,
        "stream":true,"stream_options":{"include_usage":true},"service_tier":"flex"}"#;
    let view = view(Protocol::Chat, body);
    assert_eq!(
        (view.model(), view.choices(), view.max_output()),
        ("gpt-4o", 3, Some(40))
    );
    assert!(view.asks_usage());
    assert_eq!(view.service_tier(), Some("flex"));
    let nulls = r#"{"model":"m","n":null,"stream":null,"stream_options":null,"service_tier":null,"max_tokens":null}"#;
    let nulls = super::tests::view(Protocol::Chat, nulls);
    assert_eq!(
        (nulls.choices(), nulls.stream(), nulls.asks_usage(), nulls.max_output()),
        (1, false, false, None)
    );
}

#[test]
fn fast_mode_and_place_of_service_are_tiers() {
    let tier = |fields: &str| {
        let body = format!("{{\"model\":\"m\"{fields}}}");
        view(Protocol::Messages, &body).service_tier().map(str::to_owned)
    };
    assert_eq!(tier(r#","speed":"fast""#).as_deref(), Some("fast"));
    assert_eq!(tier(r#","speed":"standard""#), None);
    assert_eq!(tier(r#","inference_geo":"us""#).as_deref(), Some("us"));
    assert_eq!(tier(r#","inference_geo":"global""#), None);
    let both = tier(r#","inference_geo":"us","speed":"fast""#).unwrap();
    assert_eq!(crate::ServiceTier::from_name(&both), None);
}

#[test]
fn what_is_acted_on_comes_once_in_one_spelling() {
    let twice = [
        (r#"{"model":"cheap","model":"dear"}"#, "model"),
        (r#"{"model":"cheap","mode\u006c":"dear"}"#, "model"),
        (r#"{"\u006dodel":"cheap","m\u006fdel":"dear"}"#, "model"),
        (r#"{"model":"m","max_tokens":1,"max_tokens":1000}"#, "max_tokens"),
        (r#"{"model":"m","messages":[],"messages":[]}"#, "messages"),
        (r#"{"model":"m","n":1,"n":9}"#, "n"),
        (
            r#"{"model":"m","stream_options":{"include_usage":true,"include_usage":false}}"#,
            "stream_options.include_usage",
        ),
    ];
    for (body, field) in twice {
        let error = parse(Protocol::Chat, body).unwrap_err();
        assert_eq!(error, RequestError::Duplicate { field }, "{body}");
        assert_eq!(error.field(), Some(field));
    }
    let thinking = r#"{"model":"m","thinking":{"type":"enabled","budget_tokens":1,"budget_tokens":9}}"#;
    assert!(matches!(
        parse(Protocol::Messages, thinking),
        Err(RequestError::Duplicate { .. })
    ));
    // Fields that are not acted on may do as they like.
    assert!(parse(Protocol::Chat, r#"{"model":"m","user":"a","user":"b"}"#).is_ok());
}

#[test]
fn spellings_that_other_readers_take_for_a_field_are_refused() {
    for key in [
        "Model",
        "MODEL",
        "mode\\u004c",
        "Max_Tokens",
        "max_to\\u212Aens",
        "me\\u017Fsages",
        "N",
    ] {
        let body = format!("{{\"model\":\"m\",\"{key}\":1}}");
        assert!(
            matches!(parse(Protocol::Chat, &body), Err(RequestError::Misspelled { .. })),
            "{key}"
        );
    }
}

#[test]
fn wrong_types_are_refused_with_the_field_named() {
    let wrong = [
        (r"{}", "model"),
        (r#"{"model":null}"#, "model"),
        (r#"{"model":""}"#, "model"),
        (r#"{"model":["m"]}"#, "model"),
        (r#"{"model":"\ud800"}"#, "model"),
        (r#"{"model":"m","max_tokens":-1}"#, "max_tokens"),
        (r#"{"model":"m","max_tokens":1e3}"#, "max_tokens"),
        (r#"{"model":"m","max_tokens":1.5}"#, "max_tokens"),
        (r#"{"model":"m","max_tokens":"10"}"#, "max_tokens"),
        (r#"{"model":"m","max_tokens":99999999999999999999}"#, "max_tokens"),
        (r#"{"model":"m","n":0}"#, "n"),
        (r#"{"model":"m","stream":"true"}"#, "stream"),
        (r#"{"model":"m","stream":1}"#, "stream"),
        (r#"{"model":"m","stream_options":[]}"#, "stream_options"),
        (r#"{"model":"m","service_tier":1}"#, "service_tier"),
    ];
    for (body, field) in wrong {
        let error = parse(Protocol::Chat, body).unwrap_err();
        assert_eq!(error.field(), Some(field), "{body}: {error}");
    }
    assert_eq!(parse(Protocol::Chat, "[]").unwrap_err(), RequestError::NotAnObject);
    assert!(matches!(
        parse(Protocol::Chat, "{\"model\":\"m\"}x").unwrap_err(),
        RequestError::Json(_)
    ));
    let deep = format!("{{\"model\":\"m\",\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(matches!(
        parse(Protocol::Chat, &deep).unwrap_err(),
        RequestError::Json(JsonError::TooDeep(128))
    ));
}

#[test]
fn cache_control_is_found_wherever_it_stands() {
    let found = |body: &str| view(Protocol::Messages, body).has_cache_control();
    assert_eq!(found(r#"{"model":"m"}"#), CacheControl::None);
    assert_eq!(found(r#"{"model":"m","cache_control":null}"#), CacheControl::None);
    assert_eq!(
        found(r#"{"model":"m","cache_control":{"type":"ephemeral"}}"#),
        CacheControl::FiveMinutes
    );
    assert_eq!(
        found(r#"{"model":"m","tools":[{"cache_control":{"ttl":"5m"}}]}"#),
        CacheControl::FiveMinutes
    );
    let deep = r#"{"model":"m","messages":[{"content":[{"content":[{"cache\u005fcontrol":{"ttl":"1\u0068"}}]}]}]}"#;
    assert_eq!(found(deep), CacheControl::OneHour);
    // A lifetime that is not known here is taken for the longest.
    assert_eq!(
        found(r#"{"model":"m","x":[{"cache_control":{"ttl":"24h"}},{"cache_control":{}}]}"#),
        CacheControl::OneHour
    );
    assert_eq!(
        found(r#"{"model":"m","x":{"my_cache_control":{"ttl":"1h"}}}"#),
        CacheControl::None
    );
}

#[test]
fn thinking_is_lowered_by_the_providers_rules() {
    let body = r#"{"model":"m","max_tokens":32000,"thinking":{"budget_tokens":31999,"type":"enabled"}}"#;
    let view = view(Protocol::Messages, body);
    assert_eq!(view.thinking_budget(), Some(31_999));
    assert_eq!(view.thinking_within(32_000), Ok(None));
    assert_eq!(view.thinking_within(10_000), Ok(Some(9_999)));
    assert_eq!(view.thinking_within(1_025), Ok(Some(1_024)));
    assert_eq!(view.thinking_within(1_024), Err(ThinkingTooTight));
    let off = super::tests::view(Protocol::Messages, r#"{"model":"m","thinking":{"type":"disabled"}}"#);
    assert_eq!(off.thinking_within(1), Ok(None));
}

proptest::proptest! {
    /// The view takes what is valid JSON and nothing else, but for depth, duplicates and types of acted-on fields.
    #[test]
    fn judges_bodies_as_serde_json_does(extra in crate::json::tests::any_json(), cut in 0_usize..400, how in 0..3) {
        let mut body = format!("{{\"model\":\"m\",\"x\":{extra},\"messages\":{extra}}}");
        match how {
            0 => {}
            1 => body.truncate((0..=cut.min(body.len())).rev().find(|i| body.is_char_boundary(*i)).unwrap_or(0)),
            _ => body.push_str(&extra),
        }
        let ours = parse(Protocol::Chat, &body).is_ok();
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
        proptest::prop_assert_eq!(ours, theirs);
    }

    /// Without media, the bound is never below the bytes of the body.
    #[test]
    fn text_is_bounded_by_its_bytes(content in crate::json::tests::any_json()) {
        for protocol in Protocol::ALL {
            let body = format!("{{\"model\":\"m\",\"messages\":[{{\"content\":{content}}}],\"input\":[{content}]}}");
            if let Ok(tokens) = view(protocol, &body).input_bound(&Bounds::default()) {
                proptest::prop_assert!(tokens >= body.len() as u64);
            }
        }
    }
}
