//! Reads typed values out of the tree and notes every mistake on the way, so that all are reported at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::tree::{Node, Origin, Table, Value, parse_value};

/// What reading needs to know, and the mistakes found so far.
pub(super) struct Context<'a> {
    /// The environment.
    pub(super) env: &'a BTreeMap<String, String>,
    /// The folder of the file; relative paths in the file begin there.
    pub(super) folder: Option<&'a Path>,
    problems: RefCell<Vec<ConfigError>>,
}

impl<'a> Context<'a> {
    pub(super) const fn new(env: &'a BTreeMap<String, String>, folder: Option<&'a Path>) -> Self {
        let problems = RefCell::new(Vec::new());
        Self { env, folder, problems }
    }

    pub(super) fn note(&self, path: impl Into<String>, origin: Option<Origin>, message: impl Into<String>) {
        self.problems.borrow_mut().push(ConfigError {
            path: path.into(),
            origin,
            message: message.into(),
        });
    }

    pub(super) fn into_problems(self) -> Vec<ConfigError> {
        self.problems.into_inner()
    }

    /// `~/` is the home folder; other relative paths begin at the file that they are written in.
    pub(super) fn resolve(&self, text: &str, origin: &Origin) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("the path is empty".to_owned());
        }
        if let Some(rest) = text.strip_prefix("~/") {
            let home = self.env.get("HOME").filter(|home| !home.is_empty());
            return home
                .map(|home| Path::new(home).join(rest))
                .ok_or_else(|| "`~` needs the variable HOME; write an absolute path".to_owned());
        }
        Ok(match (self.folder, origin) {
            (Some(folder), Origin::Line(_)) => folder.join(text),
            _ => PathBuf::from(text),
        })
    }
}

/// One table while it is read. Each key that is asked for counts as known; what is left at the end is refused.
pub(super) struct Section<'a> {
    pub(super) cx: &'a Context<'a>,
    path: String,
    origin: Option<Origin>,
    table: Table,
    /// The keys asked for, and where each was written.
    known: Vec<(&'static str, Option<Origin>)>,
    /// Keys whose values were unusable.
    failed: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Reads the outermost table.
    pub(super) fn root<T>(cx: &'a Context<'a>, table: Table, read: impl FnOnce(&mut Self) -> T) -> T {
        Self::whole(cx, String::new(), None, table, read)
    }

    fn whole<T>(
        cx: &'a Context<'a>,
        path: String,
        origin: Option<Origin>,
        table: Table,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut section = Self {
            cx,
            path,
            origin,
            table,
            known: Vec::new(),
            failed: Vec::new(),
        };
        let value = read(&mut section);
        section.refuse_unknown();
        value
    }

    fn refuse_unknown(self) {
        let known: Vec<&str> = self.known.iter().map(|(key, _)| *key).collect();
        let known = known.join(", ");
        for (key, node) in &self.table {
            let message = format!("unknown key; allowed here: {known}");
            self.cx.note(self.path_of(key), Some(node.origin.clone()), message);
        }
    }

    /// The whole path of a key.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Where this table was written.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.origin.clone()
    }

    /// Whether the key is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes a mistake about a key.
    pub(super) fn note(&self, key: &str, message: impl Into<String>) {
        let unread = self.table.get(key).map(|node| node.origin.clone());
        let read = || {
            self.known
                .iter()
                .find(|(known, _)| *known == key)
                .and_then(|(_, origin)| origin.clone())
        };
        self.cx.note(
            self.path_of(key),
            unread.or_else(read).or_else(|| self.origin()),
            message,
        );
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        let node = self.table.remove(key);
        self.known.push((key, node.as_ref().map(|node| node.origin.clone())));
        node
    }

    /// The value of a key; `None` where it is absent or, noted, unusable.
    pub(super) fn get<T>(&mut self, key: &'static str, parse: impl FnOnce(&Node) -> Result<T, String>) -> Option<T> {
        let node = self.take(key)?;
        match parse(&node) {
            Ok(value) => Some(value),
            Err(message) => {
                self.cx.note(self.path_of(key), Some(node.origin), message);
                self.failed.push(key);
                None
            }
        }
    }

    /// Whether a key of this name, or one that begins with it, was written and unusable.
    pub(super) fn failed(&self, key: &str) -> bool {
        self.failed.iter().any(|failed| failed.starts_with(key))
    }

    /// The value of a key, or its default.
    pub(super) fn or<T>(&mut self, key: &'static str, default: T, parse: impl FnOnce(&Node) -> Result<T, String>) -> T {
        self.get(key, parse).unwrap_or(default)
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.note(key, "missing");
        }
        self.get(key, parse)
    }

    /// A path of a key; see [`Context::resolve`].
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let cx = self.cx;
        self.get(key, |node| cx.resolve(&text(node)?, &node.origin))
    }

    /// The table below a key, read as empty where it is absent.
    pub(super) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let node = self.take(key);
        self.inner(self.path_of(key), node, read)
    }

    /// The tables below a key, by the names that the file gives them.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&str, &mut Self) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let path = self.path_of(key);
        let Some(node) = self.take(key) else {
            return BTreeMap::new();
        };
        let tables = self.table_of(&path, node).into_iter();
        let read = tables.filter_map(|(name, node)| {
            let value = self.inner(format!("{path}.{name}"), Some(node), |inner| read(&name, inner));
            Some((name, value?))
        });
        read.collect()
    }

    /// The list of tables below a key, such as `[[models]]`.
    pub(super) fn listed<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Self) -> Option<T>) -> Vec<T> {
        let path = self.path_of(key);
        let nodes = self
            .get(key, |node| list(node, |item| Ok(item.clone())))
            .unwrap_or_default();
        let read = nodes
            .into_iter()
            .enumerate()
            .filter_map(|(at, node)| self.inner(format!("{path}[{at}]"), Some(node), &mut read));
        read.collect()
    }

    fn inner<T>(&self, path: String, node: Option<Node>, read: impl FnOnce(&mut Self) -> T) -> T {
        let origin = node.as_ref().map(|node| node.origin.clone());
        let table = node.map(|node| self.table_of(&path, node)).unwrap_or_default();
        Self::whole(self.cx, path, origin, table, read)
    }

    fn table_of(&self, path: &str, node: Node) -> Table {
        match typed(node) {
            Node {
                value: Value::Table(table),
                ..
            } => table,
            node => {
                let message = format!("expected a table, found {}", node.value.kind());
                self.cx.note(path, Some(node.origin), message);
                Table::new()
            }
        }
    }
}

