//! Names of people for answers that name them in passing.

use std::collections::HashMap;

use bailey_api::Named;
use bailey_core::PersonId;

use super::{App, AppError};

/// Names that were looked up already.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<PersonId, String>);

impl Names {
    /// The person's id and name.
    pub(crate) async fn person(&mut self, app: &App, id: PersonId) -> Result<Named, AppError> {
        let name = if let Some(name) = self.0.get(&id) {
            name.clone()
        } else {
            let person = app.store().person_get(id).await?;
            let name = person.map_or_else(|| id.to_string(), |p| p.name);
            self.0.insert(id, name.clone());
            name
        };
        Ok(Named {
            id: id.to_string(),
            name,
        })
    }
}
