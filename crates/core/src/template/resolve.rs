//! From a template and values to what a workspace is made of.

use std::collections::BTreeMap;

use super::error::TemplateError;
use super::manifest::{AppTarget, ChatEntry, Content, ProbeSource, PromptEntry, TaskEntry, Template};
use super::text::Text;
use super::{
    App, Base, ChatDefaults, EnforcementLevel, ManagedFile, ParameterValues, Probe, ProbeKind, Prompt, PromptPiece,
    Resolved, Resources, Root, Script, Target, Task, units,
};
use crate::WorkspaceId;

/// Seconds without activity after which a workspace is stopped if neither template nor deployment says anything.
const AUTO_STOP: u64 = 30 * 60;

/// The longest instructions for agents, in bytes.
const LONGEST_PROMPT: usize = 64 * 1024;
/// The longest path of a directory, in bytes.
const LONGEST_PATH: usize = 1024;

/// What is known of a workspace beside its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// The name of its owner.
    pub owner: String,
    /// Its id.
    pub id: WorkspaceId,
}

/// What comes from the template's directory and from the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The texts of [`Template::texts`], by their path within the directory.
    pub texts: BTreeMap<String, String>,
    /// The root file system.
    pub root: Root,
    /// The layers, the lowest first.
    pub layers: Vec<String>,
    /// Seconds without activity after which a workspace is stopped where its template does not say; `None` = never.
    pub auto_stop: Option<u64>,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            texts: BTreeMap::new(),
            root: Root::default(),
            layers: Vec::new(),
            auto_stop: Some(AUTO_STOP),
        }
    }
}

impl Template {
    /// Fills in values, which [`super::check_values`] has checked. All faults at once.
    pub fn resolve(
        &self,
        values: &ParameterValues,
        facts: &Facts,
        parts: &Parts,
    ) -> Result<Resolved, Vec<TemplateError>> {
        let mut filler = Filler::new(values, facts, Some(parts));
        let resolved = filler.all(self);
        if filler.errors.is_empty() {
            Ok(resolved)
        } else {
            Err(filler.errors)
        }
    }
}

/// Tries the defaults and every preset, as far as they give values for everything.
pub(super) fn rehearse(template: &Template) -> Vec<TemplateError> {
    let facts = Facts {
        name: "workspace".to_owned(),
        owner: "owner".to_owned(),
        id: WorkspaceId::from_uuid(uuid::Uuid::from_u128(0)),
    };
    let defaults = template.parameters.iter();
    let defaults = defaults.filter_map(|p| Some((p.name.clone(), p.default.clone()?)));
    let defaults: ParameterValues = defaults.collect();
    let mut filler = Filler::new(&defaults, &facts, None);
    filler.with = "the default values";
    filler.all(template);
    let mut errors = filler.errors;
    for preset in &template.presets {
        let mut values = defaults.clone();
        values.extend(preset.parameters.clone());
        let mut filler = Filler::new(&values, &facts, None);
        filler.with = "the values of a preset";
        filler.all(template);
        // What the defaults lead to as well has been said.
        let new = |error: &TemplateError| !errors.iter().any(|known: &TemplateError| known.path == error.path);
        let found: Vec<_> = filler.errors.into_iter().filter(new).collect();
        errors.extend(found);
    }
    errors.sort();
    errors
}

struct Filler<'v> {
    values: &'v ParameterValues,
    facts: &'v Facts,
    /// Missing when a template is only tried.
    parts: Option<&'v Parts>,
    with: &'static str,
    errors: Vec<TemplateError>,
}

impl<'v> Filler<'v> {
    fn new(values: &'v ParameterValues, facts: &'v Facts, parts: Option<&'v Parts>) -> Self {
        let (with, errors) = ("the values", Vec::new());
        Self {
            values,
            facts,
            parts,
            with,
            errors,
        }
    }

    fn error(&mut self, text: &Text, message: String) {
        let message = if text.is_literal() {
            message
        } else {
            format!("with {} filled in: {message}", self.with)
        };
        self.errors.push(TemplateError {
            line: text.at.line,
            column: text.at.column,
            path: text.path.clone(),
            message,
        });
    }

    fn text(&mut self, text: &Text) -> Option<String> {
        let rendered = text.render(self.values, self.facts);
        if rendered.is_none() && self.parts.is_some() {
            self.error(text, "a parameter in it has no value".to_owned());
        }
        if let Some(long) = rendered.as_ref().filter(|rendered| rendered.len() > 1 << 20) {
            let message = format!("comes to {} bytes, and 1 MiB is the most", long.len());
            self.error(text, message);
            return None;
        }
        rendered
    }

