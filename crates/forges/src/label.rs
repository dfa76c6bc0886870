//! Labels that ask for something: `<prefix>-hitl` for a workspace, `<prefix>-agent[:<model>]` for a workspace with an AI agent.
//!
//! A label is either written exactly so, in ASCII and lower case up to the model, or it asks for nothing. One that a person
//! could take for such a label is told apart from the others, so that they learn why nothing happens.

mod skeleton;

use std::fmt;

use serde::{Deserialize, Serialize};

use skeleton::skeleton;

/// The longest label that is looked at, in bytes; forges allow 255 characters at most.
const LONGEST: usize = 1_020;
/// The longest name of a model in a label, in bytes.
const LONGEST_MODEL: usize = 64;

/// What Bailey's labels begin with: 1 to 32 lower-case letters, digits and hyphens, a letter first and no hyphen last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Prefix(String);

/// The text is no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a label prefix is 1 to 32 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen"
)]
pub struct PrefixError;

impl Prefix {
    /// Reads a prefix.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = (1..=32).contains(&text.len())
            && text.bytes().all(allowed)
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-');
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(PrefixError)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The label that asks for a workspace.
    pub fn workspace_label(&self) -> String {
        format!("{}-hitl", self.0)
    }

    /// The label that asks for a workspace with an AI agent.
    pub fn agent_label(&self) -> String {
        format!("{}-agent", self.0)
    }
}

impl Default for Prefix {
    /// `bailey`.
    fn default() -> Self {
        Self("bailey".to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What a label asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trigger {
    /// A workspace for the assignee.
    Workspace,
    /// A workspace, and an AI agent that works in it.
    Agent {
        /// What the label says of the model, as it is written; the default model where it says nothing.
        model: Option<String>,
    },
}

/// What a label is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It asks for something.
    Trigger(Trigger),
    /// It is none of Bailey's.
    Other,
    /// It looks like one of Bailey's and is not written like one.
    Refused(LabelFault),
}

/// Why a label that looks like one of Bailey's asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelFault {
    /// Another letter, case, space or hyphen.
    #[error(
        "a label looks like `{meant}` and is written differently; write it exactly so, in lower-case ASCII without spaces"
    )]
    Lookalike {
        /// What it looks like.
        meant: String,
    },
    /// What follows the colon is no name of a model.
    #[error(
        "the label `{label}:…` names no model: after the colon stand 1 to 64 letters, digits and `. _ - : / @`, a letter or digit first"
    )]
    Model {
        /// The label up to the colon.
        label: String,
    },
}

/// What `label` is, for a deployment whose labels begin with `prefix`.
pub fn read(prefix: &Prefix, label: &str) -> Reading {
    let (workspace, agent) = (prefix.workspace_label(), prefix.agent_label());
    if label.len() > LONGEST {
        return Reading::Other;
    }
    if label == workspace {
        return Reading::Trigger(Trigger::Workspace);
    }
    if label == agent {
        return Reading::Trigger(Trigger::Agent { model: None });
    }
    if let Some(model) = label.strip_prefix(&agent).and_then(|rest| rest.strip_prefix(':')) {
        return if is_model(model) {
            let model = Some(model.to_owned());
            Reading::Trigger(Trigger::Agent { model })
        } else {
            Reading::Refused(LabelFault::Model { label: agent })
        };
    }
    let seen = skeleton(label);
    let looks_like = |meant: &str, model: bool| {
        let rest = seen.strip_prefix(skeleton(meant).as_str());
        rest.is_some_and(|rest| rest.is_empty() || (model && rest.starts_with(':')))
    };
    let meant = [(workspace, false), (agent, true)];
    match meant.into_iter().find(|(meant, model)| looks_like(meant, *model)) {
        Some((meant, _)) => Reading::Refused(LabelFault::Lookalike { meant }),
        None => Reading::Other,
    }
}

fn is_model(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-:/@".contains(&b);
    (1..=LONGEST_MODEL).contains(&text.len())
        && text.bytes().all(allowed)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;
