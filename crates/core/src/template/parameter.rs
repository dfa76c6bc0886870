//! Parameters: what a person may choose when a workspace is made, and what is a valid choice.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::error::hint;
use super::names::shown;
use super::{ParameterValue, ParameterValues};

/// The largest number, up to which whole numbers are exact everywhere, browsers included: 2^53.
pub(super) const LARGEST: f64 = 9_007_199_254_740_992.0;
/// Bytes of a text, and of all texts of a list together.
const LONGEST: usize = 8 * 1024;
/// Bytes that a compiled expression may take.
const REGEX_SIZE: usize = 256 * 1024;

/// What kind of value a parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Text.
    String,
    /// A number.
    Number,
    /// Yes or no.
    Bool,
    /// A list of texts.
    List,
}

/// How a person is asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A slider between the least and the largest number.
    Slider,
    /// A list to open.
    Dropdown,
    /// All options side by side.
    Radio,
    /// On or off.
    Switch,
    /// One line.
    Input,
    /// Several lines.
    Textarea,
}

/// In which direction a value may change once it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotonic {
    /// Never below what it was.
    Increasing,
    /// Never above what it was.
    Decreasing,
}

/// One of the values to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterOption {
    /// The value; of a list parameter, the value of one element.
    pub value: ParameterValue,
    /// What people read.
    pub name: String,
    /// What it means.
    pub description: String,
}

/// The definition of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// What kind of value it has.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// The value when none is given; without one, a value is required.
    pub default: Option<ParameterValue>,
    /// The values to choose from; empty = any.
    pub options: Vec<ParameterOption>,
    /// The least number, characters of a text or elements of a list.
    pub min: Option<f64>,
    /// The largest number, characters of a text or elements of a list.
    pub max: Option<f64>,
    /// Numbers are a multiple of this above `min` (above 0 without one).
    pub step: Option<f64>,
    /// In which direction it may change.
    pub monotonic: Option<Monotonic>,
    /// What a text, or each element of a list, must match as a whole.
    pub regex: Option<String>,
    /// What is said when the expression does not match.
    pub error: Option<String>,
    /// Whether it may change once the workspace is there.
    pub mutable: bool,
    /// Where it comes in a form; equal ones as in the file.
    pub order: i64,
    /// How a person is asked for it.
    pub form: Form,
}

// As with values: bounds are numbers that are some.
impl Eq for Parameter {}

/// A named set of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// What people read.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The values; parameters that it does not name keep their default.
    pub parameters: ParameterValues,
}

/// A value that a parameter may not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterError {
    /// The parameter.
    pub name: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter `{}` {}", self.name, self.message)
    }
}

/// As text, the way it is put into a template: numbers without needless digits, lists with commas.
impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            // 0 has no sign for anybody who reads it.
            Self::Number(value) => write!(f, "{}", value + 0.0),
            Self::Text(value) => f.write_str(value),
            Self::List(list) => f.write_str(&list.join(",")),
        }
    }
}

/// Compiles an expression that must match as a whole.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let build = |pattern: &str| {
        let mut builder = RegexBuilder::new(pattern);
        builder.size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).nest_limit(50);
        builder.build()
    };
    // On its own first: `a)|(b` is none, though it would be one between the parentheses.
    let alone = build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z")));
    alone.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "is too large an expression".to_owned(),
        error => {
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default();
            format!(
                "is not an expression that can be used: {}",
                cause.trim_start_matches("error: ")
            )
        }
    })
}

/// Checks one value against its definition and, where there is one, against the value that it had before.
pub fn check_value(
    definition: &Parameter,
    value: &ParameterValue,
    former: Option<&ParameterValue>,
) -> Result<(), String> {
    by_itself(definition, value)?;
    let Some(former) = former.filter(|former| *former != value) else {
        return Ok(());
    };
    // A former value that the definition does not allow any more would otherwise hold the workspace for ever.
    if !definition.mutable && by_itself(definition, former).is_ok() {
        return Err(format!(
            "cannot be changed: it is `{}` for good",
            shown(&former.to_string())
        ));
    }
    let (ParameterValue::Number(value), ParameterValue::Number(former)) = (value, former) else {
        return Ok(());
    };
    match definition.monotonic {
        Some(Monotonic::Increasing) if value < former => Err(format!("can only grow, and was {former}")),
        Some(Monotonic::Decreasing) if value > former => Err(format!("can only shrink, and was {former}")),
        _ => Ok(()),
    }
}

