//! Texts with places for values: `${param.NAME}`, `${workspace.name}`, `${workspace.owner}` and `${workspace.id}`.
//!
//! A value is put in once and never read again: one that looks like a place stays what it is. `$${` stands for `${`.

use std::fmt::Write as _;

use super::error::{Position, hint};
use super::shell::{Scanner, quote};
use super::{Facts, ParameterValue, ParameterValues};

/// A text of `template.toml` that values are put into.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pieces: Vec<Piece>,
    kind: Kind,
    /// Where it stands.
    pub(super) at: Position,
    /// What it is called in messages.
    pub(super) path: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    Place(Place),
}

/// What a place stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A parameter.
    Parameter(String),
    /// The workspace's name.
    Name,
    /// The name of its owner.
    Owner,
    /// Its id.
    Id,
}

/// How values are put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As they are; the elements of a list with commas between them.
    Plain,
    /// As words of a shell; each element of a list is a word.
    Command,
    /// Percent-encoded.
    Address,
}

const FACTS: [&str; 3] = ["workspace.name", "workspace.owner", "workspace.id"];

impl Text {
    /// Reads the places. `parameters` are the names that there are.
    pub(super) fn parse(
        text: &str,
        kind: Kind,
        at: Position,
        path: &str,
        parameters: &[String],
    ) -> Result<Self, Vec<String>> {
        let (mut pieces, mut errors) = (Vec::new(), Vec::new());
        let mut literal = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find("${") {
            let (before, after) = rest.split_at(dollar);
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            literal.push_str(before);
            let inside = after.get(2..).unwrap_or_default();
            let Some((name, tail)) = inside.split_once('}') else {
                errors.push("`${` is never closed; write `$${` for the characters themselves".to_owned());
                rest = "";
                break;
            };
            rest = tail;
            match place(name, parameters) {
                Ok(place) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Place(place));
                }
                Err(error) => errors.push(error),
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        if kind == Kind::Command {
            errors.extend(misplaced(&pieces));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let path = path.to_owned();
        Ok(Self { pieces, kind, at, path })
    }

    /// The text with all values in. `None` if one of them is not known.
    pub(super) fn render(&self, values: &ParameterValues, facts: &Facts) -> Option<String> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Place(Place::Parameter(name)) => self.put(&mut out, values.get(name)?),
                Piece::Place(Place::Name) => self.put_text(&mut out, &facts.name),
                Piece::Place(Place::Owner) => self.put_text(&mut out, &facts.owner),
                Piece::Place(Place::Id) => self.put_text(&mut out, &facts.id.to_string()),
            }
        }
        Some(out)
    }

    /// Whether it is the same for all workspaces.
    pub(super) fn is_literal(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_)))
    }

    /// What it begins with, whatever the values are.
    pub(super) fn beginning(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    fn put(&self, out: &mut String, value: &ParameterValue) {
        let ParameterValue::List(list) = value else {
            return self.put_text(out, &value.to_string());
        };
        let between = if self.kind == Kind::Command { " " } else { "," };
        for (i, element) in list.iter().enumerate() {
            if i > 0 {
                out.push_str(between);
            }
            self.put_text(out, element);
        }
    }

    fn put_text(&self, out: &mut String, text: &str) {
        match self.kind {
            Kind::Plain => out.push_str(text),
            Kind::Command => out.push_str(&quote(text)),
            Kind::Address => {
                for byte in text.bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
                        _ => drop(write!(out, "%{byte:02X}")),
                    }
                }
            }
        }
    }
}

fn place(name: &str, parameters: &[String]) -> Result<Place, String> {
    match name {
        "workspace.name" => return Ok(Place::Name),
        "workspace.owner" => return Ok(Place::Owner),
        "workspace.id" => return Ok(Place::Id),
        _ => {}
    }
    if let Some(parameter) = name.strip_prefix("param.") {
        if parameters.iter().any(|known| known == parameter) {
            return Ok(Place::Parameter(parameter.to_owned()));
        }
        let hint = hint(parameter, parameters.iter().map(String::as_str));
        return Err(format!("there is no parameter `{parameter}`{hint}"));
    }
    let hint = hint(name, FACTS);
    Err(format!(
        "`${{{name}}}` stands for nothing; there are `${{param.NAME}}`, `${{workspace.name}}`, `${{workspace.owner}}` and \
         `${{workspace.id}}`, and `$${{` for the characters themselves{hint}"
    ))
}

fn misplaced(pieces: &[Piece]) -> Vec<String> {
    let mut scanner = Scanner::default();
    let mut errors = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => scanner.text(text),
            Piece::Place(place) => {
                if let Err(error) = scanner.value() {
                    let name = match place {
                        Place::Parameter(name) => format!("param.{name}"),
                        Place::Name => "workspace.name".to_owned(),
                        Place::Owner => "workspace.owner".to_owned(),
                        Place::Id => "workspace.id".to_owned(),
                    };
                    errors.push(format!("`${{{name}}}` {error}"));
                }
            }
        }
    }
    errors
}
