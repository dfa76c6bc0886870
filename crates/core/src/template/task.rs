//! Tasks: named jobs for an AI agent, and the values that somebody fills into them.
//!
//! `{{name}}` in a prompt stands for a parameter of its task. A prompt is read once, when its template is: what is filled in later,
//! of the workspace or of the run, is never read again. `{{{{` stands for `{{` itself.

use serde::{Deserialize, Serialize};

use super::error::hint;
use super::names::shown;
use super::parameter::check_values_of;
use super::{Parameter, ParameterError, ParameterValue, ParameterValues};
use crate::TemplateVersionId;
use crate::chat::Limits;

/// Places for values in one prompt, at most: with the longest values in each it stays a text that can be handled.
const PLACES: usize = 100;

/// A named job for an AI agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// What the agent is told.
    pub prompt: Prompt,
    /// What is asked of whoever runs it.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The model; `None` = the one that chats get.
    #[serde(default)]
    pub model: Option<String>,
    /// Whether nothing is written until a person accepts a plan.
    #[serde(default)]
    pub plan: bool,
    /// What a run may take, at most what the deployment allows.
    #[serde(default)]
    pub limits: Limits,
    /// The directory that the agent starts in; `None` = the home directory.
    #[serde(default)]
    pub directory: Option<String>,
}

/// The text of a task, with places for its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Prompt(Vec<PromptPiece>);

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptPiece {
    /// The template's own words.
    Text(String),
    /// The place of a parameter's value.
    Parameter(String),
}

/// What a run of a task was begun from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOrigin {
    /// The task's name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// The version of the template that it stands in.
    pub version: TemplateVersionId,
    /// The values of all its parameters.
    pub parameters: ParameterValues,
}

/// A prompt as it was stored: before tasks had parameters, it was a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Pieces(Vec<PromptPiece>),
}

impl From<Stored> for Prompt {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Text(text) => Self(vec![PromptPiece::Text(text)]),
            Stored::Pieces(pieces) => Self(pieces),
        }
    }
}

impl From<Vec<PromptPiece>> for Prompt {
    fn from(pieces: Vec<PromptPiece>) -> Self {
        Self(pieces)
    }
}

impl Prompt {
    /// Its pieces.
    pub fn pieces(&self) -> &[PromptPiece] {
        &self.0
    }

    /// As its author wrote it.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                PromptPiece::Text(text) => out.push_str(&text.replace("{{", "{{{{")),
                PromptPiece::Parameter(name) => {
                    out.push_str("{{");
                    out.push_str(name);
                    out.push_str("}}");
                }
            }
        }
        out
    }

    /// The text with all values in, each as `show` writes it. A value that is not there is left out; after [`Task::check`] none is
    /// missing.
    pub fn fill(&self, values: &ParameterValues, mut show: impl FnMut(&str, &ParameterValue) -> String) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                PromptPiece::Text(text) => out.push_str(text),
                PromptPiece::Parameter(name) => {
                    if let Some(value) = values.get(name) {
                        out.push_str(&show(name, value));
                    }
                }
            }
        }
        out
    }
}

impl Task {
    /// Checks the values that somebody gives, and fills in the others. All faults at once.
    pub fn check(&self, given: &ParameterValues) -> Result<ParameterValues, Vec<ParameterError>> {
        check_values_of("task", &self.parameters, given, None)
    }

    /// Whether a value of this parameter is somebody's own words: not a number, nor one of those that the template lists.
    pub fn is_free_text(&self, parameter: &str) -> bool {
        let found = self.parameters.iter().find(|known| known.name == parameter);
        found.is_none_or(|found| {
            use super::ParameterType::{List, String};
            matches!(found.kind, String | List) && found.options.is_empty()
        })
    }
}

