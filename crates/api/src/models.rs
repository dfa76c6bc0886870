//! Models and their routes.

use bailey_core::key::Tier;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;
use crate::schema::TierSchema;

/// A model, as clients name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// The name that clients ask for; `*` = every name that no other model has.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// Its price tier.
    #[schema(value_type = Option<TierSchema>)]
    pub tier: Option<Tier>,
    /// Where its requests go, in the order of trying.
    pub routes: Vec<Route>,
}

/// One place that a model's requests can go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// The provider.
    pub provider: String,
    /// The provider's own name of the model; absent = the name that was asked for.
    pub model: Option<String>,
    /// The protocols that the provider speaks: `messages`, `chat`, `responses`.
    pub protocols: Vec<String>,
    /// Whether requests go there at the moment.
    pub healthy: bool,
    /// Until when they do not.
    pub cooling_until: Option<Time>,
}

/// All models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelList {
    /// The models.
    pub items: Vec<Model>,
}
