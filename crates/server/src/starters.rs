//! The templates that a fresh database begins with.

use bailey_core::{TemplateId, TemplateVersionId, Timestamp};
use bailey_runtime::ids::NewId;
use bailey_store::{ListPage, Store, StoreError, TemplateFilter, TemplateSource, VersionPush};
use bailey_workspaces::template::{layer_digest, starters};

/// Gives a database without any template those that come with Bailey, as far as they need nothing installed first.
pub(crate) async fn ensure(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let page = ListPage { after: None, limit: 1 };
    let (there, _) = store.templates_list(&TemplateFilter::default(), page).await?;
    if !there.is_empty() {
        return Ok(());
    }
    for starter in starters() {
        let Ok(template) = starter.package.validate() else {
            continue;
        };
        if layer_digest(&template, &starter.package).is_some() {
            continue;
        }
        let mut archive = Vec::new();
        if starter.package.write_tar(&mut archive).is_err() {
            continue;
        }
        let push = VersionPush {
            id: TemplateVersionId::new_at(now),
            digest: &starter.package.digest(),
            manifest: starter.package.manifest().unwrap_or_default(),
            archive: &archive,
            message: "comes with Bailey",
            at: now,
            by: None,
            activate: true,
        };
        let id = TemplateId::new_at(now);
        match store
            .template_insert(id, starter.name, TemplateSource::Api, &push)
            .await
        {
            Ok(_) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
