//! What usage costs, and what a request can cost at most.

use bailey_core::money::nanos_ceil;
use bailey_core::{Money, MoneyError, Rate};

use super::{CacheWrites, ModelPrice, Rates};
use crate::request::CacheControl;
use crate::usage::{ServiceTier, Usage};

/// Why the worst case of a request has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// The request names a service tier that the price list has no rates for.
    #[error("the service tier `{0}` has no price")]
    Tier(String),
    /// The amount does not fit.
    #[error(transparent)]
    Amount(#[from] MoneyError),
}

impl Rates {
    /// `sum(tokens x rate)` in pico-dollars.
    fn picos(&self, usage: &Usage) -> i128 {
        [
            self.input.times(usage.input),
            self.output.times(usage.output),
            self.cache_read.times(usage.cache_read),
            self.cache_write_5m.times(usage.cache_write_5m),
            self.cache_write_1h.times(usage.cache_write_1h),
        ]
        .into_iter()
        .fold(0, i128::saturating_add)
    }

    /// The dearest rate that an input token can be billed at.
    fn dearest_input(&self, cache: CacheControl, writes: CacheWrites) -> Rate {
        let read = self.input.max(self.cache_read);
        match (writes, cache) {
            (CacheWrites::Asked, CacheControl::None) => read,
            (CacheWrites::Asked, CacheControl::FiveMinutes) => read.max(self.cache_write_5m),
            (CacheWrites::Asked, CacheControl::OneHour) | (CacheWrites::Always, _) => {
                read.max(self.cache_write_5m).max(self.cache_write_1h)
            }
        }
    }
}

impl ModelPrice {
    /// What `usage` costs: `ceil(sum(tokens x rate))`, in the tier that the answer named. A tier without rates of its
    /// own is billed at the standard ones; a request that asks for such a tier has no [`Self::worst_case`] and so is
    /// never sent.
    pub fn cost(&self, usage: &Usage, tier: ServiceTier) -> Result<Money, MoneyError> {
        nanos_ceil(self.rates_for(usage.total_input(), tier).picos(usage))
    }

    /// Long context makes other tiers dearer too, by rates that no list has: the standard long ones are taken, for
    /// priority only where they are dearer. Anthropic's fast mode has one price for any length.
    fn rates_for(&self, total_input: u64, tier: ServiceTier) -> &Rates {
        let long = self
            .long_context
            .as_ref()
            .filter(|long| total_input > long.above)
            .map(|long| &long.rates);
        let own = self.tiers.get(&tier);
        match tier {
            ServiceTier::Standard | ServiceTier::Flex | ServiceTier::Batch | ServiceTier::Us => long.or(own),
            ServiceTier::Priority => [long, own].into_iter().flatten().max_by_key(|rates| rates.input),
            ServiceTier::Fast => own.or(long),
        }
        .unwrap_or(&self.rates)
    }

    /// What a request can cost at most: each of `input_bound` tokens at the dearest rate that it can cause, and `output`
    /// tokens in all, over all rates that it can reach.
    pub fn worst_case(
        &self,
        input_bound: u64,
        output: u64,
        cache: CacheControl,
        tier: Option<&str>,
    ) -> Result<Money, CostError> {
        let (input, rate) = self.worst_rates(input_bound, cache, tier)?;
        Ok(nanos_ceil(input.times(input_bound).saturating_add(rate.times(output)))?)
    }

    /// The most output tokens for each of `choices` answers, at most `wanted`, whose worst case `money` covers. `None`
    /// if it does not even cover the input, or if the tier has no price.
    pub fn affordable_output(
        &self,
        input_bound: u64,
        wanted: u64,
        choices: u64,
        cache: CacheControl,
        tier: Option<&str>,
        money: Money,
    ) -> Option<u64> {
        let (input, rate) = self.worst_rates(input_bound, cache, tier).ok()?;
        // `ceil(picos / 1000) <= nanos` exactly if `picos <= nanos * 1000`.
        let left = i128::from(money.nanos())
            .checked_mul(1_000)?
            .checked_sub(input.times(input_bound))?;
        if left < 0 {
            return None;
        }
        match rate.times(choices.max(1)) {
            0 => Some(wanted),
            each => Some(u64::try_from(left / each).unwrap_or(u64::MAX).min(wanted)),
        }
    }

    /// The dearest input and output rates over all that a request can be billed by.
    fn worst_rates(
        &self,
        input_bound: u64,
        cache: CacheControl,
        tier: Option<&str>,
    ) -> Result<(Rate, Rate), CostError> {
        let long = self
            .long_context
            .as_ref()
            .filter(|long| input_bound > long.above)
            .map(|long| &long.rates);
        let asked = match tier {
            None => None,
            Some(name) => match ServiceTier::from_name(name) {
                Some(ServiceTier::Standard) => None,
                // Without rates of their own these are billed as standard, which is dearer.
                Some(tier @ (ServiceTier::Flex | ServiceTier::Batch)) => self.tiers.get(&tier),
                Some(tier) => Some(self.tiers.get(&tier).ok_or_else(|| CostError::Tier(name.to_owned()))?),
                None => return Err(CostError::Tier(name.to_owned())),
            },
        };
        // A provider may serve a request in a lower tier than it asked for, so the standard rates always count.
        let reachable = [Some(&self.rates), long, asked];
        let rates = reachable.into_iter().flatten();
        Ok(rates.fold((Rate::ZERO, Rate::ZERO), |(input, output), rates| {
            (
                input.max(rates.dearest_input(cache, self.cache_writes)),
                output.max(rates.output),
            )
        }))
    }
}
