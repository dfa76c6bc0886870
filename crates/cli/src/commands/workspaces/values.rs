//! Values of parameters on the command line.

use std::collections::BTreeMap;

use bailey_api::templates::{TemplateDetail, TemplateParameter, TemplateVersionDetail};
use bailey_core::template::{ParameterType, ParameterValue};

use crate::client::Api;
use crate::commands::templates;
use crate::failure::Failure;
use crate::output::understood;

/// A name and what was written as its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair(String, String);

/// Reads `name=value`.
pub(crate) fn pair(text: &str) -> Result<Pair, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` has no value; write NAME=VALUE"))?;
    if name.is_empty() {
        return Err("the name is missing; write NAME=VALUE".to_owned());
    }
    Ok(Pair(name.to_owned(), value.to_owned()))
}

/// The values by name, each read as its parameter of the template wants it.
pub(crate) async fn values(
    api: &Api,
    template: &str,
    version: Option<u64>,
    pairs: Vec<Pair>,
) -> Result<BTreeMap<String, ParameterValue>, Failure> {
    if pairs.is_empty() {
        return Ok(BTreeMap::new());
    }
    // What is wrong with the template the server says best when it is asked for the workspace.
    let parameters = parameters(api, template, version).await.unwrap_or_default();
    map(pairs, &parameters)
}

/// What can be chosen.
async fn parameters(api: &Api, template: &str, version: Option<u64>) -> Result<Vec<TemplateParameter>, Failure> {
    let path = templates::path(template);
    let content = match version {
        None => {
            let detail: TemplateDetail = understood(api.get(&path, &()).await?)?;
            detail.content
        }
        Some(number) => {
            let answer = api.get(&format!("{path}/versions/{number}"), &()).await?;
            let detail: TemplateVersionDetail = understood(answer)?;
            detail.content
        }
    };
    Ok(content.map(|content| content.parameters).unwrap_or_default())
}

/// The values by name, each read as its definition wants it.
pub(crate) fn map(
    pairs: Vec<Pair>,
    parameters: &[TemplateParameter],
) -> Result<BTreeMap<String, ParameterValue>, Failure> {
    let mut values = BTreeMap::new();
    for Pair(name, text) in pairs {
        let kind = parameters.iter().find(|parameter| parameter.name == name);
        let value = value_of(kind.map(|parameter| parameter.kind), &text);
        if values.insert(name.clone(), value).is_some() {
            return Err(Failure::new(format!("the parameter `{name}` is given twice")));
        }
    }
    Ok(values)
}

/// A text as what it is for. What is none of that stays a text, and the server says what it should be.
fn value_of(kind: Option<ParameterType>, text: &str) -> ParameterValue {
    let json: Option<ParameterValue> = serde_json::from_str(text).ok();
    let as_text = || ParameterValue::Text(text.to_owned());
    match (kind, json) {
        (Some(ParameterType::String), _) => as_text(),
        (Some(ParameterType::List), Some(list @ ParameterValue::List(_))) => list,
        (Some(ParameterType::List), _) => ParameterValue::List(split(text)),
        (_, json) => json.unwrap_or_else(as_text),
    }
}

/// The parts between commas; of nothing, none.
fn split(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',').map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(parts: &[&str]) -> ParameterValue {
        ParameterValue::List(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    fn text(text: &str) -> ParameterValue {
        ParameterValue::Text(text.to_owned())
    }

    #[test]
    fn values_are_taken_as_what_their_parameter_is() {
        use ParameterType::{Bool, List, Number, String};
        for (kind, written, value) in [
            (Number, "2", ParameterValue::Number(2.0)),
            (Number, "many", text("many")),
            (Bool, "true", ParameterValue::Bool(true)),
            (Bool, "yes", text("yes")),
            (String, "2", text("2")),
            (String, "true", text("true")),
            (String, "a=b", text("a=b")),
            (String, "[\"a\"]", text("[\"a\"]")),
            (List, "a,b", list(&["a", "b"])),
            (List, "a, b", list(&["a", "b"])),
            (List, "a", list(&["a"])),
            (List, "1,2", list(&["1", "2"])),
            (List, "", list(&[])),
            (List, "[\"a,b\", \"c\"]", list(&["a,b", "c"])),
        ] {
            assert_eq!(value_of(Some(kind), written), value, "{kind:?} {written}");
        }
    }

    #[test]
    fn values_of_unknown_parameters_are_taken_as_what_they_look_like() {
        for (written, value) in [
            ("2", ParameterValue::Number(2.0)),
            ("true", ParameterValue::Bool(true)),
            ("\"2\"", text("2")),
            ("eu-west-1", text("eu-west-1")),
            ("[\"a\"]", list(&["a"])),
            ("{\"a\":1}", text("{\"a\":1}")),
        ] {
            assert_eq!(value_of(None, written), value, "{written}");
        }
    }

    #[test]
    fn a_parameter_is_given_once() {
        assert!(pair("cpu").is_err() && pair("=1").is_err());
        assert_eq!(pair("query=a=b").unwrap(), Pair("query".to_owned(), "a=b".to_owned()));
        assert!(map(vec![pair("a=1").unwrap(), pair("a=2").unwrap()], &[]).is_err());
    }
}
