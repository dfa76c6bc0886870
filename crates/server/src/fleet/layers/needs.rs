//! What a stored version of a template needs built.

use bailey_core::TemplateVersionId;
use bailey_core::template::Template;
use bailey_store::{Store, StoreError};
use bailey_workspaces::template::{ArchiveError, LayerJob, Package, Piece, unpack};

use super::Layers;

/// What a version needs built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    layer: Option<String>,
    root: Option<String>,
}

/// It cannot be told what a version needs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NeedsError {
    /// The store.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// Its archive.
    #[error("the template's archive cannot be read")]
    Archive(#[from] ArchiveError),
    /// Its manifest.
    #[error("the template is not valid any more: {0}")]
    Invalid(String),
    /// There is no such version.
    #[error("there is no such version of the template")]
    Gone,
    /// The process is ending.
    #[error("the server is shutting down")]
    Closing,
}

impl Needs {
    /// What is built at once; `None` = nothing is needed.
    pub(super) fn key(&self) -> Option<&str> {
        // A layer's digest tells what it lies on.
        self.layer.as_deref().or(self.root.as_deref())
    }

    pub(super) fn pieces(&self) -> Vec<Piece> {
        let layer = self.layer.clone().map(Piece::Layer);
        layer.into_iter().chain(self.root.clone().map(Piece::Root)).collect()
    }
}

impl Layers {
    /// What a version needs. Looked up once: versions do not change.
    pub(super) async fn needs(&self, version: TemplateVersionId) -> Result<Needs, NeedsError> {
        let known = |layers: &Self| {
            let known = layers.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            known.get(&version).cloned()
        };
        if let Some(needs) = known(self) {
            return Ok(needs);
        }
        let none = std::collections::BTreeMap::new();
        let needs = match load(&self.store, version).await? {
            None => Needs::default(),
            Some((template, package)) => {
                let job = LayerJob::new(&template, &package, &none);
                job.map_or_else(Needs::default, |job| Needs {
                    layer: job.layer.clone(),
                    root: job.root_digest().map(str::to_owned),
                })
            }
        };
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.insert(version, needs.clone());
        Ok(needs)
    }
}

/// A version with its files; `None` if it needs nothing built.
pub(super) async fn load(store: &Store, version: TemplateVersionId) -> Result<Option<(Template, Package)>, NeedsError> {
    let manifest = store.template_manifest(version).await?.ok_or(NeedsError::Gone)?;
    let template = Template::parse(&manifest).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        NeedsError::Invalid(errors.join("; "))
    })?;
    if template.base.install.is_none() && template.base.archive.is_none() {
        return Ok(None);
    }
    let archive = store.template_archive(version).await?.ok_or(NeedsError::Gone)?;
    let package = tokio::task::spawn_blocking(move || unpack(&archive)).await;
    let package = package.map_err(|_| NeedsError::Closing)??;
    Ok(Some((template, package)))
}
