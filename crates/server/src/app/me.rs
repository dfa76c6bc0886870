//! Who asks.

use bailey_api::me::{Allowed, Me};
use bailey_core::authz::Action;
use bailey_gate::authorize::Actor;

use super::{App, AppError, view};

impl App {
    /// The asker, and all that they may do with the token they came with.
    pub async fn me(&self, actor: &Actor) -> Result<Me, AppError> {
        let groups = self.store().groups_of(actor.person.id).await?;
        let allowed = |a: &Action| actor.may(*a).ok().map(|extent| Allowed::new(*a, extent.reach()));
        Ok(Me {
            user: view::user(actor.person.clone()),
            groups: groups.into_iter().map(view::named_group).collect(),
            session: self.own_session(actor).await?,
            second_factor: self.has_second_factor(actor.person.id).await?,
            token: actor.token.map(|id| id.to_string()),
            scopes: actor.scopes.to_names(),
            allowed: Action::ALL.iter().filter_map(allowed).collect(),
        })
    }
}
