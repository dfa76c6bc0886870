//! The event orders and bodies of each wire format, as clients read them.

use crate::support::{End, Event, exchange, hello, post, start};
use bailey_mock::{Mock, MockConfig, Usage};
use serde_json::{Value, json};

const FULL: &str = "rules: [{answer: {
    thinking: think, text: 'hello world', chunks: 2, service_tier: priority,
    tools: [{name: bash, arguments: {a: 1}}, {name: read, arguments: {}}],
    usage: {input: 7, cache_read: 50, cache_write_5m: 30, cache_write_1h: 4, output: 100, reasoning: 60}}}]";

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

/// The values at `pointer` in the events of this name.
fn collect(events: &[Event], name: &str, pointer: &str) -> String {
    let found = events.iter().filter(|event| event.name == name);
    found
        .filter_map(|event| event.data.pointer(pointer))
        .filter_map(Value::as_str)
        .collect()
}

#[tokio::test]
async fn messages_stream_in_the_vendors_order() {
    let mock = start(FULL).await;
    let events = post(&mock, "/v1/messages?beta=true", &hello("/v1/messages", true))
        .await
        .events();
    let block = |deltas: usize| {
        let mut names = vec!["content_block_start"];
        names.extend(std::iter::repeat_n("content_block_delta", deltas));
        names.push("content_block_stop");
        names
    };
    // Thinking has its signature as a third delta; `{}` is in two pieces.
    let expected = [
        vec!["message_start", "ping"],
        block(3),
        block(2),
        block(2),
        block(2),
        vec!["message_delta", "message_stop"],
    ];
    assert_eq!(names(&events), expected.concat());
    for event in &events {
        assert_eq!(event.data["type"], event.name.as_str());
    }
    let usage = &events[0].data["message"]["usage"];
    assert_eq!(usage["input_tokens"], 7);
    assert_eq!(usage["cache_creation_input_tokens"], 34);
    assert_eq!(usage["cache_read_input_tokens"], 50);
    assert_eq!(
        usage["cache_creation"],
        json!({"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 4})
    );
    assert_eq!(usage["output_tokens"], 1);
    assert_eq!(usage["service_tier"], "priority");
    assert_eq!(collect(&events, "content_block_delta", "/delta/thinking"), "think");
    assert_eq!(collect(&events, "content_block_delta", "/delta/text"), "hello world");
    assert_eq!(
        collect(&events, "content_block_delta", "/delta/partial_json"),
        "{\"a\":1}{}"
    );
    let delta = &events[events.len() - 2].data;
    assert_eq!(
        delta["delta"],
        json!({"stop_reason": "tool_use", "stop_sequence": null})
    );
    assert_eq!(delta["usage"]["output_tokens"], 100);
    let expected = Usage {
        input: 7,
        cache_read: 50,
        cache_write_5m: 30,
        cache_write_1h: 4,
        output: 100,
        reasoning: 0, // Anthropic does not report it
    };
    assert_eq!(mock.ledger().entries[0].usage, expected);
}

#[tokio::test]
async fn a_message_that_is_not_streamed_says_the_same() {
    let mock = start(FULL).await;
    let reply = post(&mock, "/v1/messages", &hello("/v1/messages", false)).await;
    let message = reply.json();
    assert!(reply.head.contains("request-id: req_mock00000001"));
    let kinds: Vec<_> = message["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| &block["type"])
        .collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    assert_eq!(message["content"][2]["input"], json!({"a": 1}));
    assert_eq!(message["stop_reason"], "tool_use");
    assert_eq!(message["usage"]["output_tokens"], 100);
}

#[tokio::test]
async fn chat_streams_role_then_content_then_finish_then_usage_then_done() {
    let mock = start(FULL).await;
    let mut body = hello("/v1/chat/completions", true);
    body["stream_options"] = json!({"include_usage": true});
    let events = post(&mock, "/v1/chat/completions", &body).await.events();
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done.data, "[DONE]");
    let (last, chunks) = chunks.split_last().unwrap();
    assert_eq!(last.data["choices"], json!([]));
    // prompt 91 = 7 + 50 + 30 + 4, total 191 = 91 + 100.
    let usage = &last.data["usage"];
    assert_eq!(
        (&usage["prompt_tokens"], &usage["total_tokens"]),
        (&json!(91), &json!(191))
    );
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 50);
    assert_eq!(usage["prompt_tokens_details"]["cache_write_tokens"], 34);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 60);
    assert!(chunks.iter().all(|chunk| chunk.data.get("usage") == Some(&Value::Null)));
    assert_eq!(chunks[0].data["choices"][0]["delta"]["role"], "assistant");
    assert!(
        chunks[1..]
            .iter()
            .all(|chunk| chunk.data.pointer("/choices/0/delta/role").is_none())
    );
    assert_eq!(collect(chunks, "", "/choices/0/delta/content"), "hello world");
    assert_eq!(collect(chunks, "", "/choices/0/delta/reasoning_content"), "think");
    let calls: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk.data.pointer("/choices/0/delta/tool_calls/0"))
        .collect();
    assert_eq!(
        calls.iter().map(|call| &call["index"]).collect::<Vec<_>>(),
        [0, 0, 0, 1, 1, 1]
    );
    assert_eq!(calls[0]["function"]["name"], "bash");
    assert!(calls[1].get("id").is_none() && calls[1]["function"].get("name").is_none());
    assert_eq!(calls[3]["function"]["name"], "read");
    let finishes: Vec<_> = chunks
        .iter()
        .filter_map(|chunk| chunk.data["choices"][0]["finish_reason"].as_str())
        .collect();
    assert_eq!(finishes, ["tool_calls"]);
}