    /// The text, read and held to bounds.
    fn read<T: PartialOrd + std::fmt::Display>(
        &mut self,
        text: Option<&Text>,
        read: impl FnOnce(&str) -> Result<T, String>,
        (least, most): (T, T),
        unit: &str,
    ) -> Option<T> {
        let text = text?;
        let value = self.text(text)?;
        let checked = read(value.trim()).and_then(|value| {
            let good = value >= least && value <= most;
            if good {
                Ok(value)
            } else {
                Err(format!("must be between {least} and {most} {unit}"))
            }
        });
        checked.map_err(|message| self.error(text, message)).ok()
    }

    fn content(&mut self, content: &Content) -> Option<String> {
        match content {
            Content::Text(text) => self.text(text),
            Content::File(source) => {
                let text = self.parts?.texts.get(&source.file);
                if text.is_none() {
                    self.errors.push(TemplateError {
                        line: source.at.line,
                        column: source.at.column,
                        path: source.path.clone(),
                        message: format!("there is no file `{}` of text in the template", source.file),
                    });
                }
                text.cloned()
            }
        }
    }

    fn all(&mut self, template: &Template) -> Resolved {
        let resources = self.resources(template);
        let enforcement = match &template.enforcement {
            None => EnforcementLevel::default(),
            Some(text) => self.level(text),
        };
        let auto_stop = match &template.auto_stop {
            None => self.parts.and_then(|parts| parts.auto_stop),
            Some(text) => self.lifetime(text),
        };
        Resolved {
            base: Base {
                root: self.parts.map(|parts| parts.root.clone()).unwrap_or_default(),
                layers: self.parts.map(|parts| parts.layers.clone()).unwrap_or_default(),
            },
            resources,
            environment: self.environment(template),
            files: self.files(template),
            scripts: self.scripts(template),
            metadata: self.metadata(template),
            apps: self.apps(template),
            egress: template.egress.clone(),
            browser_only: template.browser_only,
            enforcement,
            chat: self.chat(template),
            tasks: self.tasks(template),
            auto_stop,
            max_lifetime: template.max_lifetime.as_ref().and_then(|text| self.lifetime(text)),
        }
    }

    fn chat(&mut self, template: &Template) -> ChatDefaults {
        let ChatEntry {
            system_prompt,
            model,
            models,
        } = &template.chat;
        let prompt = system_prompt.as_ref().and_then(|text| {
            let filled = self.text(text)?;
            if filled.len() > LONGEST_PROMPT {
                self.error(text, format!("comes to more than {LONGEST_PROMPT} bytes"));
                return None;
            }
            Some(filled)
        });
        ChatDefaults {
            system_prompt: prompt,
            model: model.clone(),
            models: models.clone(),
        }
    }

    fn resources(&mut self, template: &Template) -> Resources {
        let texts = &template.resources;
        let bytes = "bytes";
        let whole = |text: &str| {
            text.parse::<u32>()
                .map_err(|_| format!("`{text}` is not a whole number"))
        };
        Resources {
            cpu_milli: self.read(
                texts.cpus.as_ref(),
                units::cpus,
                (50, 1_024_000),
                "thousandths of a CPU",
            ),
            memory: self.read(texts.memory.as_ref(), units::bytes, (16 << 20, 64 << 40), bytes),
            processes: self.read(texts.processes.as_ref(), whole, (8, 4_000_000), "processes"),
            disk: self.read(texts.disk.as_ref(), units::bytes, (4 << 20, 1 << 50), bytes),
            io_bytes: self.read(texts.io.as_ref(), units::bytes, (64 << 10, 1 << 40), "bytes per second"),
        }
    }

    fn level(&mut self, text: &Text) -> EnforcementLevel {
        let level = self.text(text).map(|level| match level.as_str() {
            "unrestricted" => Ok(EnforcementLevel::Unrestricted),
            "standard" => Ok(EnforcementLevel::Standard),
            "design-first" => Ok(EnforcementLevel::DesignFirst),
            other => Err(format!(
                "must be one of `unrestricted`, `standard` and `design-first`, and is `{}`",
                super::names::shown(other)
            )),
        });
        match level {
            Some(Ok(level)) => level,
            Some(Err(message)) => {
                self.error(text, message);
                EnforcementLevel::default()
            }
            None => EnforcementLevel::default(),
        }
    }

