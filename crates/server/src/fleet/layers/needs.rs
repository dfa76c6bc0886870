//! What a stored version of a template needs built.

use bailey_core::TemplateVersionId;
use bailey_core::template::Template;
use bailey_store::StoreError;
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
        let read = |template: &Template, package: &Package| {
            let job = LayerJob::new(template, package, &std::collections::BTreeMap::new());
            job.map_or_else(Needs::default, |job| Needs {
                layer: job.layer.clone(),
                root: job.root_digest().map(str::to_owned),
            })
        };
        let needs = self.unpacked(version, read).await?.unwrap_or_default();
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.insert(version, needs.clone());
        Ok(needs)
    }

    /// What `read` makes of a version and its files; `None` if it needs nothing built. Archives are unpacked and read away
    /// from the threads that answer requests, and not too many at once.
    pub(super) async fn unpacked<T: Send + 'static>(
        &self,
        version: TemplateVersionId,
        read: impl FnOnce(&Template, &Package) -> T + Send + 'static,
    ) -> Result<Option<T>, NeedsError> {
        let manifest = self.store.template_manifest(version).await?.ok_or(NeedsError::Gone)?;
        let template = Template::parse(&manifest).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            NeedsError::Invalid(errors.join("; "))
        })?;
        if template.base.install.is_none() && template.base.archive.is_none() {
            return Ok(None);
        }
        let _place = self.unpacking.acquire().await.map_err(|_| NeedsError::Closing)?;
        let archive = self.store.template_archive(version).await?.ok_or(NeedsError::Gone)?;
        let work = move || unpack(&archive).map(|package| read(&template, &package));
        let done = tokio::task::spawn_blocking(work).await;
        Ok(Some(done.map_err(|_| NeedsError::Closing)??))
    }
}
