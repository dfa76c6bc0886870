//! Secrets of the configuration, each written as it is, in a file, or in an environment variable.

use std::fmt;
use std::path::{Path, PathBuf};

use bailey_core::Secret;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::reader::{Section, text};
use super::tree::Node;

/// A secret and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    value: Secret<String>,
    source: CredentialSource,
    keys: SecretKeys,
}

/// Where a secret was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// In the configuration itself.
    Inline,
    /// In a file of its own.
    File(PathBuf),
    /// In an environment variable of this name.
    Env(String),
}

/// The names of the keys that one secret may be written under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecretKeys {
    pub(super) inline: &'static str,
    pub(super) file: &'static str,
    pub(super) env: Option<&'static str>,
}

impl Credential {
    /// The secret.
    pub const fn secret(&self) -> &Secret<String> {
        &self.value
    }

    /// Where it was written.
    pub const fn source(&self) -> &CredentialSource {
        &self.source
    }
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline => f.write_str("written in the configuration"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "variable {name}"),
        }
    }
}

/// Written flattened into its table: the source where there is one, never the secret.
impl Serialize for Credential {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        match &self.source {
            CredentialSource::Inline => map.serialize_entry(self.keys.inline, "[redacted]")?,
            CredentialSource::File(path) => map.serialize_entry(self.keys.file, path)?,
            CredentialSource::Env(name) => map.serialize_entry(self.keys.env.unwrap_or(self.keys.inline), name)?,
        }
        map.end()
    }
}

/// Reads a secret from whichever of its keys is written; more than one is a mistake.
pub(super) fn read(section: &mut Section<'_>, keys: SecretKeys) -> Option<Credential> {
    let names = [Some(keys.inline), Some(keys.file), keys.env];
    let written: Vec<&str> = names.into_iter().flatten().filter(|key| section.has(key)).collect();
    if let [first, second, ..] = written.as_slice() {
        section.note(second, format!("`{first}` is written too; keep one of them"));
    }
    let credential = |value: String, source| {
        let value = Secret::new(value);
        Credential { value, source, keys }
    };
    let inline = section.get(keys.inline, |node| {
        filled(text(node)?).map(|value| credential(value, CredentialSource::Inline))
    });
    let cx = section.cx;
    let file = section.get(keys.file, |node| {
        let path = cx.resolve(&text(node)?, &node.origin)?;
        read_file(&path).map(|value| credential(value, CredentialSource::File(path)))
    });
    let variable = |node: &Node| {
        let name = text(node)?;
        let value = cx
            .env
            .get(&name)
            .ok_or_else(|| format!("the variable {name} is not set"))?;
        filled(value.clone()).map(|value| credential(value, CredentialSource::Env(name)))
    };
    let env = keys.env.and_then(|key| section.get(key, variable));
    inline.or(file).or(env)
}

fn read_file(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    filled(text.trim().to_owned())
}

fn filled(value: String) -> Result<String, String> {
    if value.trim().is_empty() {
        return Err("the secret is empty".to_owned());
    }
    Ok(value)
}
