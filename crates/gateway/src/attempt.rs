//! One attempt on one route.

use std::sync::Arc;
use std::time::Duration;

use bailey_core::ledger::Outcome;
use bailey_gate::grant::{Ask, Attempt, Bill, Grant, SendError};
use bailey_gate::{Call, Refused};
use bailey_llm::{Edits, ModelPrice, Protocol, Refusal, RefusalKind};
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::answer::Body;
use crate::complete::Plan;
use crate::gateway::{Gateway, refusal, refusal_of};
use crate::headers::to_client;
use crate::paths::Endpoint;
use crate::relay::{Primed, Relay};
use crate::routes::Route;

/// The most of a provider's error that is passed on.
const ERROR_BODY: usize = 64 * 1024;
/// The least output that is worth a request; also the least that OpenAI's responses accept.
const LEAST_OUTPUT: u64 = 16;
/// The least thinking budget that Anthropic accepts; the output limit must be larger.
const LEAST_THINKING: u64 = 1_024;

/// What came of an attempt.
pub(crate) enum Tried {
    /// Content begins.
    Answering(Box<Answering>),
    /// The provider failed, and is settled.
    Failed(Call, Failure),
    /// The gate refused; nothing was sent.
    Refused(Call, Failure),
}

/// An answer that has begun.
pub(crate) struct Answering {
    pub(crate) grant: Grant,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) relay: Relay,
    pub(crate) protocol: Protocol,
    pub(crate) stream: bool,
    pub(crate) input_bound: u64,
    pub(crate) provider_request_id: Option<String>,
}

/// Why there is no answer, and what the client is told.
pub(crate) struct Failure {
    pub(crate) retryable: bool,
    pub(crate) retry_after: Option<Duration>,
    /// The provider's status, if it answered.
    pub(crate) status: Option<u16>,
    pub(crate) outcome: Outcome,
    pub(crate) code: &'static str,
    pub(crate) answer: FailureAnswer,
}

pub(crate) enum FailureAnswer {
    /// The provider's own words.
    Verbatim(Box<Response<Body>>),
    /// Ours.
    Refusal(Box<Refusal>),
    /// No failure but a count that we made ourselves.
    Estimate(Vec<u8>),
}

impl Failure {
    fn ours(kind: RefusalKind, code: &'static str, message: String, retryable: bool) -> Self {
        let answer = FailureAnswer::Refusal(Box::new(refusal(kind, code, message)));
        Self {
            retryable,
            retry_after: None,
            status: None,
            outcome: Outcome::Error,
            code,
            answer,
        }
    }

    /// No route speaks the protocol.
    pub(crate) fn no_route(plan: &Plan<'_>) -> Self {
        let mut spoken: Vec<&str> = plan
            .model
            .routes
            .iter()
            .flat_map(|r| r.provider.protocols.iter().map(|p| p.as_str()))
            .collect();
        spoken.sort_unstable();
        spoken.dedup();
        let message = format!(
            "no provider of the model `{}` speaks `{}`; it can be asked in: {}",
            plan.view.model(),
            plan.protocol.as_str(),
            spoken.join(", ")
        );
        let mut failure = Self::ours(RefusalKind::NoRouteForProtocol, "no_route_for_protocol", message, false);
        failure.outcome = Outcome::Denied;
        failure
    }

    /// No provider counts tokens for this model, so we do.
    pub(crate) fn estimated(plan: &Plan<'_>) -> Self {
        let bounds = plan
            .model
            .routes
            .first()
            .map_or_else(bailey_llm::Bounds::default, |r| r.provider.bounds);
        let answer = FailureAnswer::Estimate(bailey_llm::count::estimated(plan.view, &bounds));
        Self {
            retryable: false,
            retry_after: None,
            status: None,
            outcome: Outcome::Ok,
            code: "estimated",
            answer,
        }
    }

