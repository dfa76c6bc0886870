//! Models, their routes and prices.

use bailey_api::models::{Model, ModelList, Route};
use bailey_api::prices::{self as wire, PriceQuery, Prices};
use bailey_llm::{ModelPrice, Rates};
use bailey_runtime::config::format_rate;

use super::{App, AppError};

impl App {
    /// Every model and how its routes are.
    pub fn models_list(&self) -> ModelList {
        let items = self.gateway().models().into_iter().map(|model| Model {
            name: model.name,
            display_name: model.display_name,
            tier: model.tier,
            routes: model
                .routes
                .into_iter()
                .map(|route| Route {
                    provider: route.provider,
                    model: route.model,
                    protocols: route.protocols.iter().map(|p| p.as_str().to_owned()).collect(),
                    healthy: route.resting_until.is_none(),
                    cooling_until: route.resting_until.map(Into::into),
                })
                .collect(),
        });
        ModelList { items: items.collect() }
    }

    /// The price table in use, and the price that is asked for if it is there.
    pub fn prices(&self, query: PriceQuery) -> Result<Prices, AppError> {
        let together = |parameter: &'static str| AppError::Query {
            parameter,
            detail: "`provider` and `model` must be given together".to_owned(),
        };
        let table = self.gateway().prices();
        let price = match (query.provider, query.model) {
            (None, None) => None,
            (Some(_), None) => return Err(together("model")),
            (None, Some(_)) => return Err(together("provider")),
            (Some(provider), Some(model)) => {
                let found = table.lookup_at(&provider, &model, self.now()).cloned();
                found.map(|found| price(provider, model, &found))
            }
        };
        Ok(Prices {
            version: table.version().to_owned(),
            models: table.len(),
            default: table.default_price().map(|p| rates(&p.rates)),
            price,
        })
    }
}

fn price(provider: String, model: String, price: &ModelPrice) -> wire::Price {
    let long = price.long_context.as_ref();
    wire::Price {
        provider,
        model,
        rates: rates(&price.rates),
        long_context: long.map(|l| wire::LongContext {
            above: l.above,
            rates: rates(&l.rates),
        }),
        tiers: price
            .tiers
            .iter()
            .map(|(tier, r)| (tier.as_str().to_owned(), rates(r)))
            .collect(),
        from: price.from.map(Into::into),
        source: price.source.clone(),
        date: price.date.clone(),
    }
}

fn rates(rates: &Rates) -> wire::Rates {
    wire::Rates {
        input: format_rate(rates.input),
        output: format_rate(rates.output),
        cache_read: format_rate(rates.cache_read),
        cache_write_5m: format_rate(rates.cache_write_5m),
        cache_write_1h: format_rate(rates.cache_write_1h),
    }
}
