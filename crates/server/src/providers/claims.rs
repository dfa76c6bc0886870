//! What a provider says of somebody: claims of tokens, as JSON.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::ProviderError;

/// Claims by name.
pub(super) type Claims = Map<String, Value>;

/// The longest subject (`OpenID` Connect Core, 2).
const SUBJECT: usize = 255;
/// The most groups of one person that are looked at.
const GROUPS: usize = 10_000;

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::Invalid(text.into())
}

/// The subject: 1 to 255 characters of ASCII.
pub(super) fn subject(claims: &Claims) -> Result<&str, ProviderError> {
    let subject = claims.get("sub").and_then(Value::as_str);
    let subject = subject.ok_or_else(|| invalid("`sub` is missing, or no text"))?;
    if subject.is_empty() || subject.len() > SUBJECT || !subject.is_ascii() {
        return Err(invalid("`sub` must have 1 to 255 characters of ASCII"));
    }
    Ok(subject)
}

/// A claim that is text, and not empty.
pub(super) fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
}

/// Seconds of the Unix epoch, as a JSON number; `None` = the claim is not there.
pub(super) fn seconds(claims: &Claims, name: &str) -> Result<Option<i64>, ProviderError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            // Some providers write fractions of seconds.
            #[expect(clippy::cast_possible_truncation, reason = "a time is far below 2^53")]
            let seconds = number
                .as_i64()
                .or_else(|| number.as_f64().map(|seconds| seconds as i64));
            seconds
                .map(Some)
                .ok_or_else(|| invalid(format!("`{name}` is out of range")))
        }
        Some(_) => Err(invalid(format!("`{name}` is no number"))),
    }
}

/// The address, if the provider says that it has confirmed it. What is neither true nor false is no answer.
pub(super) fn verified_email(claims: &Claims) -> Result<Option<String>, ProviderError> {
    let verified = match claims.get("email_verified") {
        None => false,
        Some(Value::Bool(verified)) => *verified,
        Some(_) => return Err(invalid("`email_verified` is neither true nor false")),
    };
    let email = text(claims, "email").filter(|email| email.len() <= 254 && domain_of(email).is_some());
    Ok(email.filter(|_| verified).map(str::to_owned))
}

/// The domain of an address that has one, in lower case.
pub(super) fn domain_of(email: &str) -> Option<String> {
    let (local, domain) = email.split_once('@')?;
    let clean = email.chars().all(|c| !c.is_control() && !c.is_whitespace());
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let whole = !local.is_empty() && !domain.is_empty() && domain.bytes().all(ok);
    (clean && whole).then(|| domain.to_ascii_lowercase())
}

/// The texts of a claim: a list, or one. `path` is a claim's whole name, or names with dots between, one within the other.
/// `needed`: something is decided by them.
pub(super) fn texts(claims: &Claims, path: &str, needed: bool) -> Result<BTreeSet<String>, ProviderError> {
    // With too many groups, Entra names an address where they are instead of the groups.
    let elsewhere = claims.get("_claim_names").and_then(Value::as_object);
    if needed && elsewhere.is_some_and(|names| names.contains_key(path)) {
        return Err(invalid(format!(
            "`{path}` is left out because there are too many of them; have the provider send those that matter alone"
        )));
    }
    let found = claims.get(path).or_else(|| {
        let mut names = path.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    });
    Ok(match found {
        Some(Value::String(text)) => BTreeSet::from([text.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .take(GROUPS)
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_the_json_value_true_confirms_an_address() {
        let email =
            |verified: Value| verified_email(&of(&json!({"email": "ada@Example.com", "email_verified": verified})));
        assert_eq!(email(json!(true)).unwrap().as_deref(), Some("ada@Example.com"));
        assert_eq!(email(json!(false)).unwrap(), None);
        for wrong in [
            json!("true"),
            json!("false"),
            json!(0),
            json!(1),
            json!(null),
            json!([true]),
        ] {
            assert!(email(wrong.clone()).is_err(), "{wrong}");
        }
        assert_eq!(verified_email(&of(&json!({"email": "ada@example.com"}))).unwrap(), None);
        let odd = json!({"email": "ada@evil.example@example.com", "email_verified": true});
        assert_eq!(verified_email(&of(&odd)).unwrap(), None);
    }

    #[test]
    fn an_address_has_one_domain() {
        assert_eq!(domain_of("ada@Example.COM").as_deref(), Some("example.com"));
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a@b@c",
            "a@b c",
            "a@b\n",
            "a b@c",
            "a@ex\u{e4}mple.com",
            "a@[1.2.3.4]",
        ] {
            assert_eq!(domain_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn groups_are_found_at_their_path() {
        let claims = of(&json!({
            "groups": ["a", 7, "b"], "role": "x", "https://example.com/groups": ["c"],
            "realm_access": {"roles": ["d"]}, "_claim_names": {"many": "src1"},
        }));
        let at = |path: &str| {
            texts(&claims, path, true)
                .unwrap()
                .into_iter()
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(at("groups"), "a,b");
        assert_eq!(at("role"), "x");
        assert_eq!(at("https://example.com/groups"), "c");
        assert_eq!(at("realm_access.roles"), "d");
        for none in ["none", "realm_access", "realm_access.none", "groups.a"] {
            assert_eq!(at(none), "", "{none}");
        }
        assert!(texts(&claims, "many", true).is_err() && texts(&claims, "many", false).is_ok());
    }

    #[test]
    fn subjects_and_times_have_their_form() {
        assert_eq!(subject(&of(&json!({"sub": "x"}))).unwrap(), "x");
        for bad in [
            json!({}),
            json!({"sub": ""}),
            json!({"sub": 7}),
            json!({"sub": "x".repeat(256)}),
            json!({"sub": "\u{e4}"}),
        ] {
            assert!(subject(&of(&bad)).is_err(), "{bad}");
        }
        assert_eq!(seconds(&of(&json!({"exp": 7.5})), "exp").unwrap(), Some(7));
        assert_eq!(seconds(&of(&json!({})), "exp").unwrap(), None);
        assert!(seconds(&of(&json!({"exp": "7"})), "exp").is_err());
    }
}