    fn refused(refused: &Refused) -> Self {
        let answer = FailureAnswer::Refusal(Box::new(refusal_of(refused, String::new())));
        Self {
            retryable: false,
            retry_after: None,
            status: None,
            outcome: Outcome::Denied,
            code: refused.code(),
            answer,
        }
    }
}

impl Gateway {
    /// Makes one attempt: hold, journal, send, and read until content begins.
    pub(crate) async fn attempt(&self, plan: &Plan<'_>, route: &Route, call: Call, another: bool) -> Tried {
        let counting = plan.endpoint == Endpoint::CountTokens;
        let model = route.model.as_deref().unwrap_or_else(|| plan.view.model());
        let prices = self.prices();
        let price = match self.price(plan, route, model, &prices) {
            Ok(price) => price,
            Err(refused) => return Tried::Refused(call, Failure::refused(&refused)),
        };
        let wish = plan.wish(price.as_deref());
        let input_bound = plan
            .view
            .input_bound(&route.provider.bounds)
            .map_err(|unbounded| unbounded.to_string());
        let ask = Ask {
            provider: &route.provider.provider,
            model,
            price: price.as_ref().filter(|_| !counting),
            price_version: prices.version(),
            input_bound: input_bound.as_ref().copied().map_err(String::as_str),
            output: wish,
            floor: plan.floor(),
            choices: plan.view.choices(),
            cache: plan.view.has_cache_control(),
            tier: plan.view.service_tier(),
        };
        let mut grant = match call.admit(ask).await {
            Ok(grant) => grant,
            Err((refused, call)) => return Tried::Refused(call, Failure::refused(&refused)),
        };
        let bounded = !grant.call().entry().budgets.is_empty();
        let body = plan.edited(route, model, (bounded && !counting).then(|| grant.output()));
        let path = plan.path(route);
        let cancels = route.provider.provider.cancel_on_hangup;
        plan.cancels.store(cancels, std::sync::atomic::Ordering::Relaxed);
        match grant.send(Method::POST, &path, plan.headers.clone(), body).await {
            Ok(response) => {
                self.begun(plan, route, grant, response, another, input_bound.unwrap_or(0))
                    .await
            }
            Err(error) => self.unsent(route, grant, &error),
        }
    }

    /// The model's price: the route's own, or the table's. An unknown price is never zero.
    fn price(
        &self,
        plan: &Plan<'_>,
        route: &Route,
        model: &str,
        prices: &bailey_llm::PriceTable,
    ) -> Result<Option<Arc<ModelPrice>>, Refused> {
        if let Some(price) = &route.price {
            return Ok(Some(Arc::clone(price)));
        }
        let now = self.gate.clock().now();
        let found = prices
            .lookup_at(&route.provider.kind, model, now)
            .or_else(|| prices.default_price());
        match found {
            Some(price) => Ok(Some(Arc::clone(price))),
            None if plan.endpoint == Endpoint::CountTokens => Ok(None),
            None => Err(Refused::NotPriced {
                model: plan.view.model().to_owned(),
            }),
        }
    }

    /// The request could not be sent, or no answer began.
    fn unsent(&self, route: &Route, grant: Grant, error: &SendError) -> Tried {
        let name = route.provider.provider.name();
        let (code, kind) = match error {
            SendError::Journal(_) | SendError::Unrecorded | SendError::Over => {
                ("journal_unavailable", RefusalKind::Unavailable)
            }
            SendError::Request(_) => ("request_unsendable", RefusalKind::BadRequest),
            SendError::Connect { .. } => ("upstream_connect", RefusalKind::UpstreamFailed),
            SendError::Broken { .. } => ("upstream_broken", RefusalKind::UpstreamFailed),
            SendError::Timeout { .. } => ("upstream_timeout", RefusalKind::UpstreamFailed),
        };
        let upstream = kind == RefusalKind::UpstreamFailed;
        if upstream {
            tracing::warn!(
                provider = name,
                error = error as &dyn std::error::Error,
                "an attempt failed"
            );
            route.health.failed(self.gate.clock().now(), None);
            self.metrics.failed(name, code);
        } else {
            tracing::error!(error = error as &dyn std::error::Error, "nothing was sent");
        }
        let bill = if error.unsent() {
            Bill::Nothing
        } else {
            Bill::Hold(
                bailey_core::ledger::Usage::default(),
                bailey_core::ledger::ChargeFlag::HoldCharged,
            )
        };
        let call = grant.settle(Attempt {
            status: None,
            outcome: Outcome::Error,
            code: Some(code.to_owned()),
            bill,
        });
        Tried::Failed(call, Failure::ours(kind, code, error.to_string(), upstream))
    }

