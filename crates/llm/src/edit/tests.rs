use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::ParseLimits;
use crate::json::tests::{any_json, any_string};

fn view(protocol: Protocol, body: &str) -> RequestView<'_> {
    RequestView::parse(protocol, body.as_bytes(), &ParseLimits::default()).unwrap_or_else(|e| panic!("{e}: {body}"))
}

fn apply(protocol: Protocol, body: &str, edits: &Edits<'_>) -> Option<String> {
    view(protocol, body)
        .apply(edits)
        .map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn nothing_to_change_means_the_original_bytes() {
    let body = r#"{"model":"m","max_tokens":10,"stream":true}"#;
    let edits = Edits {
        model: Some("m"),
        max_output: Some(10),
        include_usage: true,
        ..Edits::default()
    };
    assert_eq!(apply(Protocol::Messages, body, &edits), None);
    assert_eq!(apply(Protocol::Messages, body, &Edits::default()), None);
}

#[test]
fn limits_are_inserted_or_lowered_and_never_raised() {
    let max = |n| Edits {
        max_output: Some(n),
        ..Edits::default()
    };
    let case = |protocol, body, n, expected: Option<&str>| {
        assert_eq!(apply(protocol, body, &max(n)).as_deref(), expected, "{body}");
    };
    case(
        Protocol::Messages,
        r#"{"model":"m"}"#,
        5,
        Some(r#"{"max_tokens":5,"model":"m"}"#),
    );
    case(
        Protocol::Messages,
        r#"{ "model":"m", "max_tokens" : 9 }"#,
        5,
        Some(r#"{ "model":"m", "max_tokens" : 5 }"#),
    );
    case(Protocol::Messages, r#"{"model":"m","max_tokens":4}"#, 5, None);
    case(
        Protocol::Responses,
        r#"{"model":"m"}"#,
        5,
        Some(r#"{"max_output_tokens":5,"model":"m"}"#),
    );
    case(
        Protocol::Responses,
        r#"{"model":"m","max_output_tokens":null}"#,
        5,
        Some(r#"{"model":"m","max_output_tokens":5}"#),
    );
    case(
        Protocol::Chat,
        r#"{"model":"m"}"#,
        5,
        Some(r#"{"max_completion_tokens":5,"model":"m"}"#),
    );
    // Both names: both are lowered, since servers differ in which they read.
    let both = r#"{"max_tokens":9,"model":"m","max_completion_tokens":8}"#;
    case(
        Protocol::Chat,
        both,
        5,
        Some(r#"{"max_tokens":5,"model":"m","max_completion_tokens":5}"#),
    );
    case(
        Protocol::Chat,
        both,
        8,
        Some(r#"{"max_tokens":8,"model":"m","max_completion_tokens":8}"#),
    );
    let old = Edits {
        max_output: Some(5),
        max_output_field: MaxOutputField::MaxTokens,
        ..Edits::default()
    };
    assert_eq!(
        apply(Protocol::Chat, r#"{"model":"m"}"#, &old).as_deref(),
        Some(r#"{"max_tokens":5,"model":"m"}"#)
    );
}

#[test]
fn usage_is_asked_for_in_every_form_of_stream_options() {
    let edits = Edits {
        include_usage: true,
        ..Edits::default()
    };
    for options in [
        "",
        r#","stream_options":null"#,
        r#","stream_options":{}"#,
        r#","stream_options":{ "include_usage" : false }"#,
        r#","stream_options":{"include_usage":null,"x":1}"#,
        r#","stream_options":{"include_obfuscation":false}"#,
        r#","stream_options":{"include_\u0075sage":false}"#,
    ] {
        let body = format!(r#"{{"model":"m","stream":true{options}}}"#);
        let edited = apply(Protocol::Chat, &body, &edits).unwrap();
        let value: Value = serde_json::from_str(&edited).unwrap();
        assert_eq!(value["stream_options"]["include_usage"], true, "{edited}");
        assert!(view(Protocol::Chat, &edited).asks_usage());
        assert_eq!(apply(Protocol::Chat, &edited, &edits), None);
    }
    assert_eq!(apply(Protocol::Chat, r#"{"model":"m"}"#, &edits), None);
    assert_eq!(
        apply(Protocol::Responses, r#"{"model":"m","stream":true}"#, &edits),
        None
    );
}

#[test]
fn models_are_renamed_with_any_characters() {
    let edits = Edits {
        model: Some("a\"b\\c\n\u{1}é"),
        ..Edits::default()
    };
    let edited = apply(Protocol::Chat, r#"{"model" : "x\u0079","n":1}"#, &edits).unwrap();
    assert_eq!(edited, "{\"model\" : \"a\\\"b\\\\c\\u000a\\u0001é\",\"n\":1}");
    let read: serde_json::Value = serde_json::from_str(&edited).unwrap();
    assert_eq!(read["model"], "a\"b\\c\n\u{1}é");
    // The same name in other escapes is no change.
    let same = Edits {
        model: Some("xy"),
        ..Edits::default()
    };
    assert_eq!(apply(Protocol::Chat, r#"{"model":"x\u0079"}"#, &same), None);
}

#[test]
fn thinking_budgets_are_lowered() {
    let body = r#"{"thinking":{"type":"enabled","budget_tokens":31999},"model":"m","max_tokens":32000}"#;
    let edits = Edits {
        max_output: Some(2_000),
        thinking_budget: Some(1_999),
        ..Edits::default()
    };
    let edited = apply(Protocol::Messages, body, &edits).unwrap();
    assert_eq!(
        edited,
        r#"{"thinking":{"type":"enabled","budget_tokens":1999},"model":"m","max_tokens":2000}"#
    );
}

/// A field with white space around its parts, so that a test can build a body and what it must become.
#[derive(Debug, Clone)]
struct Field {
    spaces: [String; 4],
    key: String,
    value: String,
}

impl Field {
    fn text(&self, value: &str) -> String {
        let [a, b, c, d] = &self.spaces;
        format!("{a}\"{}\"{b}:{c}{value}{d}", self.key)
    }
}

fn field(key: impl Strategy<Value = String>, value: impl Strategy<Value = String>) -> impl Strategy<Value = Field> {
    (prop::array::uniform4("[ \n\t\r]{0,3}"), key, value).prop_map(|(spaces, key, value)| Field { spaces, key, value })
}

fn spelled(plain: &'static str, escaped: &'static str) -> impl Strategy<Value = String> {
    prop::sample::select(vec![plain, escaped]).prop_map(str::to_owned)
}

fn others() -> impl Strategy<Value = Vec<Field>> {
    let key = any_string().prop_map(|s| format!("x{}", &s[1..s.len() - 1]));
    prop::collection::vec(field(key, any_json()), 0..5)
}

/// The fields in an order that a seed picks.
fn shuffled(mut fields: Vec<Field>, seed: u64) -> Vec<Field> {
    let mut state = seed | 1;
    for i in (1..fields.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        fields.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
    }
    fields
}

fn body(fields: &[Field], value: impl Fn(&Field) -> String, inserted: &str) -> String {
    let fields: Vec<String> = fields.iter().map(|f| f.text(&value(f))).collect();
    format!("{{{inserted}{}}}", fields.join(","))
}

proptest! {
    #[test]
    fn every_byte_that_is_not_edited_stays(
        model in field(spelled("model", "mod\\u0065l"), any_string().prop_filter("a name that is taken", |s| {
            serde_json::from_str::<String>(s).is_ok_and(|s| !s.is_empty() && s != "new" && s.len() <= 256 && !s.chars().any(char::is_control))
        })),
        limit in prop::option::of(field(spelled("max_completion_tokens", "max_completion\\u005ftokens"), (0_u64..2_000).prop_map(|n| n.to_string()))),
        stream in field(spelled("stream", "\\u0073tream"), prop::sample::select(vec!["true", "false"]).prop_map(str::to_owned)),
        others in others(),
        max in 0_u64..2_000,
        seed in any::<u64>(),
    ) {
        let mut fields = vec![model, stream.clone()];
        fields.extend(limit.clone());
        fields.extend(others);
        let fields = shuffled(fields, seed);
        let original = body(&fields, |f| f.value.clone(), "");
        let lowered = limit.as_ref().and_then(|l| l.value.parse::<u64>().ok()).map(|asked| asked.min(max));
        let mut inserted = String::new();
        if limit.is_none() {
            inserted = format!("\"max_completion_tokens\":{max},");
        }
        if stream.value == "true" {
            inserted.push_str("\"stream_options\":{\"include_usage\":true},");
        }
        let expected = body(&fields, |f| match f.key.replace("\\u0065", "e").replace("\\u005f", "_").as_str() {
            "model" => "\"new\"".to_owned(),
            "max_completion_tokens" => lowered.unwrap().to_string(),
            _ => f.value.clone(),
        }, &inserted);
        let edits = Edits { model: Some("new"), max_output: Some(max), include_usage: true, ..Edits::default() };
        let edited = apply(Protocol::Chat, &original, &edits).unwrap();
        prop_assert_eq!(&edited, &expected);
        // What was edited reads back, and asks for nothing more.
        let again = view(Protocol::Chat, &edited);
        prop_assert_eq!(again.model(), "new");
        prop_assert!(again.max_output().is_some_and(|n| n <= max));
        prop_assert_eq!(again.apply(&edits), None);
    }
}
