//! Templates: what a workspace is made of, and what a template comes to once its parameters are known.
//!
//! [`Template`] is what `template.toml` says. [`Resolved`] is the one model that every kind of template leads to: it names
//! values, not expressions, and is what drivers and the workspace agent work with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub mod resolved;

pub use resolved::*;

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

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// `true` or `false`.
    Bool(bool),
    /// A number; a whole one is written without a point.
    Number(f64),
    /// Text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

/// The values of a workspace's parameters, by name.
pub type ParameterValues = BTreeMap<String, ParameterValue>;
