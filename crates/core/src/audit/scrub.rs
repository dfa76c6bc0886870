//! Secrets in what is recorded: replaced, whatever a use-case hands over.
//!
//! The first line of defence is the type: a [`Secret`](crate::Secret) does not serialise. This is the second.

use serde_json::Value;

/// What stands in the place of a secret.
pub const REPLACED: &str = "[secret]";

/// Members that are secrets by their name. Names are compared in lower case, without `_` and `-`.
const NAMES: &[&str] = &[
    "password",
    "passphrase",
    "currentpassword",
    "newpassword",
    "secret",
    "clientsecret",
    "apikey",
    "privatekey",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "recoverycodes",
    "recoverycode",
    "hash",
    "sealed",
];

/// What secrets of Bailey's own begin with, wherever they stand in a text.
const PREFIXES: &[&str] = &["bly_", "sk-bly-", "bla_", "bls_", "bli_"];
/// A public id and more: what is shorter is a prefix that is meant to be shown.
const SHORTEST: usize = 32;

/// Replaces secrets: members that are called so, and texts that look like a token or key of Bailey's. Numbers that are not
/// whole become text, so that reading them back never changes them.
pub fn scrub(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let scrubbed = members.into_iter().map(|(name, member)| {
                let member = if is_secret(&name) && !member.is_null() {
                    Value::from(REPLACED)
                } else {
                    scrub(member)
                };
                (name, member)
            });
            Value::Object(scrubbed.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(scrub).collect()),
        Value::String(text) => Value::String(text_of(text)),
        Value::Number(number) if number.is_f64() => Value::String(number.to_string()),
        other => other,
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    NAMES.contains(&plain.as_str())
}

fn text_of(text: String) -> String {
    if !PREFIXES.iter().any(|prefix| text.contains(prefix)) {
        return text;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let mut scrubbed = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        scrubbed.push_str(before);
        let secret = PREFIXES.iter().any(|p| word.contains(p)) && word.len() >= SHORTEST;
        scrubbed.push_str(if secret { REPLACED } else { word });
        rest = after;
    }
    scrubbed.push_str(rest);
    scrubbed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_replaced_by_name_and_by_form() {
        let long = "bly_0123456789abcdef0123456789abcdef";
        let scrubbed = scrub(json!({
            "name": "ci", "password": "canary", "Api-Key": ["canary"], "hash": null, "ratio": 0.1, "count": 3,
            "nested": [{"secret": {"x": "canary"}, "note": format!("use {long}, please")}], "prefix": "sk-bly-01234567",
        }));
        assert_eq!(
            scrubbed,
            json!({
                "name": "ci", "password": REPLACED, "Api-Key": REPLACED, "hash": null, "ratio": "0.1", "count": 3,
                "nested": [{"secret": REPLACED, "note": "use [secret], please"}], "prefix": "sk-bly-01234567",
            })
        );
    }
}