/// Finds the places in a prompt as its author wrote it. `parameters` are the names that there are.
pub(super) fn split(text: &str, parameters: &[String]) -> Result<Vec<PromptPiece>, Vec<String>> {
    let (mut pieces, mut errors) = (Vec::new(), Vec::new());
    let (mut literal, mut rest) = (String::new(), text);
    let mut places = 0_usize;
    while let Some((before, after)) = rest.split_once("{{") {
        literal.push_str(before);
        if let Some(after) = after.strip_prefix("{{") {
            literal.push_str("{{");
            rest = after;
            continue;
        }
        let Some((name, after)) = after.split_once("}}") else {
            errors.push("`{{` is never closed; write `{{{{` for the characters themselves".to_owned());
            rest = "";
            break;
        };
        rest = after;
        let name = name.trim();
        if !parameters.iter().any(|known| known == name) {
            let hint = hint(name, parameters.iter().map(String::as_str));
            errors.push(format!(
                "this task has no parameter `{}`; write `{{{{{{{{` for the characters `{{{{`{hint}",
                shown(name)
            ));
            continue;
        }
        places += 1;
        if !literal.is_empty() {
            pieces.push(PromptPiece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(PromptPiece::Parameter(name.to_owned()));
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(PromptPiece::Text(literal));
    }
    if places > PLACES {
        errors.push(format!("has {places} places for values, and {PLACES} are the most"));
    }
    if errors.is_empty() { Ok(pieces) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> PromptPiece {
        PromptPiece::Text(text.into())
    }

    fn place(name: &str) -> PromptPiece {
        PromptPiece::Parameter(name.into())
    }

    #[test]
    fn places_are_found_and_braces_can_be_written() {
        let names = ["scope".to_owned(), "goal".to_owned()];
        let pieces = split("Look at {{scope}}, {{ goal }}{{{{x}} {a: {}}", &names).unwrap();
        let expected = [
            text("Look at "),
            place("scope"),
            text(", "),
            place("goal"),
            text("{{x}} {a: {}}"),
        ];
        assert_eq!(pieces, expected);
        let errors = split("{{scoop}} {{scope", &names).unwrap_err();
        assert!(errors[0].contains("no parameter `scoop`") && errors[0].contains("did you mean `scope`?"));
        assert!(
            errors[0].contains("write `{{{{` for the characters `{{`"),
            "{}",
            errors[0]
        );
        assert!(errors[1].contains("is never closed"));
        assert!(split(&"{{scope}}".repeat(101), &names).unwrap_err()[0].contains("100 are the most"));
    }

    #[test]
    fn a_value_is_put_in_once_and_never_read_again() {
        let prompt = Prompt::from(vec![text("a "), place("x"), text(" b "), place("y")]);
        let values = [
            ("x".to_owned(), ParameterValue::Text("{{y}}".into())),
            ("y".to_owned(), ParameterValue::Text("{{x}} ${param.x}".into())),
        ];
        let filled = prompt.fill(&values.into(), |_, value| value.to_string());
        assert_eq!(filled, "a {{y}} b {{x}} ${param.x}");
    }

    #[test]
    fn a_task_that_was_stored_before_there_were_parameters_is_still_read() {
        let task: Task = serde_json::from_str(r#"{"name":"a","display_name":"A","prompt":"Do {{it}}"}"#).unwrap();
        assert_eq!(task.prompt.pieces(), [text("Do {{it}}")]);
        let again: Task = serde_json::from_str(&serde_json::to_string(&task).unwrap()).unwrap();
        assert_eq!(again, task);
        assert!(task.is_free_text("anything") && !task.plan && task.limits == Limits::default());
    }

    proptest! {
        /// What is shown reads as what it was.
        #[test]
        fn what_is_shown_is_what_was_written(written in "(a|\\{|\\}|\\{\\{x\\}\\}|\\{\\{\\{\\{){0,12}") {
            let names = ["x".to_owned()];
            if let Ok(pieces) = split(&written, &names) {
                let prompt = Prompt::from(pieces);
                prop_assert_eq!(split(&prompt.shown(), &names).map(Prompt::from), Ok(prompt));
            }
        }
    }
}