#[tokio::test]
async fn chat_sends_usage_only_if_asked() {
    let mock = start("rules: []").await;
    let events = post(&mock, "/v1/chat/completions", &hello("/v1/chat/completions", true))
        .await
        .events();
    assert!(events.iter().all(|event| event.data.get("usage").is_none()));
    assert_eq!(events.last().unwrap().data, "[DONE]");
}

#[tokio::test]
async fn chat_answers_as_many_choices_as_asked() {
    let mock = start("rules: []").await;
    let mut body = hello("/v1/chat/completions", false);
    body["n"] = json!(3);
    body["max_tokens"] = json!(2);
    let answer = post(&mock, "/v1/chat/completions", &body).await.json();
    assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
    assert_eq!(answer["choices"][2]["finish_reason"], "length");
    assert_eq!(answer["choices"][2]["message"]["content"], "This is ");
    assert_eq!(answer["usage"]["completion_tokens"], 6);
    body["stream"] = json!(true);
    let events = post(&mock, "/v1/chat/completions", &body).await.events();
    let finished = events
        .iter()
        .filter(|event| event.data["choices"][0]["finish_reason"] == "length")
        .count();
    assert_eq!(finished, 3);
}

#[tokio::test]
async fn responses_stream_numbered_events_to_one_completion() {
    let mock = start(FULL).await;
    let events = post(&mock, "/v1/responses", &hello("/v1/responses", true))
        .await
        .events();
    let expected = "created in_progress \
        output_item.added reasoning_summary_part.added reasoning_summary_text.delta reasoning_summary_text.delta \
        reasoning_summary_text.done reasoning_summary_part.done output_item.done \
        output_item.added content_part.added output_text.delta output_text.delta output_text.done content_part.done \
        output_item.done \
        output_item.added function_call_arguments.delta function_call_arguments.delta function_call_arguments.done \
        output_item.done \
        output_item.added function_call_arguments.delta function_call_arguments.delta function_call_arguments.done \
        output_item.done completed";
    let expected: Vec<_> = expected
        .split_whitespace()
        .map(|name| format!("response.{name}"))
        .collect();
    assert_eq!(names(&events), expected);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event.data["sequence_number"], number);
        assert_eq!(event.data["type"], event.name.as_str());
        if event.name.contains("delta") || event.name.contains("part") {
            assert!(
                event.data["item_id"].is_string() && event.data["output_index"].is_u64(),
                "{event:?}"
            );
        }
    }
    let response = &events.last().unwrap().data["response"];
    assert_eq!(response["status"], "completed");
    assert_eq!(response["output"].as_array().unwrap().len(), 4);
    assert_eq!(response["output"][2]["arguments"], "{\"a\":1}");
    assert_eq!(response["usage"]["input_tokens"], 91);
    assert_eq!(
        response["usage"]["input_tokens_details"],
        json!({"cached_tokens": 50, "cache_write_tokens": 34})
    );
    assert_eq!(
        response["usage"]["output_tokens_details"],
        json!({"reasoning_tokens": 60})
    );
    // The item in its own `done` event is the item in the final output.
    let item = events
        .iter()
        .rfind(|event| event.name == "response.output_item.done")
        .unwrap();
    assert_eq!(item.data["item"], response["output"][3]);
}

