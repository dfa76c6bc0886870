//! `template.toml`, read and validated.

use toml::de::DeTable;

use super::error::{Position, TemplateError};
use super::parameter::{Parameter, Preset};
use super::reader::{Reader, Section};
use super::text::{Kind, Text};
use super::{EgressRule, Sharing, When, cron, names, parameters, parts, resolve, tasks, units};
use crate::chat::Limits;

/// The most bytes of a `template.toml`.
pub const LONGEST_MANIFEST: usize = 256 * 1024;

/// A file of the template's directory that `template.toml` names.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its path within the directory.
    pub file: String,
    /// Where it is named.
    pub at: Position,
    /// What names it, such as `files[0].source`.
    pub path: String,
}

/// What `template.toml` says. Its values are valid; texts that depend on parameters were tried with the defaults and
/// with every preset.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// What people read.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: String,
    /// Name of an icon.
    pub icon: String,
    /// The system that its workspaces see.
    pub base: TemplateBase,
    /// Parameters, in the order of a form.
    pub parameters: Vec<Parameter>,
    /// Named sets of values.
    pub presets: Vec<Preset>,
    /// Nothing but the browser leads in.
    pub browser_only: bool,
    /// Where connections may go.
    pub egress: Vec<EgressRule>,
    pub(super) resources: ResourceTexts,
    pub(super) environment: Vec<(String, Text)>,
    pub(super) files: Vec<FileEntry>,
    pub(super) scripts: Vec<ScriptEntry>,
    pub(super) metadata: Vec<ProbeEntry>,
    pub(super) apps: Vec<AppEntry>,
    pub(super) tasks: Vec<TaskEntry>,
    pub(super) chat: ChatEntry,
    pub(super) enforcement: Option<Text>,
    pub(super) auto_stop: Option<Text>,
    pub(super) max_lifetime: Option<Text>,
}

/// The system that workspaces see, as the template names it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateBase {
    /// An archive of a root file system; `None` = the host's own `/usr`.
    pub archive: Option<Source>,
    /// The script that makes the layer at `/opt`.
    pub install: Option<Source>,
    /// Files and directories that it may use beside itself.
    pub install_files: Vec<Source>,
    /// Names of the server's variables that it may see.
    pub install_environment: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ResourceTexts {
    pub(super) cpus: Option<Text>,
    pub(super) memory: Option<Text>,
    pub(super) processes: Option<Text>,
    pub(super) disk: Option<Text>,
    pub(super) io: Option<Text>,
}

