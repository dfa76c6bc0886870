//! What forges tell: verified on its raw bytes, kept under its id, and worked on afterwards.

use bailey_core::ConnectionId;
use bailey_forges::webhook::Parsed;
use bailey_store::ConnectionRecord;
use http::HeaderMap;

use crate::app::{App, AppError};
use crate::audit::Trail;

impl App {
    /// The connection whose webhook has this id.
    pub(crate) async fn hook_connection(&self, id: ConnectionId) -> Result<ConnectionRecord, AppError> {
        self.store().connection_get(id).await?.ok_or(AppError::NotFound)
    }

    /// Takes a delivery in; `false` if it was there already.
    pub(crate) async fn hook_take(
        &self,
        record: &ConnectionRecord,
        headers: &HeaderMap,
        body: &[u8],
        trail: &Trail,
    ) -> Result<bool, AppError> {
        let now = self.now();
        let checks = self.forges().verifier(record)?;
        let verified = checks.verify(headers, body, now).map_err(|error| {
            tracing::warn!(connection.id = %record.id, %error, "a delivery is refused");
            AppError::HookRefused
        })?;
        let what = (verified.delivery(), verified.event_name());
        let ignored = if record.enabled {
            match verified.parse() {
                Ok(Parsed::Event(event)) => {
                    // Names, numbers and texts: they always have a JSON form.
                    let event = serde_json::to_string(&event).unwrap_or_default();
                    let fresh = self.store().delivery_insert(record.id, what, &event, now).await?;
                    trail.kept();
                    self.forges().wake();
                    return Ok(fresh);
                }
                Ok(Parsed::Ignored(why)) => why.to_string(),
                // The forge would send the same again and again.
                Err(error) => error.to_string(),
            }
        } else {
            "the connection is turned off".to_owned()
        };
        let fresh = self.store().delivery_ignore(record.id, what, &ignored, now).await?;
        trail.kept();
        Ok(fresh)
    }
}