    /// The provider has answered with a head.
    async fn begun(
        &self,
        plan: &Plan<'_>,
        route: &Route,
        grant: Grant,
        response: Response<Incoming>,
        another: bool,
        input_bound: u64,
    ) -> Tried {
        let (parts, incoming) = response.into_parts();
        if !parts.status.is_success() {
            return self
                .error_status(plan, route, grant, Response::from_parts(parts, incoming))
                .await;
        }
        let is_stream = parts
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.starts_with("text/event-stream"));
        let mut relay = if is_stream {
            Relay::stream(
                incoming,
                plan.protocol,
                plan.view.has_cache_control(),
                plan.hides_usage(),
            )
        } else {
            Relay::body(incoming, plan.protocol, plan.view.has_cache_control())
        };
        let idle = route.provider.provider.idle_timeout;
        let failed = match relay.prime(idle, another).await {
            Primed::ErrorEvent { kind, retryable } if another && retryable => {
                tracing::warn!(
                    provider = route.provider.provider.name(),
                    kind,
                    "an error event came before any content"
                );
                Some(("upstream_error_event", Bill::Nothing, retryable))
            }
            // With nobody else to ask, or nothing that another could do better, the client gets the event itself.
            Primed::Begun | Primed::ErrorEvent { .. } => None,
            Primed::Failed(ending) => {
                let (bill, _, code) = crate::relay::judge(&mut relay, ending, None, input_bound);
                Some((code.unwrap_or("upstream_cut"), bill, true))
            }
        };
        let Some((code, bill, retryable)) = failed else {
            route.health.succeeded();
            return Tried::Answering(Box::new(Answering {
                grant,
                status: parts.status,
                provider_request_id: provider_request_id(&parts.headers),
                headers: to_client(parts.headers),
                relay,
                protocol: plan.protocol,
                stream: is_stream,
                input_bound,
            }));
        };
        route.health.failed(self.gate.clock().now(), None);
        self.metrics.failed(route.provider.provider.name(), code);
        let status = Some(parts.status.as_u16());
        let call = grant.settle(Attempt {
            status,
            outcome: Outcome::Error,
            code: Some(code.to_owned()),
            bill,
        });
        let message = "the provider's answer failed before it began".to_owned();
        Tried::Failed(
            call,
            Failure::ours(RefusalKind::UpstreamFailed, code, message, retryable),
        )
    }

    /// The provider refused, or failed with a status.
    async fn error_status(&self, plan: &Plan<'_>, route: &Route, grant: Grant, response: Response<Incoming>) -> Tried {
        let (parts, incoming) = response.into_parts();
        let name = route.provider.provider.name();
        let retry_after = retry_after(&parts.headers);
        let read = Limited::new(incoming, ERROR_BODY).collect();
        let body = match tokio::time::timeout(route.provider.provider.idle_timeout, read).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => Bytes::new(),
        };
        let status = parts.status;
        let ours = matches!(status.as_u16(), 401..=403);
        let failing =
            status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 429) || ours || status.is_redirection();
        let code = match status.as_u16() {
            401..=403 => "upstream_refused_us",
            429 => "upstream_rate_limited",
            300..=399 => "upstream_redirected",
            400..=499 => "upstream_rejected",
            _ => "upstream_failed",
        };
        if failing && plan.endpoint != Endpoint::CountTokens {
            route.health.failed(self.gate.clock().now(), retry_after);
        }
        self.metrics.failed(name, code);
        if ours {
            tracing::error!(
                provider = name,
                status = status.as_u16(),
                "the provider refuses Bailey's own credential or quota; check it"
            );
        } else {
            tracing::warn!(
                provider = name,
                status = status.as_u16(),
                "the provider answered with an error"
            );
        }
        let attempt = Attempt {
            status: Some(status.as_u16()),
            outcome: Outcome::Error,
            code: Some(code.to_owned()),
            bill: Bill::Nothing,
        };
        let call = grant.settle(attempt);
        let answer = if ours || status.is_redirection() {
            let message = format!(
                "the provider `{name}` does not accept Bailey's request for itself; your key is not at fault, an administrator has to look"
            );
            FailureAnswer::Refusal(Box::new(refusal(RefusalKind::UpstreamRefusedUs, code, message)))
        } else {
            let mut verbatim = Response::new(Body::full(body));
            *verbatim.status_mut() = status;
            *verbatim.headers_mut() = to_client(parts.headers);
            FailureAnswer::Verbatim(Box::new(verbatim))
        };
        Tried::Failed(
            call,
            Failure {
                retryable: failing,
                retry_after,
                status: Some(status.as_u16()),
                outcome: Outcome::Error,
                code,
                answer,
            },
        )
    }
}

