use super::*;

fn read(protocol: Protocol, objects: &[&str]) -> Option<Usage> {
    read_with(protocol, CacheControl::None, objects)
}

fn read_with(protocol: Protocol, writes: CacheControl, objects: &[&str]) -> Option<Usage> {
    let mut tally = Tally::new(protocol, writes);
    for object in objects {
        tally.add(object.as_bytes());
    }
    tally.usage()
}

#[test]
fn cache_creation_is_billed_once() {
    let usage = r#"{"input_tokens":10,"cache_creation_input_tokens":300,"cache_read_input_tokens":2000,
        "cache_creation":{"ephemeral_5m_input_tokens":260,"ephemeral_1h_input_tokens":40},"output_tokens":7}"#;
    let expected = Usage {
        input: 10,
        cache_read: 2000,
        cache_write_5m: 260,
        cache_write_1h: 40,
        output: 7,
        reasoning: 0,
    };
    assert_eq!(read(Protocol::Messages, &[usage]), Some(expected));
    assert_eq!(expected.total_input(), 2310);
}

#[test]
fn cache_writes_without_a_lifetime_are_what_was_asked_for() {
    let usage = r#"{"input_tokens":1,"cache_creation_input_tokens":300,"output_tokens":1}"#;
    let with = |cache| read_with(Protocol::Messages, cache, &[usage]).unwrap();
    assert_eq!(with(CacheControl::FiveMinutes).cache_write_5m, 300);
    assert_eq!(with(CacheControl::OneHour).cache_write_1h, 300);
}

#[test]
fn later_fields_win_and_nulls_do_not() {
    let start = r#"{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":1}"#;
    let delta = r#"{"input_tokens":null,"cache_read_input_tokens":6,"output_tokens":15}"#;
    let usage = read(Protocol::Messages, &[start, delta]).unwrap();
    assert_eq!((usage.input, usage.cache_read, usage.output), (25, 6, 15));
}

#[test]
fn openai_prompt_tokens_include_cached_and_written_ones() {
    let chat = r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
        "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30},
        "completion_tokens_details":{"reasoning_tokens":8}}"#;
    let expected = Usage {
        input: 10,
        cache_read: 60,
        cache_write_5m: 30,
        cache_write_1h: 0,
        output: 20,
        reasoning: 8,
    };
    assert_eq!(read(Protocol::Chat, &[chat]), Some(expected));
    let responses = chat.replace("prompt_", "input_").replace("completion_", "output_");
    assert_eq!(read(Protocol::Responses, &[&responses]), Some(expected));
}

#[test]
fn cached_tokens_beyond_the_prompt_never_make_input_negative() {
    let chat = r#"{"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":60}}"#;
    let usage = read(Protocol::Chat, &[chat]).unwrap();
    assert_eq!((usage.input, usage.cache_read), (0, 10));
}

#[test]
fn null_details_are_none() {
    let chat = r#"{"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":null}"#;
    assert_eq!(read(Protocol::Chat, &[chat]).unwrap().input, 10);
    assert_eq!(read(Protocol::Chat, &["null"]), None);
}

#[test]
fn numbers_that_are_no_token_counts_make_usage_invalid() {
    for bad in [
        "-1",
        "1e308",
        "1.5",
        "9007199254740993",
        "\"5\"",
        "99999999999999999999999999",
        "true",
        "[]",
    ] {
        let usage =
            format!("{{\"input_tokens\":5,\"prompt_tokens\":5,\"output_tokens\":{bad},\"completion_tokens\":{bad}}}");
        let good = r#"{"input_tokens":5,"prompt_tokens":5,"output_tokens":5,"completion_tokens":5}"#;
        for protocol in Protocol::ALL {
            assert_eq!(read(protocol, &[&usage]), None, "{protocol} {bad}");
            // One bad number discredits the whole answer, before or after good ones.
            assert_eq!(read(protocol, &[good, &usage]), None, "{protocol} {bad}");
            assert_eq!(read(protocol, &[&usage, good]), None, "{protocol} {bad}");
        }
    }
    for none in [
        "{}",
        "",
        "[]",
        "7",
        "{\"input_tokens\":5,\"input_tokens\":6,\"output_tokens\":1}",
    ] {
        assert_eq!(read(Protocol::Messages, &[none]), None, "{none}");
    }
}

#[test]
fn usage_given_twice_counts_once() {
    let chat = r#"{"prompt_tokens":10,"completion_tokens":3}"#;
    assert_eq!(read(Protocol::Chat, &[chat, chat]).unwrap().total(), 13);
}

#[test]
fn summaries_of_the_context_are_billed_beside_the_answer() {
    let usage = r#"{"input_tokens":45,"output_tokens":12,"iterations":[
        {"type":"compaction","input_tokens":180,"output_tokens":35},{"type":"message","input_tokens":45,"output_tokens":12}]}"#;
    let usage = read(Protocol::Messages, &[usage]).unwrap();
    assert_eq!((usage.input, usage.output), (225, 47));
}

#[test]
fn the_tier_is_the_answers() {
    let mut tally = Tally::new(Protocol::Messages, CacheControl::None);
    tally.add(br#"{"input_tokens":1,"output_tokens":1,"service_tier":"priority"}"#);
    assert_eq!(tally.tier, Some(ServiceTier::Priority));
    tally.add(
        br#"{"output_tokens":1,"service_tier":"standard","speed":"fast","server_tool_use":{"web_search_requests":2}}"#,
    );
    assert_eq!((tally.tier, tally.server_tool_calls), (Some(ServiceTier::Fast), 2));
    tally.add(br#"{"output_tokens":1,"service_tier":7}"#);
    assert!(tally.usage().is_some());
}
