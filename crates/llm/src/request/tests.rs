use serde_json::json;

use super::*;

fn parse(protocol: Protocol, body: &str) -> Result<RequestView<'_>, RequestError> {
    RequestView::parse(protocol, body.as_bytes(), &ParseLimits::default())
}

fn view(protocol: Protocol, body: &str) -> RequestView<'_> {
    parse(protocol, body).unwrap_or_else(|e| panic!("{e}: {body}"))
}

/// The bound without the fixed overhead for hidden prompts.
fn bound(protocol: Protocol, body: &str) -> Result<u64, Unbounded> {
    view(protocol, body)
        .input_bound(&Bounds::default())
        .map(|tokens| tokens - TOOL_PROMPT_TOKENS)
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
fn fast_mode_is_a_tier() {
    assert_eq!(
        view(Protocol::Messages, r#"{"model":"m","speed":"fast"}"#).service_tier(),
        Some("fast")
    );
    assert_eq!(
        view(Protocol::Messages, r#"{"model":"m","speed":"standard"}"#).service_tier(),
        None
    );
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
fn an_inline_image_counts_as_an_image_and_not_as_text() {
    let data = "A".repeat(100_000);
    let bounds = Bounds::default();
    let messages = [
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}),
        json!({"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "data": data}}]}),
    ];
    for block in messages {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": [block]}]}).to_string();
        let rest = body.len() as u64 - 100_000;
        assert_eq!(
            bound(Protocol::Messages, &body),
            Ok(rest + bounds.messages_image_tokens),
            "{}",
            &body[..120]
        );
    }
    let url = format!("data:image/png;base64,{data}");
    let part = json!({"type": "image_url", "image_url": {"url": url, "detail": "high"}});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [part]}]}).to_string();
    let rest = body.len() as u64 - url.len() as u64;
    assert_eq!(bound(Protocol::Chat, &body), Ok(rest + bounds.image_tokens));
    let part = json!({"type": "input_image", "image_url": url});
    for item in [
        json!({"role": "user", "content": [part]}),
        json!({"type": "function_call_output", "call_id": "c", "output": [part]}),
        json!({"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": url}}),
    ] {
        let body = json!({"model": "m", "input": [item]}).to_string();
        let rest = body.len() as u64 - url.len() as u64;
        assert_eq!(bound(Protocol::Responses, &body), Ok(rest + bounds.image_tokens));
    }
}

#[test]
fn text_that_only_looks_like_an_image_is_counted_as_text() {
    let image = json!({"type": "image", "source": {"type": "base64", "data": "A".repeat(50_000)}}).to_string();
    let twice = image.replacen("\"type\":\"image\"", "\"type\":\"image\",\"type\":\"text\"", 1);
    let sources = image.replacen(
        "\"source\":",
        "\"source\":{\"type\":\"text\",\"data\":\"x\"},\"source\":",
        1,
    );
    let datas = image.replacen("\"data\":", "\"data\":\"hidden text\",\"data\":", 1);
    let blocks = [
        format!(r#"{{"type":"tool_use","input":{image}}}"#),
        format!(r#"{{"type":"text","text":"x","content":[{image}]}}"#),
        image.replace("\"image\"", "\"text\""),
        image.replace("base64", "text"),
        twice,
        sources,
        datas,
    ];
    for block in blocks {
        let body = format!(r#"{{"model":"m","messages":[{{"content":[{block}]}}]}}"#);
        assert!(
            bound(Protocol::Messages, &body).unwrap_or(u64::MAX) >= body.len() as u64,
            "{}",
            &body[..120]
        );
    }
    let schema = format!(r#"{{"model":"m","tools":[{{"input_schema":{{"content":[{image}]}}}}],"messages":[]}}"#);
    assert!(bound(Protocol::Messages, &schema).unwrap() >= schema.len() as u64);
    let url = format!("data:image/png;base64,{}", "A".repeat(50_000));
    let parts = [
        json!({"type": "text", "image_url": {"url": url}}),
        json!({"type": "image_url", "image_url": {"url": url.replace("image/", "text/")}}),
        json!({"type": "text", "text": url}),
    ];
    for part in parts {
        let body = json!({"model": "m", "messages": [{"content": [part]}]}).to_string();
        assert!(
            bound(Protocol::Chat, &body).unwrap() >= body.len() as u64,
            "{}",
            &body[..100]
        );
    }
}

#[test]
fn what_has_no_bound_is_named_with_the_setting_that_gives_it_one() {
    let messages = |block: serde_json::Value| {
        (
            Protocol::Messages,
            json!({"model": "m", "messages": [{"content": [block]}]}).to_string(),
        )
    };
    let chat = |part: serde_json::Value| {
        (
            Protocol::Chat,
            json!({"model": "m", "messages": [{"content": [part]}]}).to_string(),
        )
    };
    let responses = |fields: serde_json::Value| {
        let mut body = json!({"model": "m"});
        body.as_object_mut()
            .unwrap()
            .append(&mut fields.as_object().unwrap().clone());
        (Protocol::Responses, body.to_string())
    };
    let cases = [
        (
            messages(json!({"type": "document", "source": {"type": "base64", "data": "JVBERi0="}})),
            "document_tokens",
        ),
        (
            messages(json!({"type": "document", "source": {"type": "url", "url": "https://e/x.pdf"}})),
            "remote_tokens",
        ),
        (
            messages(json!({"type": "document", "source": {"type": "file", "file_id": "f"}})),
            "stored_tokens",
        ),
        (
            messages(json!({"type": "container_upload", "file_id": "f"})),
            "stored_tokens",
        ),
        (
            messages(json!({"type": "novel", "source": {"type": "url", "url": "x"}})),
            "remote_tokens",
        ),
        (chat(json!({"type": "file", "file": {"file_id": "f"}})), "stored_tokens"),
        (
            chat(json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,JV"}})),
            "document_tokens",
        ),
        (
            chat(json!({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}})),
            "audio_tokens",
        ),
        (
            chat(json!({"type": "video_url", "video_url": {"url": "https://e/v.mp4"}})),
            "remote_tokens",
        ),
        (
            (
                Protocol::Chat,
                r#"{"model":"m","modalities":["text","audio"]}"#.to_owned(),
            ),
            "audio_tokens",
        ),
        (responses(json!({"previous_response_id": "resp_1"})), "stored_tokens"),
        (responses(json!({"conversation": {"id": "c"}})), "stored_tokens"),
        (responses(json!({"prompt": {"id": "p"}})), "stored_tokens"),
        (
            responses(json!({"input": [{"type": "item_reference", "id": "i"}]})),
            "stored_tokens",
        ),
        (responses(json!({"input": [{"id": "i"}]})), "stored_tokens"),
        (
            responses(json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]})),
            "remote_tokens",
        ),
        (
            responses(json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "u"}]}]})),
            "stored_tokens",
        ),
        (
            responses(json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_data": "u"}]}]})),
            "document_tokens",
        ),
    ];
    let all = Bounds {
        document_tokens: Some(1),
        remote_tokens: Some(1),
        stored_tokens: Some(1),
        audio_tokens: Some(1),
        ..Bounds::default()
    };
    for ((protocol, body), setting) in cases {
        let view = view(protocol, &body);
        let error = view.input_bound(&Bounds::default()).unwrap_err();
        assert_eq!(error.setting, setting, "{body}");
        assert!(view.input_bound(&all).is_ok(), "{body}");
    }
}

