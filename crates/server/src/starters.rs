//! The templates that come with Bailey: every database is given each of them once, and they stay as new as the program.

use bailey_core::{TemplateId, TemplateVersionId, Timestamp};
use bailey_runtime::ids::NewId;
use bailey_store::{Store, StoreError, TemplateRecord, TemplateSource, VersionPush};
use bailey_workspaces::template::{Sealed, starters};

/// Gives a database those of the templates that come with Bailey whose names it never had, so that a start that was cut off
/// half-way loses none. A starter whose version in force comes from an older Bailey gets this one's; what a person pushed,
/// promoted or deleted stays so.
pub async fn ensure(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    for starter in starters() {
        let sealed = match starter.package.seal() {
            Ok(sealed) => sealed,
            Err(faults) => {
                for fault in faults {
                    tracing::error!(template = starter.name, "a starter template is left out: {fault}");
                }
                continue;
            }
        };
        match store.template_by_name(starter.name).await? {
            None if !store.template_ever(starter.name).await? => {
                let (id, source) = (TemplateId::new_at(now), TemplateSource::Starter);
                match store
                    .template_insert(id, starter.name, source, &push(&sealed, now))
                    .await
                {
                    Ok(_) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            None => {}
            Some(template) => renew(store, &template, &sealed, now).await?,
        }
    }
    Ok(())
}

async fn renew(store: &Store, template: &TemplateRecord, sealed: &Sealed, now: Timestamp) -> Result<(), StoreError> {
    let (Some(number), true) = (template.active, template.source != TemplateSource::Folder) else {
        return Ok(());
    };
    let active = store.template_version_by_number(template.id, number).await?;
    if active.is_none_or(|version| version.created_by.is_some()) {
        return Ok(());
    }
    // A version that was there before and is not in force was taken back by somebody.
    if store
        .template_version_by_digest(template.id, &sealed.digest)
        .await?
        .is_some()
    {
        return Ok(());
    }
    let (version, _) = store.template_version_push(template.id, &push(sealed, now)).await?;
    tracing::info!(
        template = template.name,
        version = version.number,
        "a starter template is renewed"
    );
    Ok(())
}

fn push(sealed: &Sealed, now: Timestamp) -> VersionPush<'_> {
    VersionPush {
        id: TemplateVersionId::new_at(now),
        digest: &sealed.digest,
        manifest: &sealed.manifest,
        archive: &sealed.archive,
        message: concat!("comes with Bailey ", env!("CARGO_PKG_VERSION")),
        at: now,
        by: None,
        activate: true,
    }
}
