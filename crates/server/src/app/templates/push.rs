//! Taking templates in.

use bailey_api::FieldError;
use bailey_api::templates::{TemplatePushQuery, TemplatePushed};
use bailey_core::template::names;
use bailey_core::{TemplateId, TemplateVersionId};
use bailey_runtime::ids::NewId;
use bailey_store::{StoreError, TemplateRecord, TemplateSource, TemplateVersionRecord, VersionPush};
use bailey_workspaces::template::{Fault, Sealed, unpack};
use bytes::Bytes;
use serde_json::json;

use super::view;
use crate::app::names::Names;
use crate::app::{App, AppError, Caller};
use crate::audit::{Change, Resource};

/// The most characters of what is said about a version.
const MESSAGE: usize = 500;

impl App {
    /// Takes an archive in as the next version of a template, which is made if it is not there. The same content again
    /// makes no new version.
    pub async fn template_push(
        &self,
        caller: &Caller,
        ask: TemplatePushQuery,
        archive: Bytes,
    ) -> Result<TemplatePushed, AppError> {
        let query = |parameter, detail| AppError::Query { parameter, detail };
        names::label(&ask.name).map_err(|detail| query("name", detail))?;
        let message = ask.message.unwrap_or_default();
        message_is_good(&message).map_err(|detail| query("message", detail))?;
        let before = self.store().template_by_name(&ask.name).await?;
        self.not_managed(&ask.name, before.as_ref().map(|template| template.source))?;
        let sealed = self.seal(archive).await?;
        let is_trial = ask.dry_run.unwrap_or(false);
        let resource = match &before {
            Some(template) => super::resource(template),
            None => Resource::new("template", &ask.name).named(&ask.name),
        };
        let action = if is_trial { "templates.check" } else { "templates.push" };
        let change = Change::new(action, resource)
            .after(&json!({ "digest": sealed.digest, "message": message, "promote": ask.promote.unwrap_or(true) }));
        caller.record(change).await?;
        let (version, created) = if is_trial {
            let version = self.version_of(before.as_ref(), &sealed).await?;
            let created = version.is_none();
            (version, created)
        } else {
            let now = self.now();
            let push = VersionPush {
                id: TemplateVersionId::new_at(now),
                digest: &sealed.digest,
                manifest: &sealed.manifest,
                archive: &sealed.archive,
                message: &message,
                at: now,
                by: Some(caller.person()),
                activate: ask.promote.unwrap_or(true),
            };
            let (version, created) = self.store_version(&ask.name, before.as_ref(), &push).await?;
            tracing::info!(
                template = ask.name,
                version = version.number,
                created,
                "a template was pushed"
            );
            (Some(version), created)
        };
        let template = self.store().template_by_name(&ask.name).await?;
        let mut names = Names::default();
        let version = match (&template, version) {
            (Some(template), Some(version)) => Some(self.version_view(template, version, &mut names).await?),
            _ => None,
        };
        let template = match template {
            Some(template) => Some(self.template_view(template, &mut names).await?.template),
            None => None,
        };
        Ok(TemplatePushed {
            template,
            version,
            created,
            content: view::content(&sealed.template),
            digest: sealed.digest,
        })
    }

    /// Unpacks and checks an archive, away from the threads that answer requests and not too many at once.
    async fn seal(&self, archive: Bytes) -> Result<Sealed, AppError> {
        // It is never closed.
        let _turn = self.unpacking().acquire().await;
        let work = move || match unpack(&archive) {
            Ok(package) => package.seal().map_err(|faults| faults.iter().map(fault).collect()),
            Err(error) => Err(vec![FieldError::whole(error.to_string())]),
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| AppError::Interrupted)?.map_err(AppError::Template)
    }

    async fn version_of(
        &self,
        template: Option<&TemplateRecord>,
        sealed: &Sealed,
    ) -> Result<Option<TemplateVersionRecord>, AppError> {
        let Some(template) = template else { return Ok(None) };
        let digest = &sealed.digest;
        Ok(self.store().template_version_by_digest(template.id, digest).await?)
    }

    async fn store_version(
        &self,
        name: &str,
        before: Option<&TemplateRecord>,
        push: &VersionPush<'_>,
    ) -> Result<(TemplateVersionRecord, bool), AppError> {
        let template = match before {
            Some(template) => template.id,
            None => {
                let (id, source) = (TemplateId::new_at(push.at), TemplateSource::Api);
                match self.store().template_insert(id, name, source, push).await {
                    Ok(version) => return Ok((version, true)),
                    // Somebody was faster; theirs is the template that is pushed to.
                    Err(StoreError::Conflict { field: "name", .. }) => {
                        let template = self.store().template_by_name(name).await?;
                        template.ok_or(AppError::NotFound)?.id
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        Ok(self.store().template_version_push(template, push).await?)
    }
}

fn message_is_good(message: &str) -> Result<(), String> {
    if message.chars().count() > MESSAGE {
        return Err(format!("has more than {MESSAGE} characters"));
    }
    if message.chars().any(|c| c.is_control() && c != '\n') {
        return Err("must have no control characters".to_owned());
    }
    Ok(())
}

/// A fault as the API names it.
fn fault(fault: &Fault) -> FieldError {
    let detail = match fault.path.as_str() {
        "" => fault.message.clone(),
        path => format!("{path}: {}", fault.message),
    };
    if fault.file.is_empty() {
        return FieldError::whole(detail);
    }
    let error = FieldError::file(&fault.file, detail);
    if fault.line == 0 {
        return error;
    }
    // A `template.toml` is far shorter.
    let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    error.at(place(fault.line), place(fault.column))
}