#[tokio::test]
async fn max_tokens_ends_each_protocol_in_its_own_words() {
    let mock = start("rules: []").await;
    let limited = |path: &str, field: &str, stream| {
        let mut body = hello(path, stream);
        body[field] = json!(3);
        body
    };
    let message = post(&mock, "/v1/messages", &limited("/v1/messages", "max_tokens", false))
        .await
        .json();
    assert_eq!(
        (&message["stop_reason"], &message["usage"]["output_tokens"]),
        (&json!("max_tokens"), &json!(3))
    );
    let chat = limited("/v1/chat/completions", "max_completion_tokens", false);
    let chat = post(&mock, "/v1/chat/completions", &chat).await.json();
    assert_eq!(chat["choices"][0]["finish_reason"], "length");
    assert_eq!(chat["usage"]["completion_tokens"], 3);
    let events = post(
        &mock,
        "/v1/responses",
        &limited("/v1/responses", "max_output_tokens", true),
    )
    .await
    .events();
    let last = events.last().unwrap();
    assert_eq!(last.name, "response.incomplete");
    assert_eq!(
        last.data["response"]["incomplete_details"],
        json!({"reason": "max_output_tokens"})
    );
    assert_eq!(last.data["response"]["usage"]["output_tokens"], 3);
    assert!(mock.ledger().entries.iter().all(|entry| entry.usage.output == 3));
}

#[tokio::test]
async fn every_event_is_a_write_of_its_own_unless_writes_are_limited() {
    for path in ["/v1/messages", "/v1/chat/completions", "/v1/responses"] {
        let mock = start(FULL).await;
        let plain = post(&mock, path, &hello(path, true)).await;
        assert_eq!(plain.end, End::Complete);
        assert_eq!(plain.pieces.len(), plain.events().len(), "{path}");
        assert!(plain.pieces.iter().all(|piece| piece.ends_with("\n\n")), "{path}");

        let mock = start(&FULL.replace("chunks: 2", "chunks: 2, write_bytes: 7")).await;
        let split = post(&mock, path, &hello(path, true)).await;
        assert!(split.pieces.iter().all(|piece| piece.len() <= 7), "{path}");
        assert_eq!(names(&split.events()), names(&plain.events()), "{path}");
    }
}

#[tokio::test]
async fn count_tokens_and_models_and_probe() {
    let mock = start("rules: []").await;
    let mut body = hello("/v1/messages/count_tokens", false);
    body["system"] = json!("be brief"); // 8 bytes + 5 bytes of "hello" = 13 bytes = 4 tokens
    let count = post(&mock, "/v1/messages/count_tokens", &body).await.json();
    assert_eq!(count, json!({"input_tokens": 4}));
    assert_eq!(mock.ledger().entries[0].cost_nanos, 0);
    let openai = exchange(&mock, "GET", "/v1/models", "", "").await.json();
    assert_eq!(
        (&openai["object"], &openai["data"][0]["id"]),
        (&json!("list"), &json!("mock"))
    );
    let version = "anthropic-version: 2023-06-01\r\n";
    let anthropic = exchange(&mock, "GET", "/v1/models?limit=1000", version, "")
        .await
        .json();
    assert_eq!(
        (&anthropic["has_more"], &anthropic["data"][1]["id"]),
        (&json!(false), &json!("claude-mock"))
    );
    assert_eq!(exchange(&mock, "HEAD", "/", "", "").await.status(), 200);
    assert_eq!(
        exchange(&mock, "GET", "/nothing", version, "").await.json()["error"]["type"],
        "not_found_error"
    );
}

#[tokio::test]
async fn a_wrong_credential_is_refused_in_the_vendors_shape() {
    let config = MockConfig {
        api_key: Some("right".to_owned()),
        ..MockConfig::default()
    };
    let mock = Mock::start(config).await.unwrap();
    let body = hello("/v1/messages", false).to_string();
    for (headers, status) in [
        ("", 401),
        ("authorization: Bearer wrong\r\n", 401),
        ("authorization: right\r\n", 401),
        ("authorization: Bearer right\r\n", 200),
        ("x-api-key: right\r\n", 200),
    ] {
        let reply = exchange(&mock, "POST", "/v1/messages", headers, &body).await;
        assert_eq!(reply.status(), status, "{headers}");
        if status == 401 {
            assert_eq!(reply.json()["error"]["type"], "authentication_error");
        }
    }
    let chat = post(&mock, "/v1/chat/completions", &hello("/v1/chat/completions", false))
        .await
        .json();
    assert_eq!(chat["error"]["code"], "invalid_api_key");
    assert_eq!(exchange(&mock, "GET", "/v1/models", "", "").await.status(), 401);
    // The credential that arrived is remembered for tests, and is not in the ledger.
    assert_eq!(mock.requests()[3].header("authorization"), Some("Bearer right"));
    assert!(
        !exchange(&mock, "GET", "/ledger", "", "")
            .await
            .text()
            .contains("Bearer")
    );
}
