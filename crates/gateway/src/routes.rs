//! Model names and the routes behind them.

use std::collections::HashMap;
use std::sync::Arc;

use bailey_core::Timestamp;
use bailey_core::key::Tier;
use bailey_gate::Provider;
use bailey_llm::{Bounds, MaxOutputField, ModelPrice, Protocol};

use crate::health::{Health, HealthPolicy};

/// A provider as the model door knows it.
#[derive(Debug)]
pub struct RouteProvider {
    /// Its origin and credential, which only the gate can use.
    pub provider: Arc<Provider>,
    /// Its kind in the configuration; the price table is looked up by it.
    pub kind: String,
    /// The protocols it speaks. Conversion will widen what a route can serve; today a request goes to its own kind.
    pub protocols: Vec<Protocol>,
    /// Whether it counts tokens itself.
    pub counts_tokens: bool,
    /// What its paths begin with: empty where its address already ends in `/v1`.
    pub version_prefix: &'static str,
    /// The field that limits the output of a chat.
    pub max_output_field: MaxOutputField,
    /// What bounds the parts of a request that are not text.
    pub bounds: Bounds,
}

/// One way to have a model's name answered.
#[derive(Debug)]
pub struct Route {
    /// Who answers.
    pub provider: Arc<RouteProvider>,
    /// The provider's own name of the model; `None` = the name that was asked for.
    pub model: Option<String>,
    /// What it costs; `None` = it is looked up in the price table at each request.
    pub price: Option<Arc<ModelPrice>>,
    pub(crate) health: Health,
}

impl Route {
    /// A healthy route.
    pub fn new(
        provider: Arc<RouteProvider>,
        model: Option<String>,
        price: Option<Arc<ModelPrice>>,
        health: HealthPolicy,
    ) -> Self {
        Self {
            provider,
            model,
            price,
            health: Health::new(health),
        }
    }
}

/// A name that clients ask for.
#[derive(Debug)]
pub struct Model {
    /// The name; `*` answers to every name that nothing else answers to.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The label by its price.
    pub tier: Option<Tier>,
    /// The output limit of requests that name none.
    pub max_output: u64,
    /// The ways, in order of preference.
    pub routes: Vec<Route>,
}

/// All models.
#[derive(Debug, Default)]
pub struct Routes {
    models: Vec<Arc<Model>>,
    by_name: HashMap<String, usize>,
    wildcard: Option<usize>,
}

/// The name of the model that answers to every other name.
pub const WILDCARD: &str = "*";

impl Routes {
    /// Takes the models in; of two with one name the first counts (the configuration refuses such).
    pub fn new(models: Vec<Model>) -> Self {
        let mut routes = Self::default();
        for model in models {
            let index = routes.models.len();
            if model.name == WILDCARD {
                routes.wildcard.get_or_insert(index);
            } else {
                routes.by_name.entry(model.name.clone()).or_insert(index);
            }
            routes.models.push(Arc::new(model));
        }
        routes
    }

    /// The model that answers to `name`.
    pub fn find(&self, name: &str) -> Option<&Arc<Model>> {
        let index = self.by_name.get(name).copied().or(self.wildcard)?;
        self.models.get(index)
    }

    /// All models that have a name of their own.
    pub fn named(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.iter().filter(|m| m.name != WILDCARD)
    }

    /// How every model's routes are.
    pub fn status(&self, now: Timestamp) -> Vec<ModelStatus> {
        let route = |r: &Route| RouteStatus {
            provider: r.provider.provider.name().to_owned(),
            model: r.model.clone(),
            protocols: r.provider.protocols.clone(),
            resting_until: r.health.resting(now),
        };
        let model = |m: &Arc<Model>| ModelStatus {
            name: m.name.clone(),
            display_name: m.display_name.clone(),
            tier: m.tier,
            routes: m.routes.iter().map(route).collect(),
        };
        self.models.iter().map(model).collect()
    }
}

/// A model as an administrator sees it.
#[derive(Debug, Clone)]
pub struct ModelStatus {
    /// The name that clients ask for.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The label by its price.
    pub tier: Option<Tier>,
    /// Its routes, in order of preference.
    pub routes: Vec<RouteStatus>,
}

/// A route as an administrator sees it.
#[derive(Debug, Clone)]
pub struct RouteStatus {
    /// Who answers.
    pub provider: String,
    /// The provider's own name of the model; `None` = the name that was asked for.
    pub model: Option<String>,
    /// The protocols it can be asked in.
    pub protocols: Vec<Protocol>,
    /// Until when it rests after failures, if it does.
    pub resting_until: Option<Timestamp>,
}
