//! Values of parameters on the command line.

use std::collections::BTreeMap;

use bailey_core::template::ParameterValue;

use crate::failure::Failure;

/// A name and a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair(String, ParameterValue);

/// Reads `name=value`.
pub(super) fn pair(text: &str) -> Result<Pair, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` has no value; write NAME=VALUE"))?;
    if name.is_empty() {
        return Err("the name is missing; write NAME=VALUE".to_owned());
    }
    Ok(Pair(name.to_owned(), value_of(value)))
}

/// JSON where it is a value that a parameter can have, text otherwise; `"2"` is the text 2.
fn value_of(text: &str) -> ParameterValue {
    serde_json::from_str(text).unwrap_or_else(|_| ParameterValue::Text(text.to_owned()))
}

/// The values by name.
pub(super) fn map(pairs: Vec<Pair>) -> Result<BTreeMap<String, ParameterValue>, Failure> {
    let mut values = BTreeMap::new();
    for Pair(name, value) in pairs {
        if values.insert(name.clone(), value).is_some() {
            return Err(Failure::new(format!("the parameter `{name}` is given twice")));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_as_what_they_look_like() {
        let value = |text| pair(text).unwrap().1;
        assert_eq!(value("cpu=2"), ParameterValue::Number(2.0));
        assert_eq!(value("gpu=true"), ParameterValue::Bool(true));
        assert_eq!(value("version=\"2\""), ParameterValue::Text("2".to_owned()));
        assert_eq!(value("region=eu-west-1"), ParameterValue::Text("eu-west-1".to_owned()));
        assert_eq!(value("query=a=b"), ParameterValue::Text("a=b".to_owned()));
        assert_eq!(value("tags=[\"a\"]"), ParameterValue::List(vec!["a".to_owned()]));
        assert_eq!(value("odd={\"a\":1}"), ParameterValue::Text("{\"a\":1}".to_owned()));
        assert!(pair("cpu").is_err() && pair("=1").is_err());
    }

    #[test]
    fn a_parameter_is_given_once() {
        assert!(map(vec![pair("a=1").unwrap(), pair("a=2").unwrap()]).is_err());
    }
}
