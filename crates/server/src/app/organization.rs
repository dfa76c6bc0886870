//! The organization.

use bailey_api::organization::{Organization, OrganizationUpdate};

use serde_json::json;

use super::checks::Checks;
use super::{App, AppError, Caller, view};
use crate::audit::{Change, Resource};

impl App {
    /// The organization. Everyone in it may see it.
    pub async fn organization_get(&self, _caller: &Caller) -> Result<Organization, AppError> {
        Ok(view::organization(self.store().organization().await?))
    }

    /// Changes the organization.
    pub async fn organization_update(
        &self,
        caller: &Caller,
        ask: OrganizationUpdate,
    ) -> Result<Organization, AppError> {
        if let Some(name) = &ask.display_name {
            let mut checks = Checks::default();
            checks.text("/display_name", name);
            checks.done()?;
        }
        let before = self.organization_get(caller).await?;
        let change = Change::new(
            "organization.update",
            Resource::new("organization", before.id).named(&before.display_name),
        )
        .before(&before)
        .after(&json!({ "display_name": ask.display_name }));
        caller.record(change).await?;
        if let Some(name) = &ask.display_name {
            self.store().organization_update(name).await?;
            self.gate().forget_all().await?;
        }
        self.organization_get(caller).await
    }
}
