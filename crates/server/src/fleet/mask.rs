//! Secrets that programs print are masked before their lines are stored or shown.
//!
//! Bailey's own secrets are known by their form, so that a server which has just started masks those that it did not make.
//! Others are known by their value. What a program prints in another form than it was given cannot be found.

use std::collections::BTreeMap;

use bailey_core::mask::{PART, replaced};
pub(super) use bailey_core::mask::{keys, keys_after};

/// Words in the names of variables whose whole value is a secret.
const SECRET_NAMES: [&str; 5] = ["token", "password", "secret", "auth", "credential"];

/// Values that are secrets.
#[derive(Debug, Default, Clone)]
pub(super) struct Values(Vec<String>);

impl Values {
    /// The secrets in these variables: the whole value where the name says so, and who and what stands before the host
    /// of an address.
    pub(super) fn of_variables(variables: &BTreeMap<String, String>) -> Self {
        let mut values = Vec::new();
        for (name, value) in variables {
            let name = name.to_ascii_lowercase();
            if SECRET_NAMES.iter().any(|word| name.contains(word)) {
                values.push(value.clone());
            }
            for (_, rest) in value
                .match_indices("://")
                .filter_map(|(at, _)| value.split_at_checked(at + 3))
            {
                let authority = rest.split(['/', '?', '#', ' ', ',']).next().unwrap_or_default();
                let Some((user, _)) = authority.rsplit_once('@') else {
                    continue;
                };
                let decoded = percent_decoded(user);
                for user in [user, &decoded] {
                    values.push(user.to_owned());
                    values.extend(user.split_once(':').map(|(_, password)| password.to_owned()));
                }
            }
        }
        values.retain(|value| value.len() >= PART);
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values)
    }

    /// Masks them, and what of them stands cut at the ends of a line that was too long.
    pub(super) fn mask(&self, text: &str) -> String {
        let mut ranges = Vec::new();
        for value in &self.0 {
            ranges.extend(text.match_indices(value.as_str()).map(|(at, _)| (at, at + value.len())));
            let cuts = || (PART..value.len()).rev().filter(|cut| value.is_char_boundary(*cut));
            let head = cuts().find(|cut| value.get(..*cut).is_some_and(|part| text.ends_with(part)));
            ranges.extend(head.map(|cut| (text.len() - cut, text.len())));
            let rest = |cut: usize| value.len() - cut;
            let tail = (1..value.len())
                .filter(|cut| value.is_char_boundary(*cut) && rest(*cut) >= PART)
                .find(|cut| value.get(*cut..).is_some_and(|part| text.starts_with(part)));
            ranges.extend(tail.map(|cut| (0, rest(cut))));
        }
        keys(&replaced(text, ranges))
    }
}

fn percent_decoded(text: &str) -> String {
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bailey_core::mask::MASK;
    use bailey_gate::token::{self, Kind};

    use super::*;

    fn secret(kind: Kind) -> String {
        token::mint(kind).unwrap().text.expose().clone()
    }

    #[test]
    fn a_key_is_masked_wherever_it_stands_and_however_a_line_is_cut() {
        for kind in [Kind::Key, Kind::ApiToken, Kind::Agent] {
            let key = secret(kind);
            let line = format!("+ export BAILEY_KEY='{key}' {key}{key} é");
            assert_eq!(keys(&line).matches(MASK).count(), 2, "{}", keys(&line));
            assert!(!keys(&line).contains(&key[24..]));
            for cut in 0..line.len() {
                let Some((first, second)) = line.split_at_checked(cut) else {
                    continue;
                };
                let mut tail = String::new();
                let both = [keys_after(&mut tail, first), keys_after(&mut tail, second)].concat();
                // Nothing of the secret part is left, however small.
                assert!(both.bytes().filter(u8::is_ascii_digit).count() < 64, "{both}");
                assert!(!both.contains(&key[key.len() - 8..]), "{both}");
            }
        }
        for plain in ["", "sk-bly-", "bly_is a name", "sk-bly-0123456789abcdef", "é"] {
            assert_eq!(keys(plain), plain);
        }
    }

    #[test]
    fn credentials_of_variables_are_masked() {
        let variables = [
            ("PIP_INDEX_URL", "https://ann:s3cr%24t-word@pypi.example/simple"),
            ("npm_config_registry", "https://npm.example/"),
            ("NPM_TOKEN", "npm-canary-0123"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let values = Values::of_variables(&BTreeMap::from(variables));
        let mask = |text: &str| values.mask(text);
        assert_eq!(
            mask("+ pip -i https://ann:s3cr%24t-word@pypi.example/simple"),
            "+ pip -i https://[masked]@pypi.example/simple"
        );
        assert_eq!(
            mask("password s3cr$t-word, s3cr%24t-word."),
            "password [masked], [masked]."
        );
        assert_eq!(mask("token=npm-canary-0123"), "token=[masked]");
        assert_eq!(mask("x npm-canary"), "x [masked]");
        assert_eq!(mask("canary-0123 y"), "[masked] y");
        assert_eq!(mask("see https://npm.example/"), "see https://npm.example/");
        assert_eq!(Values::default().mask("plain"), "plain");
    }
}
