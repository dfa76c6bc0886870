//! Choosing the rule for a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;

use super::{Match, Rule, Scenario, StallPoint};
use crate::call::{Call, Protocol};

/// The rules of all scenarios in order, each with a count of how often it applied.
#[derive(Default)]
pub(crate) struct Rules {
    list: Vec<Counted>,
}

struct Counted {
    name: String,
    rule: Arc<Rule>,
    used: AtomicU64,
}

/// A rule that was chosen and counted.
pub(crate) struct Applied {
    /// Scenario and number of the rule, such as `errors#2`.
    pub(crate) name: String,
    pub(crate) rule: Arc<Rule>,
}

impl Rules {
    pub(crate) fn new(scenarios: Vec<Scenario>) -> Self {
        let mut list = Vec::new();
        for scenario in scenarios {
            for (index, rule) in scenario.rules.into_iter().enumerate() {
                let name = format!("{}#{}", scenario.name, index + 1);
                list.push(Counted {
                    name,
                    rule: Arc::new(rule),
                    used: AtomicU64::new(0),
                });
            }
        }
        Self { list }
    }

    /// The first rule that applies to a request; `nth` is its number among the model calls.
    pub(crate) fn for_call(&self, call: &Call, headers: &HeaderMap, nth: u64) -> Option<Applied> {
        self.take(|rule| !stalls_connections(rule) && applies(&rule.matches, call, headers, nth))
    }

    /// The first rule that stalls a connection before anything is read from it.
    pub(crate) fn for_connection(&self) -> Option<Applied> {
        self.take(stalls_connections)
    }

    fn take(&self, wanted: impl Fn(&Rule) -> bool) -> Option<Applied> {
        self.list
            .iter()
            .find(|counted| wanted(&counted.rule) && counted.claim())
            .map(|counted| Applied {
                name: counted.name.clone(),
                rule: Arc::clone(&counted.rule),
            })
    }
}

impl Counted {
    /// Counts one use, unless the rule is used up.
    fn claim(&self) -> bool {
        let limit = self.rule.limit.unwrap_or(u64::MAX);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used < limit).then(|| used.saturating_add(1))
            })
            .is_ok()
    }
}

fn stalls_connections(rule: &Rule) -> bool {
    rule.stall.is_some_and(|stall| stall.at == Some(StallPoint::Connect))
}

fn applies(wanted: &Match, call: &Call, headers: &HeaderMap, nth: u64) -> bool {
    let contains = |needle: &Option<String>, text: Option<&str>| {
        needle
            .as_ref()
            .is_none_or(|needle| text.is_some_and(|text| text.contains(needle.as_str())))
    };
    let talk = &call.conversation;
    wanted
        .protocol
        .map_or(call.protocol != Protocol::CountTokens, |protocol| {
            protocol == call.protocol
        })
        && wanted
            .model
            .as_ref()
            .is_none_or(|pattern| glob(pattern.as_bytes(), call.model.as_bytes()))
        && wanted.stream.is_none_or(|stream| stream == call.stream)
        && wanted.turn.is_none_or(|turn| turn == talk.turns)
        && wanted
            .tool_results
            .is_none_or(|count| count == talk.tool_results.len() as u64)
        && wanted.nth.is_none_or(|number| number == nth)
        && wanted
            .text
            .as_ref()
            .is_none_or(|needle| talk.user_texts.iter().any(|text| text.contains(needle.as_str())))
        && contains(&wanted.last_text, talk.user_texts.last().map(String::as_str))
        && contains(&wanted.tool_result, talk.tool_results.last().map(String::as_str))
        && wanted.tool.as_ref().is_none_or(|tool| call.tools.contains(tool))
        && wanted.header.iter().all(|(name, value)| {
            headers
                .get_all(name)
                .iter()
                .any(|found| found.as_bytes() == value.as_bytes())
        })
}

/// Whether `text` is matched by `pattern`, in which `*` stands for any bytes and `?` for one. Remembers only the last
/// star, so it takes at most the product of the two lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(letter) if *letter == b'?' || Some(letter) == text.get(at_text) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match star {
                Some((star_pattern, star_text)) => {
                    star = Some((star_pattern, star_text + 1));
                    at_pattern = star_pattern + 1;
                    at_text = star_text + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at_pattern..)
        .is_some_and(|rest| rest.iter().all(|letter| *letter == b'*'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(body: serde_json::Value) -> Call {
        Call::parse(Protocol::Chat, body).unwrap()
    }

    fn rules(yaml: &str) -> Rules {
        Rules::new(vec![Scenario::parse("s", yaml).unwrap()])
    }

    fn pick(rules: &Rules, call: &Call, nth: u64) -> Option<String> {
        rules.for_call(call, &HeaderMap::new(), nth).map(|applied| applied.name)
    }

    #[test]
    fn globs() {
        for (pattern, text, matched) in [
            ("*", "", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "claude", false),
            ("*-mini", "gpt-5-mini", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("gpt-?", "gpt-5", true),
            ("gpt-?", "gpt-", false),
            ("", "a", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), matched, "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_and_is_not_used_up_decides() {
        let rules = rules("rules:\n  - {limit: 1, error: {status: 429}}\n  - {match: {model: 'gpt-*'}}\n  - {}\n");
        let gpt = call(json!({"model": "gpt-5", "messages": []}));
        let other = call(json!({"model": "x", "messages": []}));
        assert_eq!(pick(&rules, &gpt, 1).as_deref(), Some("s#1"));
        assert_eq!(pick(&rules, &gpt, 2).as_deref(), Some("s#2"));
        assert_eq!(pick(&rules, &other, 3).as_deref(), Some("s#3"));
    }

    #[test]
    fn every_condition_must_hold() {
        let call = call(json!({"model": "m", "stream": true, "messages": [
            {"role": "user", "content": "write a file"},
            {"role": "assistant", "content": null, "tool_calls": []},
            {"role": "tool", "tool_call_id": "c", "content": "exit 0"},
        ], "tools": [{"type": "function", "function": {"name": "bash"}}]}));
        for (condition, matched) in [
            ("turn: 1", true),
            ("turn: 0", false),
            ("tool_results: 1", true),
            ("tool_result: exit", true),
            ("tool_result: nope", false),
            ("text: a file", true),
            ("last_text: write", true),
            ("text: read", false),
            ("tool: bash", true),
            ("tool: Bash", false),
            ("stream: true", true),
            ("stream: false", false),
            ("nth: 7", true),
            ("nth: 1", false),
            ("protocol: chat", true),
            ("protocol: messages", false),
            ("header: {x-a: b}", false),
        ] {
            let rules = rules(&format!("rules:\n  - match: {{{condition}}}\n"));
            assert_eq!(pick(&rules, &call, 7).is_some(), matched, "{condition}");
        }
    }

    #[test]
    fn headers_are_compared_exactly() {
        let rules = rules("rules:\n  - match: {header: {X-A: b}}\n");
        let call = call(json!({"model": "m", "messages": []}));
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(
                http::HeaderName::from_static("x-a"),
                http::HeaderValue::from_static(value),
            )])
        };
        assert!(rules.for_call(&call, &headers("b"), 1).is_some());
        assert!(rules.for_call(&call, &headers("bb"), 1).is_none());
    }
}