/// A text in `template.toml`, or a file beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Text(Text),
    File(Source),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileEntry {
    pub(super) path: String,
    pub(super) content: Content,
    pub(super) executable: bool,
    pub(super) keep: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ScriptEntry {
    pub(super) name: String,
    pub(super) when: When,
    pub(super) command: Content,
    pub(super) timeout: u64,
    pub(super) blocking: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ProbeSource {
    Cpu,
    Memory,
    Disk,
    Command(Text),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProbeEntry {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) kind: ProbeSource,
    pub(super) interval: u64,
    pub(super) timeout: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum AppTarget {
    Port(u16),
    Socket(String),
    External(Text),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct AppEntry {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) icon: String,
    pub(super) target: AppTarget,
    pub(super) command: Option<Text>,
    pub(super) health: Option<String>,
    pub(super) sharing: Sharing,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ChatEntry {
    pub(super) system_prompt: Option<Text>,
    pub(super) model: Option<String>,
    pub(super) models: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct TaskEntry {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) description: String,
    pub(super) prompt: Vec<PromptEntry>,
    /// Where the prompt stands, and what it is called in messages.
    pub(super) place: (Position, String),
    pub(super) parameters: Vec<Parameter>,
    pub(super) model: Option<String>,
    pub(super) plan: bool,
    pub(super) limits: Limits,
    pub(super) directory: Option<Text>,
}

/// A piece of a task's prompt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PromptEntry {
    Text(Text),
    /// The place of a parameter of the task.
    Parameter(String),
}

impl Template {
    /// Reads a `template.toml`. All faults at once, in the order of their places.
    pub fn parse(text: &str) -> Result<Self, Vec<TemplateError>> {
        let mut reader = Reader::new(text);
        if text.len() > LONGEST_MANIFEST {
            let message = format!("template.toml has more than {LONGEST_MANIFEST} bytes");
            reader.error(Position { line: 1, column: 1 }, "", message);
            return Err(reader.finish());
        }
        let (document, syntax) = DeTable::parse_recoverable(text);
        if !syntax.is_empty() {
            // What follows a fault in the syntax may be read wrongly, so nothing is said about it.
            reader.syntax(syntax);
            return Err(reader.finish());
        }
        let mut root = reader.root(&document);
        let template = read(&mut reader, &mut root);
        root.finish(&mut reader);
        let errors = reader.finish();
        if !errors.is_empty() {
            return Err(errors);
        }
        let errors = resolve::rehearse(&template);
        if errors.is_empty() { Ok(template) } else { Err(errors) }
    }

    /// The files of the directory that it names, and where.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let base = &self.base;
        let base = base.archive.iter().chain(&base.install).chain(&base.install_files);
        base.chain(self.texts())
    }

    /// Those of them whose text [`Template::resolve`] needs.
    pub fn texts(&self) -> impl Iterator<Item = &Source> {
        let files = self.files.iter().map(|entry| &entry.content);
        let contents = files.chain(self.scripts.iter().map(|entry| &entry.command));
        contents.filter_map(|content| match content {
            Content::File(source) => Some(source),
            Content::Text(_) => None,
        })
    }
}

fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>) -> Template {
    // First, because all texts may refer to them.
    let (parameters, presets) = parameters::read(reader, root);
    let display_name = root.string(reader, "display_name");
    let description = root.string(reader, "description").unwrap_or_default();
    let icon = parts::icon(reader, root);
    let chat = root
        .section(reader, "chat")
        .map(|s| chat(reader, s))
        .unwrap_or_default();
    let mut template = Template {
        display_name,
        description,
        icon,
        base: root
            .section(reader, "base")
            .map(|s| base(reader, s))
            .unwrap_or_default(),
        parameters,
        presets,
        browser_only: false,
        egress: Vec::new(),
        resources: root
            .section(reader, "resources")
            .map(|s| resources(reader, s))
            .unwrap_or_default(),
        environment: root
            .section(reader, "environment")
            .map(|s| environment(reader, &s))
            .unwrap_or_default(),
        files: parts::files(reader, root),
        scripts: parts::scripts(reader, root),
        metadata: parts::metadata(reader, root),
        apps: parts::apps(reader, root),
        tasks: tasks::read(reader, root, &chat.models),
        chat,
        enforcement: None,
        auto_stop: None,
        max_lifetime: None,
    };
    if let Some(mut section) = root.section(reader, "browser_only") {
        template.browser_only = section.bool(reader, "enabled").unwrap_or(false);
        section.finish(reader);
    }
    if let Some(mut section) = root.section(reader, "egress") {
        template.egress = egress(reader, &mut section);
        section.finish(reader);
    }
    if let Some(mut section) = root.section(reader, "enforcement") {
        template.enforcement = section.text(reader, "level", Kind::Plain);
        section.finish(reader);
    }
    if let Some(mut section) = root.section(reader, "lifecycle") {
        template.auto_stop = section.text(reader, "auto_stop", Kind::Plain);
        template.max_lifetime = section.text(reader, "max_lifetime", Kind::Plain);
        section.finish(reader);
    }
    template
}

fn base<'a>(reader: &mut Reader<'a>, mut section: Section<'_, 'a>) -> TemplateBase {
    let root = section.take(reader, "root");
    let archive = section.source(reader, "archive");
    let from_archive = root.and_then(|value| {
        let found = reader.choice(&value, &[("host", false), ("archive", true)]);
        found.map(|found| (value, found))
    });
    match (&from_archive, &archive) {
        (Some((value, true)), None) => reader.error(value.at, &value.path, "needs `archive = \"FILE\"` beside it"),
        (Some((value, false)), Some(_)) => {
            reader.error(value.at, &value.path, "must be `archive` where an archive is named");
        }
        _ => {}
    }
    let install = section.source(reader, "install");
    let mut install_files = Vec::new();
    if let Some(value) = section.take(reader, "install_files") {
        for file in reader.strings(&value).unwrap_or_default() {
            if reader
                .check(value.at, &value.path, names::relative_path(&file))
                .is_some()
            {
                let (at, path) = (value.at, value.path.clone());
                install_files.push(Source { file, at, path });
            }
        }
    }
    let mut install_environment = Vec::new();
    if let Some(value) = section.take(reader, "install_environment") {
        for name in reader.strings(&value).unwrap_or_default() {
            reader.check(value.at, &value.path, names::variable(&name));
            install_environment.push(name);
        }
    }
    if install.is_none() && !(install_files.is_empty() && install_environment.is_empty()) {
        let message = "`install_files` and `install_environment` need `install`";
        reader.error(section.at, &section.path, message);
    }
    section.finish(reader);
    TemplateBase {
        archive,
        install,
        install_files,
        install_environment,
    }
}

