//! The organization.

use bailey_api::organization::{Organization, OrganizationUpdate};

use super::checks::Checks;
use super::{App, AppError, Caller, view};

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
            self.store().organization_update(name).await?;
            self.gate().forget_all().await?;
        }
        self.organization_get(caller).await
    }
}
