//! Names of people for answers that name them in passing.

use std::collections::HashMap;

use bailey_api::Named;
use bailey_core::PersonId;

use super::{App, AppError};

/// Names that were looked up already.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<PersonId, String>);

impl Names {
    /// Looks these people up at once, so that naming them takes no more questions to the database.
    pub(crate) async fn look_up(&mut self, app: &App, people: impl Iterator<Item = PersonId>) -> Result<(), AppError> {
        let mut unknown: Vec<PersonId> = people.filter(|id| !self.0.contains_key(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            self.0.extend(app.store().person_names(&unknown).await?);
        }
        Ok(())
    }

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
