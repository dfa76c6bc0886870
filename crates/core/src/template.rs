//! Templates: what a workspace is made of, and what a template comes to once its parameters are known.
//!
//! [`Template`] is what `template.toml` says. [`Resolved`] is the one model that every kind of template leads to: it names
//! values, not expressions, and is what drivers and the workspace agent work with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub mod cron;
mod error;
mod manifest;
pub mod names;
mod outline;
mod parameter;
mod parameters;
mod parts;
mod reader;
mod resolve;
pub mod resolved;
pub mod shell;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod text;
pub mod units;

pub use error::{Position, TemplateError};
pub use manifest::{LONGEST_MANIFEST, Source, Template, TemplateBase};
pub use outline::{AppOutline, TaskOutline};
pub use parameter::{
    Form, Monotonic, Parameter, ParameterError, ParameterOption, ParameterType, Preset, check_value, check_values,
};
pub use resolve::{Facts, Parts};
pub use resolved::*;
pub use task::{Prompt, PromptPiece, Task, TaskOrigin};

/// How an app may be shared, from the narrowest to the widest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// The workspace's owner alone.
    #[default]
    Owner,
    /// Everyone who is signed in.
    Authenticated,
    /// Everyone.
    Public,
}

/// How strictly coding agents are told to work (mission G7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnforcementLevel {
    /// Nothing is added.
    #[default]
    Unrestricted,
    /// A checklist of six points of reasoning.
    Standard,
    /// A design proposal before any code.
    DesignFirst,
}

impl EnforcementLevel {
    /// The name, as it is written in templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unrestricted => "unrestricted",
            Self::Standard => "standard",
            Self::DesignFirst => "design-first",
        }
    }
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// `true` or `false`.
    Bool(bool),
    /// A number; a whole one is written without a point.
    #[serde(serialize_with = "plainly")]
    Number(f64),
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

// A number that is none is refused wherever a value is read, so that a value equals itself.
impl Eq for ParameterValue {}

/// The values of parameters, by name.
pub type ParameterValues = BTreeMap<String, ParameterValue>;

/// Whole numbers without a point, as every other program writes them.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn plainly<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    if number.fract() == 0.0 && number.abs() <= parameter::LARGEST {
        return serializer.serialize_i64(*number as i64);
    }
    serializer.serialize_f64(*number)
}
