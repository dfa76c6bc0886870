//! Reading TOML with all faults at once: what is wrong is noted with its place, and reading goes on.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Lines, Position, TemplateError, hint};
use super::names::shown;
use super::text::{Kind, Text};
use super::{ParameterValue, names};

/// The document as far as it could be read, and what is wrong with it.
pub(super) struct Reader<'a> {
    lines: Lines<'a>,
    errors: Vec<TemplateError>,
    /// The names of the parameters, which texts may refer to.
    pub(super) parameters: Vec<String>,
}

/// A value, where it stands and what it is called.
#[derive(Clone)]
pub(super) struct Value<'d, 'a> {
    found: &'d DeValue<'a>,
    pub(super) at: Position,
    pub(super) path: String,
}

/// A table of which keys are taken one by one.
pub(super) struct Section<'d, 'a> {
    table: &'d DeTable<'a>,
    pub(super) at: Position,
    pub(super) path: String,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (lines, errors, parameters) = (Lines::new(text), Vec::new(), Vec::new());
        Self {
            lines,
            errors,
            parameters,
        }
    }

    /// Notes what the TOML parser found.
    pub(super) fn syntax(&mut self, errors: Vec<toml::de::Error>) {
        for error in errors {
            let at = self.lines.at(error.span().map_or(0, |span| span.start));
            self.error(at, "", error.message().replace('\n', ", "));
        }
    }

    /// Notes a fault.
    pub(super) fn error(&mut self, at: Position, path: &str, message: impl Into<String>) {
        self.errors.push(TemplateError {
            line: at.line,
            column: at.column,
            path: path.to_owned(),
            message: message.into(),
        });
    }

    /// Notes the fault of a check, if there is one.
    pub(super) fn check<T>(&mut self, at: Position, path: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.error(at, path, message)).ok()
    }

    /// All faults, in the order of their places.
    pub(super) fn finish(mut self) -> Vec<TemplateError> {
        self.errors.sort();
        self.errors.dedup();
        self.errors
    }

    pub(super) fn root<'d>(&self, table: &'d Spanned<DeTable<'a>>) -> Section<'d, 'a> {
        Section {
            table: table.get_ref(),
            at: self.lines.at(0),
            path: String::new(),
            known: Vec::new(),
        }
    }

    fn value<'d>(&self, value: &'d Spanned<DeValue<'a>>, path: String) -> Value<'d, 'a> {
        Value {
            found: value.get_ref(),
            at: self.lines.at(value.span().start),
            path,
        }
    }

    fn mismatch(&mut self, value: &Value<'_, 'a>, wanted: &str) {
        let found = match value.found {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(value.at, &value.path, format!("must be {wanted}, and is {found}"));
    }

    pub(super) fn string(&mut self, value: &Value<'_, 'a>) -> Option<String> {
        match value.found.as_str() {
            Some(text) if text.contains('\0') => {
                self.error(value.at, &value.path, "must not have a NUL character in it");
                None
            }
            Some(text) => Some(text.to_owned()),
            None => {
                self.mismatch(value, "a string");
                None
            }
        }
    }

    pub(super) fn bool(&mut self, value: &Value<'_, 'a>) -> Option<bool> {
        let found = value.found.as_bool();
        if found.is_none() {
            self.mismatch(value, "true or false");
        }
        found
    }

    pub(super) fn number(&mut self, value: &Value<'_, 'a>) -> Option<f64> {
        let Some(number) = number(value.found) else {
            self.mismatch(value, "a number");
            return None;
        };
        if !number.is_finite() || number.abs() > super::parameter::LARGEST {
            self.error(value.at, &value.path, "must be a number between -2^53 and 2^53");
            return None;
        }
        Some(number)
    }

    pub(super) fn integer(&mut self, value: &Value<'_, 'a>, least: i64, most: i64) -> Option<i64> {
        let found = value.found.as_integer();
        let number = found.and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        match number.filter(|n| (least..=most).contains(n)) {
            None if found.is_none() => self.mismatch(value, "a whole number"),
            None => self.error(
                value.at,
                &value.path,
                format!("must be a whole number from {least} to {most}"),
            ),
            _ => {}
        }
        number.filter(|n| (least..=most).contains(n))
    }

    /// A value that a parameter may have.
    pub(super) fn parameter_value(&mut self, value: &Value<'_, 'a>) -> Option<ParameterValue> {
        match value.found {
            DeValue::String(_) => self.string(value).map(ParameterValue::Text),
            DeValue::Boolean(found) => Some(ParameterValue::Bool(*found)),
            DeValue::Integer(_) | DeValue::Float(_) => self.number(value).map(ParameterValue::Number),
            DeValue::Array(_) => self.strings(value).map(ParameterValue::List),
            DeValue::Datetime(_) | DeValue::Table(_) => {
                self.mismatch(value, "a string, number, bool or list of strings");
                None
            }
        }
    }

    pub(super) fn strings(&mut self, value: &Value<'_, 'a>) -> Option<Vec<String>> {
        let items = self.items(value, "a list of strings", 1_000)?;
        items.iter().map(|item| self.string(item)).collect()
    }

    fn items<'d>(&mut self, value: &Value<'d, 'a>, wanted: &str, most: usize) -> Option<Vec<Value<'d, 'a>>> {
        let Some(array) = value.found.as_array() else {
            self.mismatch(value, wanted);
            return None;
        };
        if array.len() > most {
            self.error(value.at, &value.path, format!("has more than {most} entries"));
            return None;
        }
        let items = array.iter().enumerate();
        Some(
            items
                .map(|(i, item)| self.value(item, format!("{}[{i}]", value.path)))
                .collect(),
        )
    }

    /// The tables of a list.
    pub(super) fn sections<'d>(&mut self, value: &Value<'d, 'a>, most: usize) -> Vec<Section<'d, 'a>> {
        let items = self.items(value, "a list of tables", most).unwrap_or_default();
        items.iter().filter_map(|item| self.section(item)).collect()
    }

    pub(super) fn section<'d>(&mut self, value: &Value<'d, 'a>) -> Option<Section<'d, 'a>> {
        let Some(table) = value.found.as_table() else {
            self.mismatch(value, "a table");
            return None;
        };
        Some(Section {
            table,
            at: value.at,
            path: value.path.clone(),
            known: Vec::new(),
        })
    }

    /// A text with places for values.
    pub(super) fn text(&mut self, value: &Value<'_, 'a>, kind: Kind) -> Option<Text> {
        // Numbers are welcome where an amount is meant.
        let text = match number(value.found) {
            Some(number) if kind == Kind::Plain => number.to_string(),
            _ => self.string(value)?,
        };
        match Text::parse(&text, kind, value.at, &value.path, &self.parameters) {
            Ok(text) => Some(text),
            Err(errors) => {
                for error in errors {
                    self.error(value.at, &value.path, error);
                }
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, value: &Value<'_, 'a>, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(value)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let hint = hint(&text, words.iter().map(|(word, _)| *word));
            let message = format!("must be one of {}, and is `{}`{hint}", all.join(", "), shown(&text));
            self.error(value.at, &value.path, message);
        }
        found.map(|(_, value)| *value)
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        // Beyond 2^53 the number is refused, so that nothing is lost.
        #[expect(clippy::cast_precision_loss, reason = "what is not exact is refused by the caller")]
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
        DeValue::Float(n) => n.as_str().parse().ok(),
        _ => None,
    }
}

