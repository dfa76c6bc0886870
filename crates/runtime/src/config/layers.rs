//! Lays the environment and the flags over the file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bailey_core::Secret;

use super::env;
use super::error::ConfigError;
use super::tree::{Node, Origin, Table, Value};

/// What flags of the command line set. They win over everything else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`: address and port.
    pub listen: Option<String>,
    /// `--tls-cert`.
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`.
    pub tls_key: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--database-url`.
    pub database_url: Option<Secret<String>>,
    /// `--log-level`.
    pub log_level: Option<String>,
    /// `--log-format`.
    pub log_format: Option<String>,
}

impl Overrides {
    /// Section, key, flag and text of each flag that was given.
    fn given(&self) -> Vec<([&'static str; 2], &'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let url = self.database_url.as_ref().map(|url| url.expose().clone());
        let all = [
            (["server", "listen"], "--listen", self.listen.clone()),
            (["server", "data_dir"], "--data-dir", path(&self.data_dir)),
            (["server", "tls_cert"], "--tls-cert", path(&self.tls_cert)),
            (["server", "tls_key"], "--tls-key", path(&self.tls_key)),
            (["database", "url"], "--database-url", url),
            (["log", "level"], "--log-level", self.log_level.clone()),
            (["log", "format"], "--log-format", self.log_format.clone()),
        ];
        all.into_iter()
            .filter_map(|(path, flag, text)| Some((path, flag, text?)))
            .collect()
    }
}

/// Lays every `BAILEY__` variable over the file's keys.
pub(super) fn lay_env(tree: &mut Table, variables: &BTreeMap<String, String>) -> Vec<ConfigError> {
    let ours = variables
        .iter()
        .filter_map(|(name, text)| Some((name, name.strip_prefix(env::PREFIX)?, text)));
    let results = ours.map(|(name, rest, text)| {
        let mut path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        // The scopes of keys have `-` in their names, which variables cannot.
        if let [defaults, keys, scope, ..] = path.as_mut_slice()
            && (defaults.as_str(), keys.as_str()) == ("defaults", "keys")
        {
            *scope = scope.replace('_', "-");
        }
        let origin = Origin::Env(name.clone());
        if path.iter().any(String::is_empty) {
            return Err(mistake(&path, origin, "write the variable as BAILEY__SECTION__KEY"));
        }
        lay(tree, &path, text, &origin)
    });
    results.filter_map(Result::err).collect()
}

/// Lays the flags over all else.
pub(super) fn lay_flags(tree: &mut Table, flags: &Overrides) -> Vec<ConfigError> {
    let results = flags
        .given()
        .into_iter()
        .map(|(path, flag, text)| lay(tree, &path.map(str::to_owned), &text, &Origin::Flag(flag)));
    results.filter_map(Result::err).collect()
}

fn lay(tree: &mut Table, path: &[String], text: &str, origin: &Origin) -> Result<(), ConfigError> {
    let Some((last, sections)) = path.split_last() else {
        return Ok(());
    };
    let mut table = tree;
    for section in sections {
        let name = existing(table, section);
        let node = table.entry(name).or_insert_with(|| Node {
            value: Value::Table(Table::new()),
            origin: origin.clone(),
        });
        table = match &mut node.value {
            Value::Table(inner) => inner,
            other => {
                return Err(mistake(
                    path,
                    origin.clone(),
                    &format!("`{section}` is {}, no table", other.kind()),
                ));
            }
        };
    }
    displace(table, last, origin);
    let value = Value::Text(text.to_owned());
    let origin = origin.clone();
    table.insert(existing(table, last), Node { value, origin });
    Ok(())
}

/// A secret may be written under `name`, `name_file` or `name_env`: the layer above replaces whichever the layer below
/// has, instead of being a second one beside it.
fn displace(table: &mut Table, key: &str, origin: &Origin) {
    let base = key
        .strip_suffix("_file")
        .or_else(|| key.strip_suffix("_env"))
        .unwrap_or(key);
    let layer = std::mem::discriminant(origin);
    for sibling in [base.to_owned(), format!("{base}_file"), format!("{base}_env")] {
        if table
            .get(&sibling)
            .is_some_and(|node| std::mem::discriminant(&node.origin) != layer)
        {
            table.remove(&sibling);
        }
    }
}

/// Variables cannot have `-` in their names: where the file has `my-provider`, `MY_PROVIDER` means that one.
fn existing(table: &Table, wanted: &str) -> String {
    let same = table
        .keys()
        .find(|name| name.replace('-', "_").eq_ignore_ascii_case(wanted));
    same.cloned().unwrap_or_else(|| wanted.to_owned())
}

fn mistake(path: &[String], origin: Origin, message: &str) -> ConfigError {
    ConfigError {
        path: path.join("."),
        origin: Some(origin),
        message: message.to_owned(),
    }
}
