//! What a person chose: a version of a template, values for its parameters, and what they come to.

use bailey_api::FieldError;
use bailey_core::template::{
    Facts, ParameterError, ParameterValues, Parts, Resolved, Template, TemplateError, check_values,
};
use bailey_store::{TemplateRecord, TemplateVersionRecord};

use crate::app::{App, AppError};
use crate::fleet::layers::PartsUnread;

/// A version of a template, read.
pub(in crate::app) struct Chosen {
    pub(in crate::app) version: TemplateVersionRecord,
    pub(in crate::app) template: Template,
}

impl App {
    /// The template of this id or name.
    pub(crate) async fn find_template(&self, text: &str) -> Result<Option<TemplateRecord>, AppError> {
        let by_id = match text.parse() {
            Ok(id) => self.store().template_get(id).await?,
            Err(_) => None,
        };
        let found = match by_id {
            Some(template) => Some(template),
            None => self.store().template_by_name(text).await?,
        };
        Ok(found.filter(|template| template.deleted_at.is_none()))
    }

    /// The version of this number, or the one in force.
    pub(in crate::app) async fn choose(
        &self,
        template: &TemplateRecord,
        number: Option<u64>,
    ) -> Result<Chosen, AppError> {
        let number = match number {
            Some(number) => u32::try_from(number).map_err(|_| AppError::field("/version", "is no version"))?,
            None => template
                .active
                .ok_or_else(|| AppError::field("/template", "has no version in force; promote one first"))?,
        };
        let version = self.store().template_version_by_number(template.id, number).await?;
        let version = version
            .ok_or_else(|| AppError::field("/version", format!("`{}` has no version {number}", template.name)))?;
        let manifest = self.store().template_manifest(version.id).await?.unwrap_or_default();
        let template = Template::parse(&manifest).map_err(|errors| unreadable(&errors))?;
        Ok(Chosen { version, template })
    }

    /// What a chosen version comes to with these values. `former` are those that the workspace had before.
    pub(in crate::app) async fn resolve(
        &self,
        chosen: &Chosen,
        given: &ParameterValues,
        former: Option<&ParameterValues>,
        facts: &Facts,
    ) -> Result<(ParameterValues, Resolved), AppError> {
        let values = check_values(&chosen.template.parameters, given, former).map_err(wrong_parameters)?;
        let parts = self.fleet().layers().parts(chosen.version.id, &chosen.template).await;
        let parts = parts.map_err(|error| match error {
            PartsUnread::Store(error) => AppError::Store(error),
            PartsUnread::Closing => AppError::Interrupted,
            PartsUnread::Parts(error) => AppError::field("/template", error.to_string()),
        })?;
        let mut parts = Parts::clone(&parts);
        parts.auto_stop = self.fleet().settings().auto_stop.map(|after| after.as_secs());
        let mut resolved = chosen
            .template
            .resolve(&values, facts, &parts)
            .map_err(|errors| unreadable(&errors))?;
        resolved.resources = self.fleet().limits(&resolved.resources);
        Ok((values, resolved))
    }
}

/// Says which parameters are wrong, and why.
pub(in crate::app) fn wrong_parameters(errors: Vec<ParameterError>) -> AppError {
    let errors = errors
        .into_iter()
        .map(|error| FieldError::body(format!("/parameters/{}", pointer(&error.name)), error.message));
    AppError::Invalid(errors.collect())
}

fn unreadable(errors: &[TemplateError]) -> AppError {
    let errors = errors
        .iter()
        .map(|error| FieldError::body("/template", format!("template.toml:{error}")));
    AppError::Invalid(errors.collect())
}

/// A name as a part of a JSON pointer.
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
