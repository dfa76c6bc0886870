//! Reading the lists of a template: files, scripts, figures and apps.

use super::manifest::{AppEntry, AppTarget, Content, FileEntry, ProbeEntry, ProbeSource, ScriptEntry};
use super::manifest::{duration, when};
use super::names;
use super::reader::{Reader, Section, Value};
use super::text::Kind;
use super::{Sharing, When};

/// The home directory of a workspace.
const HOME: &str = "/home/dev/";
/// The port inside that leads to the gate.
const GATE: u16 = 7080;

pub(super) fn icon<'a>(reader: &mut Reader<'a>, section: &mut Section<'_, 'a>) -> String {
    let icon = section.take(reader, "icon").and_then(|value| {
        let icon = reader.string(&value)?;
        reader.check(value.at, &value.path, names::label(&icon))?;
        Some(icon)
    });
    icon.unwrap_or_default()
}

pub(super) fn port<'a>(reader: &mut Reader<'a>, value: &Value<'_, 'a>) -> Option<u16> {
    reader
        .integer(value, 1, 65_535)
        .and_then(|port| u16::try_from(port).ok())
}

/// A text under `inline`, or a file under `file`: one of the two.
fn content<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'_, 'a>,
    (inline, file): (&'static str, &'static str),
    kind: Kind,
) -> Option<Content> {
    let (text, source) = (section.take(reader, inline), section.take(reader, file));
    match (text, source) {
        (Some(text), None) => reader.text(&text, kind).map(Content::Text),
        (None, Some(_)) => section.source(reader, file).map(Content::File),
        (Some(_), Some(both)) => {
            reader.error(both.at, &both.path, format!("and `{inline}` cannot both be given"));
            None
        }
        (None, None) => {
            let message = format!("this entry needs `{inline}` or `{file}`");
            reader.error(section.at, &section.path, message);
            None
        }
    }
}

pub(super) fn files<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>) -> Vec<FileEntry> {
    let mut files: Vec<FileEntry> = Vec::new();
    for mut section in root.sections(reader, "files", 500) {
        let path = section.need(reader, "path").and_then(|value| {
            let path = reader.string(&value)?;
            reader.check(value.at, &value.path, names::absolute_path(&path))?;
            let first = path.split('/').nth(1).unwrap_or_default();
            if matches!(first, "proc" | "sys" | "dev") || HOME.trim_end_matches('/') == path {
                reader.error(value.at, &value.path, format!("nothing can be put at `{path}`"));
            }
            if files.iter().any(|file| file.path == path) {
                reader.error(value.at, &value.path, format!("there are two of the path `{path}`"));
            }
            Some(path)
        });
        let content = content(reader, &mut section, ("content", "source"), Kind::Plain);
        let executable = section.bool(reader, "executable").unwrap_or(false);
        let keep = section.take(reader, "keep");
        let kept = keep.as_ref().and_then(|value| reader.bool(value)).unwrap_or(false);
        if let (Some(keep), Some(path)) = (keep.filter(|_| kept), &path)
            && !path.starts_with(HOME)
        {
            reader.error(keep.at, &keep.path, format!("is for files below {HOME} only"));
        }
        section.finish(reader);
        if let (Some(path), Some(content)) = (path, content) {
            files.push(FileEntry {
                path,
                content,
                executable,
                keep: kept,
            });
        }
    }
    files
}

pub(super) fn scripts<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>) -> Vec<ScriptEntry> {
    let (mut taken, mut scripts) = (Vec::new(), Vec::new());
    for mut section in root.sections(reader, "scripts", 50) {
        let name = section.named(reader, names::identifier, &mut taken);
        let when = when(reader, &mut section);
        let command = content(reader, &mut section, ("command", "file"), Kind::Command);
        let timeout = duration(reader, &mut section, "timeout", 60, 1..=86_400);
        let blocking = section.take(reader, "blocking");
        let blocks = blocking.as_ref().and_then(|value| reader.bool(value)).unwrap_or(false);
        if let (Some(value), Some(When::Stop | When::Cron(_))) = (blocking.filter(|_| blocks), &when) {
            reader.error(value.at, &value.path, "belongs to `run = \"start\"` only");
        }
        section.finish(reader);
        if let (Some(name), Some(when), Some(command)) = (name, when, command) {
            scripts.push(ScriptEntry {
                name,
                when,
                command,
                timeout,
                blocking: blocks,
            });
        }
    }
    scripts
}

