//! What a version of a template gives to workspaces beside its manifest, remembered: versions do not change, and to read one
//! means to unpack it.

use std::sync::{Arc, MutexGuard, PoisonError};

use bailey_core::TemplateVersionId;
use bailey_core::template::{Parts, Template};
use bailey_store::StoreError;
use bailey_workspaces::template::{self, PartsError};

use super::Layers;

/// The most versions that are remembered.
const VERSIONS: usize = 64;
/// The most bytes of text of a version that is remembered.
const TEXT: usize = 256 << 10;

/// The parts of a version cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartsUnread {
    /// The store.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// The version cannot be used.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The process is ending.
    #[error("the server is shutting down")]
    Closing,
}

impl Layers {
    /// The parts of a version. Archives are unpacked away from the threads that answer requests, and not too many at once.
    pub(crate) async fn parts(
        &self,
        version: TemplateVersionId,
        template: &Template,
    ) -> Result<Arc<Parts>, PartsUnread> {
        let base = &template.base;
        if base.install.is_none() && base.archive.is_none() && template.texts().next().is_none() {
            return Ok(Arc::default());
        }
        if let Some(parts) = self.remembered(version) {
            return Ok(parts);
        }
        let _place = self.unpacking.acquire().await.map_err(|_| PartsUnread::Closing)?;
        // Whoever had the place before may have read the same.
        if let Some(parts) = self.remembered(version) {
            return Ok(parts);
        }
        let archive = self.store.template_archive(version).await?.unwrap_or_default();
        let template = template.clone();
        let read = tokio::task::spawn_blocking(move || template::parts(&template, &archive)).await;
        let parts = Arc::new(read.map_err(|_| PartsUnread::Closing)??);
        if parts.texts.values().map(String::len).sum::<usize>() <= TEXT {
            let mut all = self.all_parts();
            if all.len() >= VERSIONS {
                all.remove(0);
            }
            all.push((version, Arc::clone(&parts)));
        }
        Ok(parts)
    }

    fn remembered(&self, version: TemplateVersionId) -> Option<Arc<Parts>> {
        let mut all = self.all_parts();
        let at = all.iter().position(|(known, _)| *known == version)?;
        let found = all.remove(at);
        let parts = Arc::clone(&found.1);
        all.push(found);
        Some(parts)
    }

    fn all_parts(&self) -> MutexGuard<'_, Vec<(TemplateVersionId, Arc<Parts>)>> {
        // Nothing that can panic happens under the lock.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