fn chat<'a>(reader: &mut Reader<'a>, mut section: Section<'_, 'a>) -> ChatEntry {
    let system_prompt = section.text(reader, "system_prompt", Kind::Plain);
    let mut models = Vec::new();
    if let Some(value) = section.take(reader, "models") {
        models = reader.strings(&value).unwrap_or_default();
        if models.iter().any(String::is_empty) {
            reader.error(value.at, &value.path, "has an empty name in it");
        }
    }
    let model = section.take(reader, "model").and_then(|value| {
        let model = reader.string(&value)?;
        if model.is_empty() {
            reader.error(value.at, &value.path, "must not be empty");
        } else if !models.is_empty() && !models.contains(&model) {
            reader.error(value.at, &value.path, "must be one of `models`");
        }
        Some(model)
    });
    section.finish(reader);
    ChatEntry {
        system_prompt,
        model,
        models,
    }
}

fn resources<'a>(reader: &mut Reader<'a>, mut section: Section<'_, 'a>) -> ResourceTexts {
    let texts = ResourceTexts {
        cpus: section.text(reader, "cpus", Kind::Plain),
        memory: section.text(reader, "memory", Kind::Plain),
        processes: section.text(reader, "processes", Kind::Plain),
        disk: section.text(reader, "disk", Kind::Plain),
        io: section.text(reader, "io", Kind::Plain),
    };
    section.finish(reader);
    texts
}

fn environment<'a>(reader: &mut Reader<'a>, section: &Section<'_, 'a>) -> Vec<(String, Text)> {
    let mut variables = Vec::new();
    for (name, at, value) in section.entries(reader) {
        reader.check(at, &value.path, names::variable(&name));
        if let Some(text) = reader.text(&value, Kind::Plain) {
            variables.push((name, text));
        }
    }
    if variables.len() > 200 {
        reader.error(section.at, &section.path, "has more than 200 entries");
    }
    variables
}

fn egress<'a>(reader: &mut Reader<'a>, section: &mut Section<'_, 'a>) -> Vec<EgressRule> {
    let mut rules = Vec::new();
    for mut entry in section.sections(reader, "allow", 500) {
        let host = entry.need(reader, "host").and_then(|value| {
            let host = reader.string(&value)?;
            reader.check(value.at, &value.path, names::host(&host))?;
            Some(host)
        });
        let port = entry.need(reader, "port").and_then(|value| parts::port(reader, &value));
        if let (Some(host), Some(port)) = (host, port) {
            rules.push(EgressRule { host, port });
        }
        entry.finish(reader);
    }
    rules.sort();
    rules.dedup();
    rules
}

/// Seconds of a duration within bounds, or the default.
pub(super) fn duration<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'_, 'a>,
    key: &'static str,
    default: u64,
    bounds: std::ops::RangeInclusive<u64>,
) -> u64 {
    let Some(value) = section.take(reader, key) else {
        return default;
    };
    let Some(text) = reader.string(&value) else {
        return default;
    };
    let seconds = units::seconds(&text).and_then(|seconds| {
        let message = || format!("must be between {}s and {}s", bounds.start(), bounds.end());
        bounds.contains(&seconds).then_some(seconds).ok_or_else(message)
    });
    reader.check(value.at, &value.path, seconds).unwrap_or(default)
}

/// When a script runs.
pub(super) fn when<'a>(reader: &mut Reader<'a>, section: &mut Section<'_, 'a>) -> Option<When> {
    let run = section.need(reader, "run");
    let schedule = section.take(reader, "schedule");
    let run = run?;
    let when = reader.choice(&run, &[("start", 0), ("stop", 1), ("cron", 2)])?;
    match (when, schedule) {
        (0, None) => Some(When::Start),
        (1, None) => Some(When::Stop),
        (_, Some(schedule)) if when == 2 => {
            let text = reader.string(&schedule)?;
            reader.check(schedule.at, &schedule.path, cron::Cron::parse(&text))?;
            Some(When::Cron(text))
        }
        (_, Some(schedule)) => {
            reader.error(schedule.at, &schedule.path, "belongs to `run = \"cron\"` only");
            None
        }
        (_, None) => {
            reader.error(run.at, &run.path, "needs a `schedule` such as `*/5 * * * *` beside it");
            None
        }
    }
}
