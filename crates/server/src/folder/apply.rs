//! One directory of the folder, into the store.

use std::path::{Path, PathBuf};

use bailey_core::template::names;
use bailey_core::{TemplateId, TemplateVersionId, Timestamp};
use bailey_runtime::ids::NewId;
use bailey_store::{Store, StoreError, TemplateSource, VersionPush};
use bailey_workspaces::template::{DirectoryError, Fault, Package, Sealed};

use serde_json::json;

use super::FolderEvent;
use crate::audit::{AuditLog, Change, Entry, Resource};

/// Applies a directory. `None`: the template is already as the directory says, or was so and somebody put another version in
/// force since.
pub(super) async fn apply(
    store: &Store,
    audit: Option<&AuditLog>,
    (name, directory): (&str, &Path),
    now: Timestamp,
) -> Option<FolderEvent> {
    let refused = |faults| FolderEvent::Refused {
        name: name.to_owned(),
        faults,
    };
    if let Err(why) = names::label(name) {
        return Some(refused(vec![Fault::whole(
            "",
            format!("a directory's name is its template's: {why}"),
        )]));
    }
    let failed = |error: String| FolderEvent::Failed {
        name: name.to_owned(),
        error,
    };
    let from = directory.to_owned();
    let sealed = match tokio::task::spawn_blocking(move || seal(&from)).await {
        Ok(Ok(sealed)) => sealed,
        Ok(Err(faults)) => return Some(refused(faults)),
        Err(error) => return Some(failed(error.to_string())),
    };
    match put(store, audit, (name, &sealed), now).await {
        Ok(version) => version.map(|version| FolderEvent::Applied {
            name: name.to_owned(),
            version,
        }),
        Err(error) => Some(failed(error)),
    }
}

fn seal(directory: &Path) -> Result<Sealed, Vec<Fault>> {
    let package = Package::read_mounted(directory).map_err(|error| vec![unreadable(directory, error)])?;
    package.seal()
}

/// What cannot be read, by its path within the directory.
fn unreadable(directory: &Path, error: DirectoryError) -> Fault {
    let (path, why) = match error {
        DirectoryError::Io { path, source } => (path, source.to_string()),
        DirectoryError::Entry { path, why } => (path, why),
    };
    // The directory may have been reached through a link.
    let real = std::fs::canonicalize(directory).unwrap_or_else(|_| PathBuf::from(directory));
    let within = path.strip_prefix(&real).or_else(|_| path.strip_prefix(directory));
    let file = within.unwrap_or(&path).display().to_string();
    Fault::whole(&file, why)
}

/// The number of the version that is in force now; `None` if nothing was to be done.
async fn put(
    store: &Store,
    audit: Option<&AuditLog>,
    (name, sealed): (&str, &Sealed),
    now: Timestamp,
) -> Result<Option<u32>, String> {
    let said = |error: StoreError| error.to_string();
    let push = VersionPush {
        id: TemplateVersionId::new_at(now),
        digest: &sealed.digest,
        manifest: &sealed.manifest,
        archive: &sealed.archive,
        message: "applied from the folder of templates",
        at: now,
        by: None,
        activate: true,
    };
    let Some(template) = store.template_by_name(name).await.map_err(said)? else {
        let (id, source) = (TemplateId::new_at(now), TemplateSource::Folder);
        let entry = recorded(audit, Resource::new("template", id).named(name), &sealed.digest).await?;
        let version = store.template_insert(id, name, source, &push).await.map_err(said)?;
        if let Some(entry) = entry {
            entry.end();
        }
        return Ok(Some(version.number));
    };
    let as_applied = template.applied.as_deref() == Some(sealed.digest.as_str());
    if template.source == TemplateSource::Folder && as_applied {
        return Ok(None);
    }
    let entry = recorded(
        audit,
        Resource::new("template", template.id).named(name),
        &sealed.digest,
    )
    .await?;
    let (version, _) = store.template_version_push(template.id, &push).await.map_err(said)?;
    // Noted last: when the server ends in between, it is done again.
    store
        .template_applied(template.id, &sealed.digest)
        .await
        .map_err(said)?;
    if let Some(entry) = entry {
        entry.end();
    }
    Ok(Some(version.number))
}

async fn recorded(audit: Option<&AuditLog>, resource: Resource, digest: &str) -> Result<Option<Entry>, String> {
    let Some(audit) = audit else { return Ok(None) };
    let change = Change::new("templates.push", resource).after(&json!({ "digest": digest }));
    let entry = audit.begin("template folder", change).await;
    entry.map(Some).map_err(|error| error.to_string())
}