impl<'d, 'a> Section<'d, 'a> {
    /// The path of a key in here.
    pub(super) fn name(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// Takes a value, if it is there.
    pub(super) fn take(&mut self, reader: &Reader<'a>, key: &'static str) -> Option<Value<'d, 'a>> {
        self.known.push(key);
        let value = self.table.get(key)?;
        Some(reader.value(value, self.name(key)))
    }

    /// Takes a value that must be there.
    pub(super) fn need(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Option<Value<'d, 'a>> {
        let value = self.take(reader, key);
        if value.is_none() {
            let what = if self.path.is_empty() {
                "template.toml"
            } else {
                "this entry"
            };
            reader.error(self.at, &self.path, format!("{what} needs `{key}`"));
        }
        value
    }

    pub(super) fn string(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Option<String> {
        let value = self.take(reader, key)?;
        reader.string(&value)
    }

    pub(super) fn bool(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Option<bool> {
        let value = self.take(reader, key)?;
        reader.bool(&value)
    }

    pub(super) fn text(&mut self, reader: &mut Reader<'a>, key: &'static str, kind: Kind) -> Option<Text> {
        let value = self.take(reader, key)?;
        reader.text(&value, kind)
    }

    pub(super) fn section(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Option<Section<'d, 'a>> {
        let value = self.take(reader, key)?;
        reader.section(&value)
    }

    pub(super) fn sections(&mut self, reader: &mut Reader<'a>, key: &'static str, most: usize) -> Vec<Section<'d, 'a>> {
        match self.take(reader, key) {
            Some(value) => reader.sections(&value, most),
            None => Vec::new(),
        }
    }

    /// A name by the rules of `check`, which the entry must have.
    pub(super) fn named(
        &mut self,
        reader: &mut Reader<'a>,
        check: fn(&str) -> Result<(), String>,
        taken: &mut Vec<String>,
    ) -> Option<String> {
        let value = self.need(reader, "name")?;
        let name = reader.string(&value)?;
        reader.check(value.at, &value.path, check(&name))?;
        if taken.contains(&name) {
            reader.error(value.at, &value.path, format!("there are two of the name `{name}`"));
            return None;
        }
        taken.push(name.clone());
        Some(name)
    }

    /// A path within the template's directory.
    pub(super) fn source(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Option<super::Source> {
        let value = self.take(reader, key)?;
        let file = reader.string(&value)?;
        reader.check(value.at, &value.path, names::relative_path(&file))?;
        let (at, path) = (value.at, value.path);
        Some(super::Source { file, at, path })
    }

    /// All entries of a table whose keys are names.
    pub(super) fn entries(&self, reader: &Reader<'a>) -> Vec<(String, Position, Value<'d, 'a>)> {
        let entries = self.table.iter();
        let entry = |(key, value): (&Spanned<std::borrow::Cow<'a, str>>, &'d Spanned<DeValue<'a>>)| {
            let name = key.get_ref().to_string();
            let path = self.name(&name);
            (name, reader.lines.at(key.span().start), reader.value(value, path))
        };
        entries.map(entry).collect()
    }

    /// Refuses what was not taken.
    pub(super) fn finish(self, reader: &mut Reader<'a>) {
        for (key, at, value) in self.entries(reader) {
            if !self.known.contains(&key.as_str()) {
                let hint = hint(&key, self.known.iter().copied());
                reader.error(at, &value.path, format!("is not known here{hint}"));
            }
        }
    }
}
