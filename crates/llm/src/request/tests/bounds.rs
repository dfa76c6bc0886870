use serde_json::{Value, json};

use super::*;

/// The bound without the fixed overhead for hidden prompts.
fn bound(protocol: Protocol, body: &str) -> Result<u64, Unbounded> {
    view(protocol, body)
        .input_bound(&Bounds::default())
        .map(|tokens| tokens - TOOL_PROMPT_TOKENS)
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

/// A message with one block of content.
fn messages(block: &Value) -> (Protocol, String) {
    let body = json!({"model": "m", "messages": [{"content": [block]}]});
    (Protocol::Messages, body.to_string())
}

/// A chat message with one part.
fn chat(part: &Value) -> (Protocol, String) {
    let body = json!({"model": "m", "messages": [{"content": [part]}]});
    (Protocol::Chat, body.to_string())
}

/// A Responses request with one part of input.
fn responses(part: &Value) -> (Protocol, String) {
    let body = json!({"model": "m", "input": [{"role": "user", "content": [part]}]});
    (Protocol::Responses, body.to_string())
}

/// A request with one field.
fn field(protocol: Protocol, field: &str) -> (Protocol, String) {
    (protocol, format!("{{\"model\":\"m\",{field}}}"))
}

#[test]
fn what_has_no_bound_is_named_with_the_setting_that_gives_it_one() {
    let document = |source: Value| messages(&json!({"type": "document", "source": source}));
    let cases = [
        (
            document(json!({"type": "base64", "data": "JVBERi0="})),
            "document_tokens",
        ),
        (
            document(json!({"type": "url", "url": "https://e/x.pdf"})),
            "remote_tokens",
        ),
        (document(json!({"type": "file", "file_id": "f"})), "stored_tokens"),
        (
            messages(&json!({"type": "container_upload", "file_id": "f"})),
            "stored_tokens",
        ),
        (
            messages(&json!({"type": "novel", "source": {"type": "url", "url": "x"}})),
            "remote_tokens",
        ),
        (
            chat(&json!({"type": "file", "file": {"file_id": "f"}})),
            "stored_tokens",
        ),
        (
            chat(&json!({"type": "file", "file": {"file_data": "JVBERi0="}})),
            "document_tokens",
        ),
        (
            chat(&json!({"type": "input_audio", "input_audio": {"data": "AA"}})),
            "audio_tokens",
        ),
        (
            chat(&json!({"type": "video_url", "video_url": {"url": "https://e/v.mp4"}})),
            "remote_tokens",
        ),
        (
            responses(&json!({"type": "input_file", "file_url": "u"})),
            "remote_tokens",
        ),
        (
            responses(&json!({"type": "input_file", "file_id": "u"})),
            "stored_tokens",
        ),
        (
            responses(&json!({"type": "input_file", "file_data": "u"})),
            "document_tokens",
        ),
        (
            field(Protocol::Chat, r#""modalities":["text","audio"]"#),
            "audio_tokens",
        ),
        (
            field(Protocol::Responses, r#""previous_response_id":"resp_1""#),
            "stored_tokens",
        ),
        (
            field(Protocol::Responses, r#""conversation":{"id":"c"}"#),
            "stored_tokens",
        ),
        (field(Protocol::Responses, r#""prompt":{"id":"p"}"#), "stored_tokens"),
        (
            field(Protocol::Responses, r#""input":[{"type":"item_reference","id":"i"}]"#),
            "stored_tokens",
        ),
        (field(Protocol::Responses, r#""input":[{"id":"i"}]"#), "stored_tokens"),
    ];
    let one = Some(1);
    let all = Bounds {
        document_tokens: one,
        remote_tokens: one,
        stored_tokens: one,
        audio_tokens: one,
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
