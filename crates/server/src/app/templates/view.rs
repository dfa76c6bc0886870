//! Templates as the API shows them.

use bailey_api::Time;
use bailey_api::templates::{
    self as wire, TemplateApp, TemplateContent, TemplateDetail, TemplateEgress, TemplateOption, TemplateParameter,
    TemplatePreset, TemplateTask,
};
use bailey_core::TemplateVersionId;
use bailey_core::template::{Parameter, Preset, Template};
use bailey_store::{TemplateRecord, TemplateSource, TemplateVersionRecord};

use crate::app::names::Names;
use crate::app::{App, AppError};

impl App {
    /// A template with what its version in force says.
    pub(super) async fn template_view(
        &self,
        template: TemplateRecord,
        names: &mut Names,
    ) -> Result<TemplateDetail, AppError> {
        let content = self.in_force(&template).await?.map(|parsed| content(&parsed));
        let created_by = match template.created_by {
            Some(person) => Some(names.person(self, person).await?),
            None => None,
        };
        let said = content.as_ref();
        let template = wire::Template {
            id: template.id,
            display_name: said
                .and_then(|content| content.display_name.clone())
                .unwrap_or_else(|| template.name.clone()),
            description: said.map(|content| content.description.clone()).unwrap_or_default(),
            icon: said.map(|content| content.icon.clone()).unwrap_or_default(),
            source: shown(template.source),
            managed: self.templates().manages(&template.name, Some(template.source)),
            active: template.active.map(u64::from),
            previous: template.previous.map(u64::from),
            created_at: Time(template.created_at),
            created_by,
            name: template.name,
        };
        Ok(TemplateDetail { template, content })
    }

    pub(super) async fn version_view(
        &self,
        template: &TemplateRecord,
        version: TemplateVersionRecord,
        names: &mut Names,
    ) -> Result<wire::TemplateVersion, AppError> {
        let created_by = match version.created_by {
            Some(person) => Some(names.person(self, person).await?),
            None => None,
        };
        let layer = self.layer_state(version.id).await?;
        Ok(wire::TemplateVersion {
            id: version.id,
            layer,
            number: u64::from(version.number),
            active: template.active == Some(version.number),
            digest: version.digest,
            message: version.message,
            created_at: Time(version.created_at),
            created_by,
        })
    }

    /// The version in force, read; `None` where there is none, or one that this Bailey cannot read.
    async fn in_force(&self, template: &TemplateRecord) -> Result<Option<Template>, AppError> {
        let Some(number) = template.active else { return Ok(None) };
        match self.store().template_version_by_number(template.id, number).await? {
            Some(version) => self.version_parsed(version.id).await,
            None => Ok(None),
        }
    }

    /// A version, read; `None` for one that this Bailey cannot read.
    pub(super) async fn version_parsed(&self, id: TemplateVersionId) -> Result<Option<Template>, AppError> {
        let manifest = self.store().template_manifest(id).await?;
        Ok(Template::parse(&manifest.ok_or(AppError::NotFound)?).ok())
    }
}

const fn shown(source: TemplateSource) -> wire::TemplateSource {
    match source {
        TemplateSource::Api => wire::TemplateSource::Api,
        TemplateSource::Folder => wire::TemplateSource::Folder,
        TemplateSource::Starter => wire::TemplateSource::Starter,
    }
}

pub(super) const fn stored(source: wire::TemplateSource) -> TemplateSource {
    match source {
        wire::TemplateSource::Api => TemplateSource::Api,
        wire::TemplateSource::Folder => TemplateSource::Folder,
        wire::TemplateSource::Starter => TemplateSource::Starter,
    }
}

/// What a template says to those who make workspaces.
pub(super) fn content(template: &Template) -> TemplateContent {
    TemplateContent {
        display_name: template.display_name.clone(),
        description: template.description.clone(),
        icon: template.icon.clone(),
        parameters: template.parameters.iter().map(parameter).collect(),
        presets: template.presets.iter().map(preset).collect(),
        apps: template.apps().map(|outline| app(&outline)).collect(),
        tasks: template
            .tasks()
            .map(|task| TemplateTask {
                name: task.name.to_owned(),
                display_name: task.display_name.to_owned(),
                description: task.description.to_owned(),
            })
            .collect(),
        egress: template
            .egress
            .iter()
            .map(|rule| TemplateEgress {
                host: rule.host.clone(),
                port: rule.port,
            })
            .collect(),
        browser_only: template.browser_only,
        own_root: template.base.archive.is_some(),
        needs_layer: template.base.install.is_some(),
    }
}

/// A parameter as it is shown.
pub(in crate::app) fn parameter(parameter: &Parameter) -> TemplateParameter {
    let option = |option: &bailey_core::template::ParameterOption| TemplateOption {
        value: option.value.clone(),
        name: option.name.clone(),
        description: option.description.clone(),
    };
    TemplateParameter {
        name: parameter.name.clone(),
        display_name: parameter.display_name.clone(),
        description: parameter.description.clone(),
        kind: parameter.kind,
        default: parameter.default.clone(),
        options: parameter.options.iter().map(option).collect(),
        min: parameter.min,
        max: parameter.max,
        step: parameter.step,
        monotonic: parameter.monotonic,
        regex: parameter.regex.clone(),
        error: parameter.error.clone(),
        mutable: parameter.mutable,
        form: parameter.form,
    }
}

fn preset(preset: &Preset) -> TemplatePreset {
    TemplatePreset {
        name: preset.name.clone(),
        description: preset.description.clone(),
        parameters: preset.parameters.clone(),
    }
}

fn app(app: &bailey_core::template::AppOutline<'_>) -> TemplateApp {
    TemplateApp {
        name: app.name.to_owned(),
        display_name: app.display_name.to_owned(),
        icon: app.icon.to_owned(),
        sharing: app.sharing,
    }
}
