//! Building ahead of need, where the configuration says so.

use std::sync::Arc;
use std::time::Duration;

use bailey_store::{ListPage, TemplateFilter};

use super::{LayerStatus, Layers, NeedsError};

/// How often it is looked for versions that came into force: by a push, a promotion, or the folder of templates.
const PERIOD: Duration = Duration::from_secs(5);
const PAGE: u32 = 200;

impl Layers {
    /// Builds what the versions in force install, as soon as they are; what failed is not tried again by itself.
    pub(in crate::fleet) async fn build_ahead(self: Arc<Self>) {
        if !self.settings.build_at_once() {
            return;
        }
        loop {
            if let Err(error) = self.build_in_force().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot build what templates install"
                );
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    }

    async fn build_in_force(self: &Arc<Self>) -> Result<(), NeedsError> {
        let mut after = None;
        loop {
            let page = ListPage { after, limit: PAGE };
            let (templates, next) = self.store.templates_list(&TemplateFilter::default(), page).await?;
            for template in templates {
                let Some(number) = template.active else { continue };
                let version = self.store.template_version_by_number(template.id, number).await?;
                let Some(version) = version else { continue };
                match self.status(version.id).await {
                    Ok(LayerStatus::Missing) => {
                        self.build(version.id).await?;
                    }
                    Ok(_) => {}
                    Err(error @ (NeedsError::Invalid(_) | NeedsError::Archive(_))) => {
                        tracing::debug!(
                            template = template.name,
                            error = &error as &dyn std::error::Error,
                            "a template is left out"
                        );
                    }
                    Err(error) => return Err(error),
                }
            }
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