#[test]
fn images_by_reference_have_the_bound_of_an_image() {
    let url =
        r#"{"model":"m","messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://e/x.png"}}]}]}"#;
    assert!(bound(Protocol::Messages, url).unwrap() > 4_784);
    let url = r#"{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{"url":"https://e/x.png"}}]}]}"#;
    assert!(bound(Protocol::Chat, url).unwrap() > 48_169);
}

#[test]
fn tools_that_the_provider_runs_are_told_from_those_of_the_client() {
    let strict = Bounds {
        server_tool_tokens: None,
        ..Bounds::default()
    };
    let refused = |protocol, kind: &str| {
        let body = json!({"model": "m", "tools": [{"type": kind, "name": "t"}]}).to_string();
        view(protocol, &body).input_bound(&strict).is_err()
    };
    for client in [
        "custom",
        "bash_20250124",
        "text_editor_20250728",
        "computer_20251124",
        "memory_20250818",
    ] {
        assert!(!refused(Protocol::Messages, client), "{client}");
    }
    for server in [
        "web_search_20250305",
        "web_fetch_20250910",
        "code_execution_20250825",
        "mcp_toolset",
        "brand_new",
    ] {
        assert!(refused(Protocol::Messages, server), "{server}");
    }
    for client in ["function", "custom", "local_shell", "apply_patch"] {
        assert!(!refused(Protocol::Responses, client), "{client}");
    }
    for server in [
        "web_search",
        "web_search_preview_2025_03_11",
        "file_search",
        "code_interpreter",
        "mcp",
        "image_generation",
    ] {
        assert!(refused(Protocol::Responses, server), "{server}");
    }
    let servers = r#"{"model":"m","mcp_servers":[{"url":"x"}]}"#;
    assert!(view(Protocol::Messages, servers).input_bound(&strict).is_err());
    assert!(
        view(Protocol::Messages, r#"{"model":"m","mcp_servers":[]}"#)
            .input_bound(&strict)
            .is_ok()
    );
    assert!(
        view(Protocol::Chat, r#"{"model":"m","web_search_options":{}}"#)
            .input_bound(&strict)
            .is_err()
    );
}

#[test]
fn a_summary_of_the_context_doubles_the_bound() {
    let plain = r#"{"model":"m","context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}"#;
    let compact = r#"{"model":"m","context_management":{"edits":[{"type":"compact_20260112"}]}}"#;
    let of = |body| view(Protocol::Messages, body).input_bound(&Bounds::default()).unwrap();
    assert!(of(compact) > 2 * of(plain) - 100);
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

#[test]
fn counting_counts_tools_and_the_system_prompt() {
    let estimate = |body: &str| view(Protocol::Messages, body).input_estimate(&Bounds::default());
    let bare = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let tool = json!({"name": "Bash", "description": "d".repeat(7_000), "input_schema": {}});
    let with = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [tool], "system": "s".repeat(3_500)});
    assert!(estimate(bare) < 15);
    assert!((3_000..3_200).contains(&estimate(&with.to_string())));
    let image = json!({"type": "image", "source": {"type": "base64", "data": "A".repeat(1_000_000)}});
    let with = json!({"model": "m", "messages": [{"role": "user", "content": [image]}]});
    assert!((1_600..1_700).contains(&estimate(&with.to_string())));
    let answer = crate::count::estimated(&view(Protocol::Messages, bare), &Bounds::default());
    assert!(answer.starts_with(b"{\"input_tokens\":"));
}

#[test]
fn bounds_are_read_from_configuration_and_unknown_ones_refused() {
    let bounds: Bounds = serde_json::from_str(r#"{"document_tokens": 5000}"#).unwrap();
    assert_eq!(bounds.document_tokens, Some(5_000));
    assert_eq!(bounds.image_tokens, Bounds::default().image_tokens);
    assert!(serde_json::from_str::<Bounds>(r#"{"documents": 1}"#).is_err());
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
