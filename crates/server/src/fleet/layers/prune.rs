//! Taking away what no template and no workspace uses any more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bailey_core::{Timestamp, WorkspaceId};
use bailey_store::{LedgerReach, ListPage, TemplateFilter, WorkspaceFilter};
use bailey_workspaces::template::Piece;

use super::{Layers, NeedsError};

/// How often, beside once at start.
const PERIOD: Duration = Duration::from_hours(24);
/// How long something must not have been used before it is taken away. What is being started, or pushed again, keeps it.
const UNUSED: Duration = Duration::from_hours(1);
const PAGE: u32 = 200;

impl Layers {
    /// Removes what an earlier server left half made, and then takes away what is not used, now and then.
    pub(in crate::fleet) async fn look_after(self: Arc<Self>) {
        loop {
            let unused = i64::try_from(UNUSED.as_micros()).unwrap_or(i64::MAX);
            let before = Timestamp::from_micros(self.clock.now().micros().saturating_sub(unused));
            if let Err(error) = self.prune(before).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot tell which layers are not used"
                );
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    }

    /// Removes what an earlier server left half made. Nothing may be built yet.
    pub(in crate::fleet) async fn sweep(&self) {
        match self.pieces.sweep().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "removed half-built layers of an earlier server"),
            Err(error) => tracing::warn!(%error, "cannot remove half-built layers of an earlier server"),
        }
    }

    /// Takes away what no stored version and no workspace uses, and nobody has used since `before`. Answers with what it was.
    pub(in crate::fleet) async fn prune(&self, before: Timestamp) -> Result<Vec<Piece>, NeedsError> {
        let pieces = match self.pieces.pieces() {
            Ok(pieces) => pieces,
            Err(error) => {
                tracing::warn!(%error, "cannot list layers");
                return Ok(Vec::new());
            }
        };
        let mut unused: HashSet<Piece> = pieces.into_iter().collect();
        self.used_by_workspaces(&mut unused).await?;
        self.used_by_templates(&mut unused).await?;
        let mut gone = Vec::new();
        for piece in unused {
            match self.pieces.retire(&piece, before).await {
                Ok(true) => {
                    tracing::info!(digest = piece.digest(), "took a layer away that nothing uses");
                    gone.push(piece);
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(digest = piece.digest(), %error, "cannot take a layer away"),
            }
        }
        Ok(gone)
    }

    async fn used_by_workspaces(&self, unused: &mut HashSet<Piece>) -> Result<(), NeedsError> {
        let filter = WorkspaceFilter::within(LedgerReach::All);
        let mut after: Option<WorkspaceId> = None;
        while !unused.is_empty() {
            let page = ListPage { after, limit: PAGE };
            let (workspaces, next) = self.store.workspaces_list(&filter, page).await?;
            for workspace in &workspaces {
                for piece in Piece::of(&workspace.resolved.base) {
                    unused.remove(&piece);
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Versions in the order in which they probably are used, and no further than until everything has a user: reading all of
    /// them takes its time.
    async fn used_by_templates(&self, unused: &mut HashSet<Piece>) -> Result<(), NeedsError> {
        if unused.is_empty() {
            return Ok(());
        }
        let mut templates = Vec::new();
        let mut after = None;
        loop {
            let page = ListPage { after, limit: PAGE };
            let (more, next) = self.store.templates_list(&TemplateFilter::default(), page).await?;
            templates.extend(more.into_iter().map(|template| template.id));
            after = next;
            if after.is_none() {
                break;
            }
        }
        for template in templates {
            let mut after = None;
            while !unused.is_empty() {
                let page = ListPage { after, limit: PAGE };
                let (versions, next) = self.store.template_versions_list(template, page).await?;
                for version in versions {
                    match self.needs(version.id).await {
                        Ok(needs) => needs.pieces().iter().for_each(|piece| {
                            unused.remove(piece);
                        }),
                        // One that this Bailey cannot read any more makes no workspaces.
                        Err(NeedsError::Invalid(_) | NeedsError::Archive(_) | NeedsError::Gone) => {}
                        Err(error) => return Err(error),
                    }
                }
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }
}