pub(super) fn metadata<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>) -> Vec<ProbeEntry> {
    let (mut taken, mut probes) = (Vec::new(), Vec::new());
    for mut section in root.sections(reader, "metadata", 50) {
        let name = section.named(reader, names::identifier, &mut taken);
        let display_name = section.string(reader, "display_name");
        let kind = section.need(reader, "kind");
        let command = section.take(reader, "command");
        let kind = kind.and_then(|value| {
            let words = [("cpu", 0), ("memory", 1), ("disk", 2), ("command", 3)];
            match (reader.choice(&value, &words)?, command) {
                (3, Some(command)) => reader.text(&command, Kind::Command).map(ProbeSource::Command),
                (3, None) => {
                    reader.error(value.at, &value.path, "needs a `command` beside it");
                    None
                }
                (_, Some(command)) => {
                    reader.error(command.at, &command.path, "belongs to `kind = \"command\"` only");
                    None
                }
                (0, None) => Some(ProbeSource::Cpu),
                (1, None) => Some(ProbeSource::Memory),
                (_, None) => Some(ProbeSource::Disk),
            }
        });
        let interval = duration(reader, &mut section, "interval", 10, 1..=86_400);
        let timeout = duration(reader, &mut section, "timeout", 5, 1..=3_600);
        section.finish(reader);
        if let (Some(name), Some(kind)) = (name, kind) {
            let display_name = display_name.unwrap_or_else(|| name.clone());
            probes.push(ProbeEntry {
                name,
                display_name,
                kind,
                interval,
                timeout,
            });
        }
    }
    probes
}

pub(super) fn apps<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>) -> Vec<AppEntry> {
    let (mut taken, mut apps) = (Vec::new(), Vec::new());
    for mut section in root.sections(reader, "apps", 50) {
        let name = section.named(reader, names::label, &mut taken);
        let display_name = section.string(reader, "display_name");
        let icon = icon(reader, &mut section);
        let target = target(reader, &mut section);
        let command = section.take(reader, "command");
        let health = section.take(reader, "health");
        if matches!(target, Some(AppTarget::External(_))) {
            for value in command.iter().chain(&health) {
                reader.error(value.at, &value.path, "does not belong to an external address");
            }
        }
        let command = command.and_then(|value| reader.text(&value, Kind::Command));
        let health = health.and_then(|value| {
            let path = reader.string(&value)?;
            let good = path.starts_with('/') && path.len() <= 1024 && path.bytes().all(|b| b.is_ascii_graphic());
            if !good || path.contains('#') {
                reader.error(value.at, &value.path, "must be a path such as `/healthz`");
            }
            Some(path)
        });
        let sharing = section.take(reader, "sharing").and_then(|value| {
            let words = [
                ("owner", Sharing::Owner),
                ("authenticated", Sharing::Authenticated),
                ("public", Sharing::Public),
            ];
            reader.choice(&value, &words)
        });
        section.finish(reader);
        if let (Some(name), Some(target)) = (name, target) {
            let display_name = display_name.unwrap_or_else(|| name.clone());
            let sharing = sharing.unwrap_or_default();
            apps.push(AppEntry {
                name,
                display_name,
                icon,
                target,
                command,
                health,
                sharing,
            });
        }
    }
    apps
}

fn target<'a>(reader: &mut Reader<'a>, section: &mut Section<'_, 'a>) -> Option<AppTarget> {
    let port_value = section.take(reader, "port");
    let socket = section.take(reader, "socket");
    let external = section.take(reader, "external");
    match (port_value, socket, external) {
        (Some(value), None, None) => {
            let port = port(reader, &value)?;
            if port == GATE {
                reader.error(value.at, &value.path, format!("{GATE} inside is the gate's port"));
            }
            Some(AppTarget::Port(port))
        }
        (None, Some(value), None) => {
            let path = reader.string(&value)?;
            reader.check(value.at, &value.path, names::absolute_path(&path))?;
            if path.len() > 107 {
                reader.error(value.at, &value.path, "a socket's path has at most 107 bytes");
            }
            Some(AppTarget::Socket(path))
        }
        (None, None, Some(value)) => {
            let text = reader.text(&value, Kind::Address)?;
            let begins = text.beginning();
            let host = begins
                .strip_prefix("https://")
                .or_else(|| begins.strip_prefix("http://"));
            // The host is the template's: a value can name a page of it, not another place.
            if !host.is_some_and(|rest| rest.contains('/') || (text.is_literal() && !rest.is_empty())) {
                let message = "must begin with `https://` and a whole host name, and values come after it";
                reader.error(value.at, &value.path, message);
            }
            Some(AppTarget::External(text))
        }
        (None, None, None) => {
            reader.error(
                section.at,
                &section.path,
                "this entry needs `port`, `socket` or `external`",
            );
            None
        }
        _ => {
            let message = "only one of `port`, `socket` and `external` can be given";
            reader.error(section.at, &section.path, message);
            None
        }
    }
}
