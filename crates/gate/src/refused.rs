//! Why a request was refused at the gate, in words that name whose limit it was, the limit, what is spent and when it
//! resets.

use bailey_core::Timestamp;
use bailey_core::budget::BudgetSpec;
use bailey_core::money::Money;
use bailey_llm::RefusalKind;

/// A budget that does not cover a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverBudget {
    /// Whose: ``key `ci` ``, ``group `backend` ``.
    pub subject: String,
    /// The limit.
    pub budget: BudgetSpec,
    /// What is spent in the running window.
    pub spent: Money,
    /// What requests under way hold.
    pub held: Money,
    /// When it begins anew.
    pub resets_at: Option<Timestamp>,
    /// When it was asked.
    pub now: Timestamp,
}

/// What a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Requests per minute.
    Requests,
    /// Tokens per minute.
    Tokens,
    /// Requests at the same time.
    Concurrent,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No key, or none that is known.
    Unauthenticated,
    /// The key or API token was good once.
    KeyEnded {
        /// `key` or `API token`.
        what: &'static str,
        /// What happened to it: `revoked` or `expired`.
        how: &'static str,
    },
    /// The key is not that of the workspace where it is used.
    NotOfWorkspace,
    /// The API token is not for asking models: its scopes or its person's role do not include it.
    NotForModels,
    /// The person may not use Bailey.
    Suspended,
    /// The key may not use the model.
    ModelNotAllowed {
        /// The model.
        model: String,
    },
    /// A rate limit is reached.
    RateLimited {
        /// What is counted.
        rate: Rate,
        /// Whose limit it is: ``key `ci` ``.
        whose: String,
        /// The limit.
        limit: u64,
        /// Whole seconds until there is room.
        retry_after: u64,
    },
    /// A budget does not cover the worst case of the request.
    Budget(Box<OverBudget>),
    /// The request has a part whose cost has no bound, and a hard budget is on it.
    Unbounded {
        /// The part, and how to mend it.
        what: String,
    },
    /// The model has no price.
    NotPriced {
        /// The model.
        model: String,
    },
    /// The service tier that is asked for has no price.
    TierNotPriced {
        /// The tier.
        tier: String,
        /// The model.
        model: String,
    },
    /// What must be written down cannot be, so nothing is sent.
    Unavailable {
        /// Why, safe to show.
        why: String,
    },
}

impl Refused {
    /// The stable code, explained in `docs/errors/`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "key_invalid",
            Self::KeyEnded { .. } => "key_ended",
            Self::NotOfWorkspace => "key_not_of_workspace",
            Self::NotForModels => "forbidden",
            Self::Suspended => "person_suspended",
            Self::ModelNotAllowed { .. } => "model_not_allowed",
            Self::RateLimited {
                rate: Rate::Requests, ..
            } => "rate_requests",
            Self::RateLimited { rate: Rate::Tokens, .. } => "rate_tokens",
            Self::RateLimited {
                rate: Rate::Concurrent, ..
            } => "rate_concurrent",
            Self::Budget(_) => "budget_exhausted",
            Self::Unbounded { .. } => "cost_unbounded",
            Self::NotPriced { .. } | Self::TierNotPriced { .. } => "model_not_priced",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// The shape that clients are answered in.
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::Unauthenticated | Self::NotOfWorkspace => RefusalKind::Unauthenticated,
            Self::KeyEnded { .. } | Self::Suspended => RefusalKind::Revoked,
            Self::ModelNotAllowed { .. } | Self::NotForModels => RefusalKind::ModelNotAllowed,
            Self::RateLimited { .. } => RefusalKind::RateLimited,
            Self::Budget(_) => RefusalKind::BudgetExhausted,
            Self::Unbounded { .. } => RefusalKind::Unbounded,
            Self::NotPriced { .. } | Self::TierNotPriced { .. } => RefusalKind::NotPriced,
            Self::Unavailable { .. } => RefusalKind::Unavailable,
        }
    }

    /// Whole seconds after which it may be tried again. A budget without a reset never gets less than an hour, so that
    /// agents stop instead of waiting.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::Budget(over) => {
                let wait = over
                    .resets_at
                    .map_or(3_600, |at| at.seconds().saturating_sub(over.now.seconds()));
                // Clients wait out anything up to a minute; a budget is not worth waiting for.
                Some(u64::try_from(wait).unwrap_or(0).max(61))
            }
            Self::Unavailable { .. } => Some(5),
            _ => None,
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str(
                "the key is missing or not known; send it as `Authorization: Bearer KEY` or `x-api-key: KEY`; an API token of your own is good, too",
            ),
            Self::KeyEnded { what, how } => write!(f, "this {what} is {how}; create a new one"),
            Self::NotForModels => f.write_str(
                "this API token is not for asking models; make one with the scope `models.use`, as a person whose role allows it",
            ),
            Self::NotOfWorkspace => f.write_str(
                "inside a workspace only its own key is good, and this is another one; every process has it in BAILEY_KEY, \
                 ANTHROPIC_AUTH_TOKEN and OPENAI_API_KEY: remove what replaces it there or in the client's settings",
            ),
            Self::Suspended => f.write_str("the person this key belongs to is suspended; ask your administrator"),
            Self::ModelNotAllowed { model } => write!(
                f,
                "this key may not use the model `{model}`; see `GET /v1/models` for those it may"
            ),
            Self::RateLimited {
                rate,
                whose,
                limit,
                retry_after,
            } => {
                let what = match rate {
                    Rate::Requests => "requests per minute",
                    Rate::Tokens => "tokens per minute",
                    Rate::Concurrent => "requests at the same time",
                };
                write!(
                    f,
                    "the limit of {limit} {what} of {whose} is reached; try again in {retry_after} s"
                )
            }
            Self::Budget(over) => over.fmt(f),
            Self::Unbounded { what } => write!(
                f,
                "the cost of this request has no upper bound, and its budget is hard: {what}"
            ),
            Self::NotPriced { model } => write!(
                f,
                "the model `{model}` has no price, and an unknown price is never taken for zero; an administrator can add one to the price file or to the model's route"
            ),
            Self::TierNotPriced { tier, model } => write!(
                f,
                "the service tier `{tier}` of the model `{model}` has no price; ask for another tier, or have an administrator add one to the price file"
            ),
            Self::Unavailable { why } => write!(f, "{why}; nothing was sent"),
        }
    }
}

impl std::fmt::Display for OverBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the budget of {} does not cover this request: limit ${} per {}, spent ${}",
            self.subject, self.budget.limit, self.budget.period, self.spent
        )?;
        if self.held > Money::ZERO {
            write!(f, ", held by requests under way ${}", self.held)?;
        }
        match self.resets_at {
            Some(at) => write!(f, "; it resets at {at}"),
            None => f.write_str("; it does not reset"),
        }
    }
}