/// What variables and flags say is text; where another type is wanted it is read as TOML.
fn typed(node: Node) -> Node {
    match (&node.value, &node.origin) {
        (Value::Text(text), Origin::Env(_) | Origin::Flag(_)) => match parse_value(text, &node.origin) {
            Some(value) => Node { value, ..node },
            None => node,
        },
        _ => node,
    }
}

fn expected<T>(what: &str, node: &Node) -> Result<T, String> {
    Err(format!("expected {what}, found {}", node.value.kind()))
}

/// Text.
pub(super) fn text(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Text(text) => Ok(text.clone()),
        _ => expected("text", node),
    }
}

/// Text that a function reads further.
pub(super) fn parsed<T, E: ToString>(
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> impl FnOnce(&Node) -> Result<T, String> {
    move |node| parse(&text(node)?).map_err(|error| error.to_string())
}

/// `true` or `false`.
pub(super) fn boolean(node: &Node) -> Result<bool, String> {
    match typed(node.clone()).value {
        Value::Boolean(yes) => Ok(yes),
        _ => expected("true or false", node),
    }
}

/// A whole number of at least `least`.
pub(super) fn at_least<T: TryFrom<i64>>(least: i64) -> impl Fn(&Node) -> Result<T, String> {
    move |node| match typed(node.clone()).value {
        Value::Integer(number) if number >= least => T::try_from(number).map_err(|_| format!("{number} is too large")),
        Value::Integer(number) => Err(format!("{number} is too small; the least is {least}")),
        _ => expected("a whole number", node),
    }
}

/// A list; from a variable also as `a, b`.
pub(super) fn list<T>(node: &Node, item: impl Fn(&Node) -> Result<T, String>) -> Result<Vec<T>, String> {
    let typed = typed(node.clone());
    match (&typed.value, &typed.origin) {
        (Value::List(items), _) => items.iter().map(item).collect(),
        (Value::Text(text), Origin::Env(_) | Origin::Flag(_)) if !text.trim_start().starts_with('[') => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let nodes = parts.map(|part| Node {
                value: Value::Text(part.to_owned()),
                origin: typed.origin.clone(),
            });
            nodes.map(|node| item(&node)).collect()
        }
        _ => expected("a list", node),
    }
}

/// A duration longer than nothing.
pub(super) fn duration(node: &Node) -> Result<std::time::Duration, String> {
    let duration = super::unit::parse_duration(&text(node)?)?;
    if duration.is_zero() {
        return Err("must be longer than nothing".to_owned());
    }
    Ok(duration)
}

/// A size of at least one byte.
pub(super) fn size(node: &Node) -> Result<usize, String> {
    match usize::try_from(super::unit::parse_size(&text(node)?)?) {
        Ok(0) => Err("must be at least 1B".to_owned()),
        Ok(size) => Ok(size),
        Err(_) => Err("is too large for this machine".to_owned()),
    }
}
