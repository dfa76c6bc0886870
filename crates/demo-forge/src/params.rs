//! Parameters of requests: from the query, from a form and from JSON, as GitLab takes them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::ApiError;

/// The most parameters of one request that are looked at.
const MOST: usize = 256;

/// Parameters by their names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(BTreeMap<String, Value>);

impl Params {
    /// Reads `name=value&name[]=value`. A name that is there twice has its last value, or with `[]` all of them.
    pub fn form(text: &[u8]) -> Self {
        let mut params = Self::default();
        for (name, value) in form_urlencoded::parse(text).take(MOST) {
            let value = Value::String(value.into_owned());
            match name.strip_suffix("[]") {
                Some(name) => match params
                    .0
                    .entry(name.to_owned())
                    .or_insert_with(|| Value::Array(Vec::new()))
                {
                    Value::Array(values) => values.push(value),
                    other => *other = value,
                },
                None => drop(params.0.insert(name.into_owned(), value)),
            }
        }
        params
    }

    /// Reads a query and a body; what the body says counts.
    pub(crate) fn read(query: &str, media_type: &str, body: &[u8]) -> Result<Self, ApiError> {
        let mut params = Self::form(query.as_bytes());
        if body.is_empty() {
            return Ok(params);
        }
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            params.0.extend(Self::form(body).0);
        } else {
            let fields: BTreeMap<String, Value> = serde_json::from_slice(body)
                .map_err(|_| ApiError::Bad("The request body is no JSON object".to_owned()))?;
            params.0.extend(fields.into_iter().take(MOST));
        }
        Ok(params)
    }

    /// All that can be written as a text, by name.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), written(value)?)))
    }

    /// A text; numbers and truth values as they are written.
    pub fn text(&self, name: &str) -> Option<String> {
        written(self.0.get(name)?)
    }

    pub(crate) fn needed(&self, name: &'static str) -> Result<String, ApiError> {
        self.text(name)
            .filter(|text| !text.trim().is_empty())
            .ok_or(ApiError::Missing(name))
    }

    /// A whole number, if there is one.
    pub(crate) fn int(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| ApiError::Invalid(name))
    }

    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, ApiError> {
        match self.text(name).as_deref() {
            None | Some("") => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(ApiError::Invalid(name)),
        }
    }

    /// A list: an array, or a text with commas.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let values = match self.0.get(name)? {
            Value::Array(values) => values.iter().filter_map(written).collect(),
            value => written(value)?
                .split(',')
                .map(|part| part.trim().to_owned())
                .collect::<Vec<_>>(),
        };
        Some(values.into_iter().filter(|value| !value.is_empty()).collect())
    }

    pub(crate) fn ids(&self, name: &'static str) -> Result<Option<Vec<i64>>, ApiError> {
        let Some(list) = self.list(name) else { return Ok(None) };
        // "0" and "" stand for nobody.
        let ids = list
            .iter()
            .map(|id| id.parse::<i64>().map_err(|_| ApiError::Invalid(name)));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        Ok(Some(ids.into_iter().filter(|id| *id != 0).collect()))
    }
}

fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_and_json_say_the_same() {
        let form = Params::read(
            "",
            "application/x-www-form-urlencoded",
            b"title=a%20b&assignee_ids[]=1&assignee_ids[]=2&labels=x,%20y&c=true",
        );
        let json = Params::read(
            "title=q",
            "application/json",
            br#"{"title":"a b","assignee_ids":[1,"2"],"labels":"x, y","c":true}"#,
        );
        for params in [form.unwrap(), json.unwrap()] {
            assert_eq!(params.text("title").as_deref(), Some("a b"));
            assert_eq!(params.ids("assignee_ids").unwrap(), Some(vec![1, 2]));
            assert_eq!(params.list("labels"), Some(vec!["x".to_owned(), "y".to_owned()]));
            assert_eq!(params.flag("c").unwrap(), Some(true));
            assert_eq!(params.int("absent").unwrap(), None);
            assert!(params.int("title").is_err() && params.flag("title").is_err() && params.ids("labels").is_err());
        }
        assert!(Params::read("", "application/json", b"[1]").is_err());
        assert_eq!(
            Params::form(b"assignee_ids=0").ids("assignee_ids").unwrap(),
            Some(vec![])
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(a|=|&|\\[\\]|%|%0|%ff|,|\\PC){0,30}") {
            let params = Params::form(text.as_bytes());
            let _ = (params.text("a"), params.list("a"), params.ids("a"), params.flag("a"), params.int("a"));
        }
    }
}