impl Plan<'_> {
    /// The output that is wished for: the request's own limit, else the model's, which no provider exceeds.
    fn wish(&self, price: Option<&ModelPrice>) -> u64 {
        let most = price.and_then(|p| p.max_output).unwrap_or(u64::MAX);
        self.view
            .max_output()
            .unwrap_or_else(|| self.model.max_output.min(most))
    }

    fn floor(&self) -> u64 {
        self.view.thinking_budget().map_or(LEAST_OUTPUT, |_| LEAST_THINKING + 1)
    }

    /// Whether the usage chunk that a chat stream gets at our wish is kept from a client that did not wish for it.
    fn hides_usage(&self) -> bool {
        self.protocol == Protocol::Chat && self.view.stream() && !self.view.asks_usage()
    }

    /// The body as this route is sent it: the client's bytes, but for the few fields that must differ.
    fn edited(&self, route: &Route, model: &str, output: Option<u64>) -> Bytes {
        let max_output = output.filter(|output| self.view.max_output().is_none_or(|asked| *output < asked));
        let thinking_budget = output.and_then(|output| self.view.thinking_within(output).ok().flatten());
        let edits = Edits {
            model: (model != self.view.model()).then_some(model),
            max_output,
            thinking_budget,
            include_usage: self.hides_usage(),
            max_output_field: route.provider.max_output_field,
        };
        self.view.apply(&edits).map_or_else(|| self.body.clone(), Bytes::from)
    }

    fn path(&self, route: &Route) -> String {
        let tail = match (self.endpoint, self.protocol) {
            (Endpoint::CountTokens, _) => "/messages/count_tokens",
            (_, Protocol::Messages) => "/messages",
            (_, Protocol::Chat) => "/chat/completions",
            (_, Protocol::Responses) => "/responses",
        };
        let prefix = route.provider.version_prefix;
        match self.query {
            Some(query) => format!("{prefix}{tail}?{query}"),
            None => format!("{prefix}{tail}"),
        }
    }
}

/// `Retry-After` or `retry-after-ms`, as a duration.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u32>().ok();
    let millis = number("retry-after-ms").map(|ms| Duration::from_millis(ms.into()));
    millis.or_else(|| number("retry-after").map(|s| Duration::from_secs(s.into())))
}

/// The provider's id of the request.
fn provider_request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("request-id").or_else(|| headers.get("x-request-id"))?;
    value.to_str().ok().map(ToOwned::to_owned)
}