/// Checks a value against its definition alone.
fn by_itself(definition: &Parameter, value: &ParameterValue) -> Result<(), String> {
    match (definition.kind, value) {
        (ParameterType::Bool, ParameterValue::Bool(_)) => Ok(()),
        (ParameterType::Number, ParameterValue::Number(number)) => {
            check_number(definition, *number)?;
            one_of(definition, value)
        }
        (ParameterType::String, ParameterValue::Text(text)) => {
            within(definition, text.chars().count(), "characters")?;
            check_text(definition, text)?;
            one_of(definition, value)
        }
        (ParameterType::List, ParameterValue::List(list)) => {
            within(definition, list.len(), "elements")?;
            if list.iter().map(String::len).sum::<usize>() > LONGEST || list.len() > 1_000 {
                return Err(format!("is longer than {LONGEST} bytes or 1000 elements"));
            }
            for (i, text) in list.iter().enumerate() {
                check_text(definition, text)?;
                if list.iter().take(i).any(|other| other == text) && !definition.options.is_empty() {
                    return Err(format!("has `{}` twice", shown(text)));
                }
                one_of(definition, &ParameterValue::Text(text.clone()))?;
            }
            Ok(())
        }
        (kind, _) => Err(format!(
            "must be {}",
            match kind {
                ParameterType::String => "a text",
                ParameterType::Number => "a number",
                ParameterType::Bool => "true or false",
                ParameterType::List => "a list of texts",
            }
        )),
    }
}

fn check_number(definition: &Parameter, number: f64) -> Result<(), String> {
    if !number.is_finite() || number.abs() > LARGEST {
        return Err("must be a number between -2^53 and 2^53".to_owned());
    }
    if let Some(min) = definition.min.filter(|min| number < *min) {
        return Err(format!("must be at least {min}"));
    }
    if let Some(max) = definition.max.filter(|max| number > *max) {
        return Err(format!("must be at most {max}"));
    }
    if let Some(step) = definition.step {
        let from = definition.min.unwrap_or(0.0);
        let steps = (number - from) / step;
        // Decimal fractions are not exact, so neither is the division.
        if (steps - steps.round()).abs() > 1e-9 * steps.abs().max(1.0) {
            return Err(format!("must be {from} or a number of steps of {step} from it"));
        }
    }
    Ok(())
}

fn check_text(definition: &Parameter, text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let lines = definition.form == Form::Textarea;
    if let Some(c) = text
        .chars()
        .find(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t')))
    {
        return Err(format!("must not have the character {} in it", c.escape_unicode()));
    }
    let Some(pattern) = &definition.regex else {
        return Ok(());
    };
    if compile(pattern)?.is_match(text) {
        return Ok(());
    }
    Err(match &definition.error {
        Some(message) => format!("is not valid: {message}"),
        None => format!("must match `{pattern}` as a whole"),
    })
}

fn within(definition: &Parameter, count: usize, unit: &str) -> Result<(), String> {
    #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^53")]
    let count = count as f64;
    if let Some(min) = definition.min.filter(|min| count < *min) {
        return Err(format!("must have at least {min} {unit}"));
    }
    if let Some(max) = definition.max.filter(|max| count > *max) {
        return Err(format!("must have at most {max} {unit}"));
    }
    Ok(())
}

fn one_of(definition: &Parameter, value: &ParameterValue) -> Result<(), String> {
    if definition.options.is_empty() || definition.options.iter().any(|option| option.value == *value) {
        return Ok(());
    }
    let all: Vec<String> = definition
        .options
        .iter()
        .map(|option| format!("`{}`", option.value))
        .collect();
    Err(format!("must be one of {}", all.join(", ")))
}

/// Checks the values that were given for a workspace, and fills in the others: from `former`, the values it had, or else
/// from the defaults. All faults at once.
pub fn check_values(
    definitions: &[Parameter],
    given: &ParameterValues,
    former: Option<&ParameterValues>,
) -> Result<ParameterValues, Vec<ParameterError>> {
    check_values_of("template", definitions, given, former)
}

/// [`check_values`] for parameters of what is called so.
pub(super) fn check_values_of(
    what: &str,
    definitions: &[Parameter],
    given: &ParameterValues,
    former: Option<&ParameterValues>,
) -> Result<ParameterValues, Vec<ParameterError>> {
    let mut errors = Vec::new();
    let mut values = ParameterValues::new();
    let error = |name: &str, message: String| ParameterError {
        name: name.to_owned(),
        message,
    };
    for name in given.keys() {
        if !definitions.iter().any(|definition| definition.name == *name) {
            let hint = hint(name, definitions.iter().map(|definition| definition.name.as_str()));
            errors.push(error(&shown(name), format!("is not one of this {what}{hint}")));
        }
    }
    for definition in definitions {
        let name = &definition.name;
        let before = former.and_then(|former| former.get(name));
        // A value that was never chosen anew gives way to the default where a new version does not allow it any more.
        let kept = before.filter(|before| definition.default.is_none() || by_itself(definition, before).is_ok());
        match given.get(name).or(kept).or(definition.default.as_ref()) {
            None => errors.push(error(name, "needs a value".to_owned())),
            Some(value) => match check_value(definition, value, before) {
                Ok(()) => drop(values.insert(name.clone(), value.clone())),
                Err(message) => errors.push(error(name, message)),
            },
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

#[cfg(test)]
mod tests;
