//! How templates are shown.

use bailey_api::Page;
use bailey_api::templates::{
    Template, TemplateContent, TemplateDetail, TemplateParameter, TemplatePushed, TemplateSource, TemplateVersion,
    TemplateVersionDetail,
};

use crate::table::{Details, NOTHING, Table, or_nothing, time};

/// Characters of a digest that tell versions apart.
const DIGEST: usize = 12;

pub(super) fn table(page: &Page<Template>) -> String {
    let mut table = Table::new(["NAME", "DISPLAY NAME", ">VERSION", "FROM", "DESCRIPTION"]);
    for template in &page.items {
        table.row([
            template.name.clone(),
            template.display_name.clone(),
            or_nothing(template.active),
            from(template).to_owned(),
            template.description.clone(),
        ]);
    }
    table.text("no templates; `bailey templates init DIR` writes one")
}

const fn from(template: &Template) -> &'static str {
    match template.source {
        TemplateSource::Api => "pushed",
        TemplateSource::Folder => "folder",
        TemplateSource::Starter => "starter",
    }
}

pub(super) fn versions(page: &Page<TemplateVersion>) -> String {
    let mut table = Table::new([">VERSION", "IN FORCE", "LAYER", "MADE (UTC)", "BY", "DIGEST", "MESSAGE"]);
    for version in &page.items {
        let by = version.created_by.as_ref().map(|person| person.name.clone());
        table.row([
            version.number.to_string(),
            if version.active { "yes" } else { NOTHING }.to_owned(),
            version.layer.as_str().to_owned(),
            time(version.created_at),
            by.unwrap_or_else(|| "Bailey".to_owned()),
            version.digest.chars().take(DIGEST).collect(),
            version.message.lines().next().unwrap_or_default().to_owned(),
        ]);
    }
    table.text("no versions")
}

pub(super) fn template(detail: &TemplateDetail) -> String {
    let template = &detail.template;
    let folder = template
        .managed
        .then(|| "the server's folder has it; it is changed there".to_owned());
    let head = Details::default()
        .with("id", template.id.to_string())
        .with("name", template.name.clone())
        .with("display name", template.display_name.clone())
        .with("description", template.description.clone())
        .with("from", from(template))
        .maybe("managed", folder)
        .with("version in force", or_nothing(template.active))
        .with("version before", or_nothing(template.previous))
        .with("made (UTC)", time(template.created_at));
    head.text() + &detail.content.as_ref().map(content).unwrap_or_default()
}

pub(super) fn version(detail: &TemplateVersionDetail) -> String {
    let version = &detail.version;
    let head = Details::default()
        .with("version", version.number.to_string())
        .with("in force", if version.active { "yes" } else { "no" })
        .with("digest", version.digest.clone())
        .with("message", version.message.clone())
        .with("made (UTC)", time(version.created_at));
    head.text() + &detail.content.as_ref().map(content).unwrap_or_default()
}

fn content(content: &TemplateContent) -> String {
    let joined = |list: Vec<String>| (!list.is_empty()).then(|| list.join(", "));
    let rules = content.egress.iter().map(|rule| format!("{}:{}", rule.host, rule.port));
    let apps = content.apps.iter().map(|app| app.name.clone());
    let tasks = content.tasks.iter().map(|task| task.name.clone());
    let presets = content.presets.iter().map(|preset| preset.name.clone());
    let rest = Details::default()
        .maybe("presets", joined(presets.collect()))
        .maybe("apps", joined(apps.collect()))
        .maybe("tasks", joined(tasks.collect()))
        .with(
            "leads out to",
            joined(rules.collect()).unwrap_or_else(|| "the gate alone".to_owned()),
        )
        .with("browser only", if content.browser_only { "yes" } else { "no" })
        .with(
            "installs",
            if content.needs_layer {
                "a layer, built once"
            } else {
                "nothing"
            },
        );
    if content.parameters.is_empty() {
        return rest.text();
    }
    let mut table = Table::new(["PARAMETER", "TYPE", "DEFAULT", "CHOICES", "CHANGES", "MEANING"]);
    for parameter in &content.parameters {
        table.row([
            parameter.name.clone(),
            format!("{:?}", parameter.kind).to_lowercase(),
            or_nothing(parameter.default.as_ref()),
            choices(parameter),
            changes(parameter).to_owned(),
            parameter.display_name.clone(),
        ]);
    }
    format!("{}\n{}", rest.text(), table.text(""))
}

/// What a value may be, in a few characters.
fn choices(parameter: &TemplateParameter) -> String {
    if !parameter.options.is_empty() {
        let values = parameter.options.iter().map(|option| option.value.to_string());
        return values.collect::<Vec<_>>().join("|");
    }
    match (parameter.min, parameter.max) {
        (Some(min), Some(max)) => format!("{min}..{max}"),
        (Some(min), None) => format!("from {min}"),
        (None, Some(max)) => format!("to {max}"),
        (None, None) => parameter.regex.clone().unwrap_or_else(|| NOTHING.to_owned()),
    }
}

const fn changes(parameter: &TemplateParameter) -> &'static str {
    use bailey_core::template::Monotonic;
    match (parameter.mutable, parameter.monotonic) {
        (false, _) => "never",
        (true, None) => "yes",
        (true, Some(Monotonic::Increasing)) => "grows",
        (true, Some(Monotonic::Decreasing)) => "shrinks",
    }
}

/// Which version is in force, in a line.
pub(super) fn in_force(template: &Template) -> String {
    match template.active {
        Some(number) => format!("{} v{number} is in force", template.name),
        None => format!("{} has no version in force", template.name),
    }
}

/// What came of a push, in a line.
pub(super) fn pushed(name: &str, pushed: &TemplatePushed, dry_run: bool) -> String {
    let Some(version) = &pushed.version else {
        return format!("{name} is valid; nothing was stored");
    };
    let number = version.number;
    let force = if version.active { "in force" } else { "not in force" };
    match (pushed.created, dry_run) {
        (true, _) => format!("{name} v{number} is made, and {force}"),
        (false, false) => format!("{name} v{number} has this content already, and is {force}"),
        (false, true) => format!("{name} is valid; v{number} has this content already"),
    }
}
