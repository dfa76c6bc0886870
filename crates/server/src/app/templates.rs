//! Templates and their versions. What is stored never changes; what new workspaces get is one number.

mod access;
mod layer;
mod push;
pub(super) mod view;

use bailey_api::templates::{
    self as wire, TemplateDetail, TemplateListQuery, TemplatePromote, TemplateVersion, TemplateVersionDetail,
    TemplateVersionListQuery,
};
use bailey_api::{Code, Page};
use bailey_core::authz::Extent;
use bailey_core::{TemplateId, TemplateVersionId};
use bailey_store::{StoreError, TemplateFilter, TemplateRecord, TemplateSource, TemplateVersionRecord};
use serde_json::json;

use super::names::Names;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};

pub use layer::LayerEvent;

const CURSOR: u8 = b'm';
const VERSION_CURSOR: u8 = b'v';

/// A version's archive on its way out.
pub struct Archive {
    /// What to call it: the template's name and the version's number.
    pub name: String,
    /// Its bytes: tar, with gzip around it.
    pub bytes: Vec<u8>,
}

impl App {
    /// Templates, newest first.
    pub async fn templates_list(
        &self,
        caller: &Caller,
        query: TemplateListQuery,
    ) -> Result<Page<wire::Template>, AppError> {
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), TemplateId::from_uuid)?;
        let filter = TemplateFilter {
            name: query.name,
            source: query.source.map(view::stored),
            usable_by: (caller.reach != Extent::All).then(|| caller.person()),
        };
        let (found, next) = self.store().templates_list(&filter, page).await?;
        let mut names = Names::default();
        let mut items = Vec::with_capacity(found.len());
        for template in found {
            items.push(self.template_view(template, &mut names).await?.template);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(TemplateId::uuid)),
        })
    }

    /// One template, by id or name, with what its version in force says.
    pub async fn template_get(&self, caller: &Caller, text: &str) -> Result<TemplateDetail, AppError> {
        let template = self.template(caller, text).await?;
        self.template_view(template, &mut Names::default()).await
    }

    /// Versions of a template, newest first.
    pub async fn template_versions_list(
        &self,
        caller: &Caller,
        text: &str,
        query: TemplateVersionListQuery,
    ) -> Result<Page<TemplateVersion>, AppError> {
        let template = self.template(caller, text).await?;
        let cursor = query.cursor.as_deref();
        let page = cursor::page(VERSION_CURSOR, query.limit, cursor, TemplateVersionId::from_uuid)?;
        let (found, next) = self.store().template_versions_list(template.id, page).await?;
        let mut names = Names::default();
        let mut items = Vec::with_capacity(found.len());
        for version in found {
            items.push(self.version_view(&template, version, &mut names).await?);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(VERSION_CURSOR, next.map(TemplateVersionId::uuid)),
        })
    }

    /// One version, with what it says.
    pub async fn template_version_get(
        &self,
        caller: &Caller,
        text: &str,
        number: u32,
    ) -> Result<TemplateVersionDetail, AppError> {
        let template = self.template(caller, text).await?;
        let version = self.version(&template, number).await?;
        let parsed = self.version_parsed(version.id).await?;
        Ok(TemplateVersionDetail {
            version: self.version_view(&template, version, &mut Names::default()).await?,
            content: parsed.map(|parsed| view::content(&parsed)),
        })
    }

    /// A version's archive.
    pub async fn template_archive(&self, caller: &Caller, text: &str, number: u32) -> Result<Archive, AppError> {
        let template = self.template(caller, text).await?;
        let version = self.version(&template, number).await?;
        let bytes = self.store().template_archive(version.id).await?;
        Ok(Archive {
            name: format!("{}-{}", template.name, version.number),
            bytes: bytes.ok_or(AppError::NotFound)?,
        })
    }

    /// Puts a version in force.
    pub async fn template_promote(
        &self,
        caller: &Caller,
        text: &str,
        ask: TemplatePromote,
    ) -> Result<wire::Template, AppError> {
        let template = self.template(caller, text).await?;
        let missing = || {
            AppError::field(
                "/version",
                format!("`{}` has no version {}", template.name, ask.version),
            )
        };
        let number = u32::try_from(ask.version).map_err(|_| missing())?;
        let change = Change::new("templates.promote", resource(&template)).after(&json!({ "version": number }));
        caller.record(change).await?;
        match self.store().template_promote(template.id, number).await {
            Err(StoreError::NotFound { what: "version" }) => return Err(missing()),
            result => result?,
        }
        self.template_now(template.id).await
    }

    /// Brings the version back that was in force before.
    pub async fn template_roll_back(&self, caller: &Caller, text: &str) -> Result<wire::Template, AppError> {
        let template = self.template(caller, text).await?;
        caller
            .record(Change::new("templates.rollback", resource(&template)))
            .await?;
        if !self.store().template_roll_back(template.id).await? {
            return Err(AppError::Conflict {
                code: Code::NoPreviousVersion,
                detail: format!("no version of `{}` was in force before this one", template.name),
            });
        }
        self.template_now(template.id).await
    }

    /// Deletes a template that no workspace uses.
    pub async fn template_delete(&self, caller: &Caller, text: &str) -> Result<(), AppError> {
        let template = self.template(caller, text).await?;
        self.not_managed(&template.name, Some(template.source))?;
        caller
            .record(Change::new("templates.delete", resource(&template)))
            .await?;
        match self.store().template_delete(template.id, self.now()).await {
            Err(StoreError::Conflict { .. }) => Err(AppError::Conflict {
                code: Code::TemplateInUse,
                detail: format!("workspaces use `{}`; delete them first", template.name),
            }),
            result => Ok(result?),
        }
    }

    /// The template of this id or name, if the caller may see it.
    pub(super) async fn template(&self, caller: &Caller, text: &str) -> Result<TemplateRecord, AppError> {
        let template = self.find_template(text).await?.ok_or(AppError::NotFound)?;
        let seen = caller.reach == Extent::All || self.store().template_usable(template.id, caller.person()).await?;
        seen.then_some(template).ok_or(AppError::NotFound)
    }

    /// The template as it is now.
    async fn template_now(&self, id: TemplateId) -> Result<wire::Template, AppError> {
        let template = self.store().template_get(id).await?.ok_or(AppError::NotFound)?;
        Ok(self.template_view(template, &mut Names::default()).await?.template)
    }

    async fn version(&self, template: &TemplateRecord, number: u32) -> Result<TemplateVersionRecord, AppError> {
        let version = self.store().template_version_by_number(template.id, number).await?;
        version.ok_or(AppError::NotFound)
    }

    /// Refuses to change what the folder of templates would change back.
    fn not_managed(&self, name: &str, source: Option<TemplateSource>) -> Result<(), AppError> {
        if !self.templates().manages(name, source) {
            return Ok(());
        }
        Err(AppError::Conflict {
            code: Code::TemplateManaged,
            detail: format!("`{name}` comes from the server's folder of templates; change it there"),
        })
    }
}

/// A template as the audit log names it.
fn resource(template: &TemplateRecord) -> Resource {
    Resource::new("template", template.id).named(&template.name)
}