    fn lifetime(&mut self, text: &Text) -> Option<u64> {
        if self.text(text)? == "never" {
            return None;
        }
        self.read(Some(text), units::seconds, (60, 366 * 86_400), "seconds (or `never`)")
    }

    fn environment(&mut self, template: &Template) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for (name, text) in &template.environment {
            if let Some(value) = self.text(text) {
                variables.insert(name.clone(), value);
            }
        }
        variables
    }

    fn files(&mut self, template: &Template) -> Vec<ManagedFile> {
        let mut files = Vec::new();
        for file in &template.files {
            if let Some(content) = self.content(&file.content) {
                let (path, executable, keep) = (file.path.clone(), file.executable, file.keep);
                files.push(ManagedFile {
                    path,
                    content,
                    executable,
                    keep,
                });
            }
        }
        files
    }

    fn scripts(&mut self, template: &Template) -> Vec<Script> {
        let mut scripts = Vec::new();
        for script in &template.scripts {
            if let Some(command) = self.content(&script.command) {
                scripts.push(Script {
                    name: script.name.clone(),
                    when: script.when.clone(),
                    command,
                    timeout: script.timeout,
                    blocking: script.blocking,
                });
            }
        }
        scripts
    }

    fn metadata(&mut self, template: &Template) -> Vec<Probe> {
        let mut probes = Vec::new();
        for probe in &template.metadata {
            let kind = match &probe.kind {
                ProbeSource::Cpu => Some(ProbeKind::Cpu),
                ProbeSource::Memory => Some(ProbeKind::Memory),
                ProbeSource::Disk => Some(ProbeKind::Disk),
                ProbeSource::Command(text) => self.text(text).map(ProbeKind::Command),
            };
            if let Some(kind) = kind {
                probes.push(Probe {
                    name: probe.name.clone(),
                    display_name: probe.display_name.clone(),
                    kind,
                    interval: probe.interval,
                    timeout: probe.timeout,
                });
            }
        }
        probes
    }

    fn apps(&mut self, template: &Template) -> Vec<App> {
        let mut apps = Vec::new();
        for app in &template.apps {
            let target = match &app.target {
                AppTarget::Port(port) => Some(Target::Port(*port)),
                AppTarget::Socket(path) => Some(Target::Socket(path.clone())),
                AppTarget::External(text) => self.text(text).map(Target::External),
            };
            let command = app.command.as_ref().map(|text| self.text(text));
            if let (Some(target), None | Some(Some(_))) = (target, &command) {
                apps.push(App {
                    name: app.name.clone(),
                    display_name: app.display_name.clone(),
                    icon: app.icon.clone(),
                    target,
                    command: command.flatten(),
                    health: app.health.clone(),
                    sharing: app.sharing,
                });
            }
        }
        apps
    }

    fn tasks(&mut self, template: &Template) -> Vec<Task> {
        let mut tasks = Vec::new();
        for task in &template.tasks {
            let directory = task.directory.as_ref().map(|text| self.directory(text));
            if let (Some(prompt), None | Some(Some(_))) = (self.prompt(task), &directory) {
                tasks.push(Task {
                    name: task.name.clone(),
                    display_name: task.display_name.clone(),
                    description: task.description.clone(),
                    prompt,
                    parameters: task.parameters.clone(),
                    model: task.model.clone(),
                    plan: task.plan,
                    limits: task.limits,
                    directory: directory.flatten(),
                });
            }
        }
        tasks
    }

    fn prompt(&mut self, task: &TaskEntry) -> Option<Prompt> {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        for piece in &task.prompt {
            pieces.push(match piece {
                PromptEntry::Text(text) => {
                    let filled = self.text(text)?;
                    bytes += filled.len();
                    PromptPiece::Text(filled)
                }
                PromptEntry::Parameter(name) => PromptPiece::Parameter(name.clone()),
            });
        }
        if bytes <= LONGEST_PROMPT {
            return Some(pieces.into());
        }
        let (at, path) = &task.place;
        self.errors.push(TemplateError {
            line: at.line,
            column: at.column,
            path: path.clone(),
            message: format!("comes to more than {LONGEST_PROMPT} bytes"),
        });
        None
    }

    fn directory(&mut self, text: &Text) -> Option<String> {
        let directory = self.text(text)?;
        let is_good =
            !directory.is_empty() && directory.len() <= LONGEST_PATH && !directory.chars().any(char::is_control);
        if !is_good {
            self.error(
                text,
                format!("must be a path of at most {LONGEST_PATH} bytes without control characters"),
            );
            return None;
        }
        Some(directory)
    }
}
