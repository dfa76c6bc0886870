//! The door: from an HTTP request to the task that answers it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bailey_core::{Money, WorkspaceId};
use bailey_gate::directory::KeyEntry;
use bailey_gate::{Gate, Refused};
use bailey_llm::models::{ModelInfo, list_anthropic, list_openai};
use bailey_llm::{ParseLimits, PriceTable, Protocol, Refusal, RefusalKind, Vendor};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Semaphore, oneshot};

use crate::answer::{Body, json, refuse};
use crate::candidates::RetryBudget;
use crate::complete::Job;
use crate::headers::presented_key;
use crate::intake::{self, IntakeError, Kept};
use crate::metrics::Metrics;
use crate::paths::{Endpoint, Found, find};
use crate::relay::Drains;
use crate::routes::{Model, ModelStatus, Route, Routes, WILDCARD};

pub use crate::intake::IntakeLimits;

/// A name for the model that answers to all names.
const ANY_NAME: &str = "mock";

/// What a door is made from.
pub struct GatewayOptions {
    /// The gate.
    pub gate: Arc<Gate>,
    /// The models.
    pub routes: Routes,
    /// The prices; replaced when the price file changes.
    pub prices: Arc<RwLock<Arc<PriceTable>>>,
    /// Limits on request bodies.
    pub intake: IntakeLimits,
    /// Limits on what is in them.
    pub parse: ParseLimits,
    /// How often a failed attempt is repeated on the same route where there is no other.
    pub same_route_retries: u32,
    /// The pause before such a repetition.
    pub backoff: Duration,
    /// The longest time that an answer is read on after its client has left.
    pub drain_time: Duration,
    /// How many are read on at once.
    pub drain_streams: usize,
    /// What is counted.
    pub metrics: Metrics,
}

/// What Bailey itself asks a model for somebody.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The protocol of the body.
    pub protocol: Protocol,
    /// The request's body.
    pub body: Bytes,
    /// What it belongs to, for the ledger: a chat's id.
    pub session: String,
    /// Takes what the answer cost once it is settled, however it ends; dropped where nothing is to be paid.
    pub receipts: UnboundedSender<Money>,
}

/// A model as an agent's chat asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatModel {
    /// The name that it is asked for by.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The protocol that it is asked in.
    pub protocol: Protocol,
    /// The most tokens of an answer.
    pub output: u64,
    /// Tokens that it can read and write in one step, where the price list says so.
    pub context: Option<u64>,
}

/// The model door.
pub struct Gateway {
    pub(crate) gate: Arc<Gate>,
    pub(crate) routes: Routes,
    prices: Arc<RwLock<Arc<PriceTable>>>,
    intake: IntakeLimits,
    pub(crate) parse: ParseLimits,
    pub(crate) same_route_retries: u32,
    pub(crate) backoff: Duration,
    pub(crate) drains: Drains,
    pub(crate) metrics: Metrics,
    pub(crate) retries: RetryBudget,
    kept: Arc<Kept>,
}

impl Gateway {
    /// A door with these options.
    pub fn new(options: GatewayOptions) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(options.drain_streams));
        Arc::new(Self {
            gate: options.gate,
            routes: options.routes,
            prices: options.prices,
            intake: options.intake,
            parse: options.parse,
            same_route_retries: options.same_route_retries,
            backoff: options.backoff,
            drains: Drains {
                max_time: options.drain_time,
                places,
            },
            metrics: options.metrics,
            retries: RetryBudget::default(),
            kept: Arc::default(),
        })
    }

    /// The models and how their routes are.
    pub fn models(&self) -> Vec<ModelStatus> {
        self.routes.status(self.gate.clock().now())
    }

    /// The models that chats can ask, in the configured order: those with a route that speaks Messages or Chat Completions. With
    /// `key`, only those that it may ask for.
    pub fn chat_models(&self, key: Option<&KeyEntry>) -> Vec<ChatModel> {
        let any = self.routes.find(ANY_NAME).filter(|model| model.name == WILDCARD);
        let named = self.routes.named().map(|model| (model.name.as_str(), model));
        let prices = self.prices();
        named
            .chain(any.map(|model| (ANY_NAME, model)))
            .filter(|(name, model)| key.is_none_or(|key| key.allows(name, model.tier)))
            .filter_map(|(name, model)| chat_model(name, model, &prices))
            .collect()
    }

    /// The model of this name, if chats can ask it.
    pub fn chat_model(&self, name: &str) -> Option<ChatModel> {
        chat_model(name, self.routes.find(name)?, &self.prices())
    }

    /// The prices in force.
    pub fn prices(&self) -> Arc<PriceTable> {
        Arc::clone(&self.prices.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a request is for this door.
    pub fn handles<B>(&self, request: &Request<B>) -> bool {
        find(request.method(), request.uri().path()).is_some()
    }

    /// Answers a request that [`Gateway::handles`].
    pub async fn call(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        self.answer(request, None).await
    }

    /// The same for a request out of a workspace, where that workspace's own key is good and no other.
    pub async fn call_within(self: &Arc<Self>, request: Request<Incoming>, workspace: WorkspaceId) -> Response<Body> {
        self.answer(request, Some(workspace)).await
    }

    /// Asks on a workspace's behalf, from within this process: with the workspace's own key, its limits and its budgets, and a row
    /// in the ledger that names `session`. `None` if the workspace has no key that is good.
    ///
    /// Refusals come as they do to clients: in the vendor's shape, with a status and headers.
    pub async fn call_for(self: &Arc<Self>, workspace: WorkspaceId, ask: Ask) -> Option<Response<Body>> {
        let started = Instant::now();
        let endpoint = Endpoint::Complete(ask.protocol);
        let vendor = endpoint.vendor();
        let entry = match self.gate.workspace_key(workspace).await {
            Ok(entry) => entry?,
            Err(refused) => return Some(self.gate_refusal(vendor, &refused)),
        };
        let body = match intake::keep(ask.body, &self.intake, &self.kept) {
            Ok(body) => body,
            Err(error) => {
                let (kind, code) = intake_refusal(error);
                return Some(self.plain_refusal(vendor, kind, code, &error.to_string()));
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if vendor == Vendor::Anthropic {
            headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        }
        if let Ok(session) = HeaderValue::try_from(&ask.session) {
            headers.insert("x-session-id", session);
        }
        let job = Job {
            endpoint,
            entry,
            query: None,
            headers,
            body,
            started,
            cancels: Arc::default(),
            receipt: Some(ask.receipts),
        };
        Some(self.hand_over(job, vendor).await)
    }

    async fn answer(self: &Arc<Self>, request: Request<Incoming>, within: Option<WorkspaceId>) -> Response<Body> {
        let started = Instant::now();
        let endpoint = match find(request.method(), request.uri().path()) {
            Some(Found::Endpoint(endpoint)) => endpoint,
            Some(Found::WrongMethod(vendor)) => {
                return self.plain_refusal(
                    vendor,
                    RefusalKind::BadRequest,
                    "method_not_allowed",
                    "this path does not answer to this method",
                );
            }
            Some(Found::Unknown(vendor)) => {
                return self.plain_refusal(vendor, RefusalKind::ModelUnknown, "path_unknown", "Bailey does not serve this path; it serves chat/completions, responses, messages, messages/count_tokens and models");
            }
            None => {
                return self.plain_refusal(
                    Vendor::OpenAi,
                    RefusalKind::ModelUnknown,
                    "path_unknown",
                    "there is nothing at this path",
                );
            }
        };
        if endpoint == Endpoint::Probe {
            return Response::new(Body::full(""));
        }
        let vendor = endpoint.vendor();
        let entry = match self.authenticate(request.headers(), within).await {
            Ok(entry) => entry,
            Err(refused) => return self.gate_refusal(vendor, &refused),
        };
        match endpoint {
            Endpoint::Models(vendor) => self.list(&entry, vendor, request.headers()),
            _ => self.complete(endpoint, request, within, started).await,
        }
    }

    async fn authenticate(&self, headers: &HeaderMap, within: Option<WorkspaceId>) -> Result<Arc<KeyEntry>, Refused> {
        let key = presented_key(headers).ok_or(Refused::Unauthenticated)?;
        let entry = self.gate.authenticate(key).await?;
        if within.is_some() && entry.key.workspace != within {
            return Err(Refused::NotOfWorkspace);
        }
        Ok(entry)
    }

    fn gate_refusal(&self, vendor: Vendor, refused: &Refused) -> Response<Body> {
        self.metrics.refused(refused.code());
        refuse(&refusal_of(refused, String::new()), vendor)
    }

    fn plain_refusal(&self, vendor: Vendor, kind: RefusalKind, code: &'static str, message: &str) -> Response<Body> {
        self.metrics.refused(code);
        refuse(&refusal(kind, code, message.to_owned()), vendor)
    }

    /// `GET /v1/models`: what this key may ask for, in the shape that the client reads.
    fn list(&self, entry: &KeyEntry, vendor: Option<Vendor>, headers: &HeaderMap) -> Response<Body> {
        if let Err(refused) = entry.usable(self.gate.clock().now()) {
            return self.gate_refusal(vendor.unwrap_or(Vendor::OpenAi), &refused);
        }
        let info = |name: &str, display_name: &str| ModelInfo {
            id: name.to_owned(),
            display_name: display_name.to_owned(),
            created: 0,
            owned_by: "bailey".to_owned(),
        };
        let allowed = |name: &str, tier| entry.allows(name, tier);
        let mut models: Vec<ModelInfo> = self
            .routes
            .named()
            .filter(|m| allowed(&m.name, m.tier))
            .map(|m| info(&m.name, &m.display_name))
            .collect();
        // A model that answers to every name is shown by the one that the documentation uses.
        if let Some(any) = self
            .routes
            .find(ANY_NAME)
            .filter(|m| m.name == WILDCARD && allowed(ANY_NAME, m.tier))
        {
            models.push(info(ANY_NAME, &any.display_name));
        }
        let anthropic = vendor.map_or_else(|| headers.contains_key("anthropic-version"), |v| v == Vendor::Anthropic);
        json(if anthropic {
            list_anthropic(&models)
        } else {
            list_openai(&models)
        })
    }

    /// Reads the body, then hands everything to a task of its own: from there on nothing that the client does can keep the
    /// request from being settled.
    async fn complete(
        self: &Arc<Self>,
        endpoint: Endpoint,
        request: Request<Incoming>,
        within: Option<WorkspaceId>,
        started: Instant,
    ) -> Response<Body> {
        let vendor = endpoint.vendor();
        let (parts, body) = request.into_parts();
        let body = match intake::read(&parts.headers, body, &self.intake, &self.kept).await {
            Ok(body) => body,
            Err(error) => {
                let (kind, code) = intake_refusal(error);
                return self.plain_refusal(vendor, kind, code, &error.to_string());
            }
        };
        // A body may take minutes to come; what the key may do is looked at after it, not before.
        let entry = match self.authenticate(&parts.headers, within).await {
            Ok(current) => current,
            Err(refused) => return self.gate_refusal(vendor, &refused),
        };
        let query = parts.uri.query().map(ToOwned::to_owned);
        let job = Job {
            endpoint,
            entry,
            query,
            headers: parts.headers,
            body,
            started,
            cancels: Arc::default(),
            receipt: None,
        };
        self.hand_over(job, vendor).await
    }

    async fn hand_over(self: &Arc<Self>, job: Job, vendor: Vendor) -> Response<Body> {
        let (reply, answer) = oneshot::channel();
        self.gate.tasks().spawn(Arc::clone(self).run(job, reply));
        match answer.await {
            Ok(answer) => answer,
            Err(_) => self.plain_refusal(
                vendor,
                RefusalKind::UpstreamFailed,
                "internal",
                "the request ended without an answer; this is a bug in Bailey",
            ),
        }
    }
}

fn chat_model(name: &str, model: &Model, prices: &PriceTable) -> Option<ChatModel> {
    let speaks = |protocol| move |route: &&Route| route.provider.protocols.contains(&protocol);
    let protocol = [Protocol::Messages, Protocol::Chat]
        .into_iter()
        .find(|protocol| model.routes.iter().any(|route| speaks(*protocol)(&route)))?;
    // Whichever route answers must be able to read it.
    let context = model.routes.iter().filter(speaks(protocol)).filter_map(|route| {
        let own = route.price.as_ref().and_then(|price| price.context);
        own.or_else(|| {
            prices
                .lookup(&route.provider.kind, route.model.as_deref().unwrap_or(name))?
                .context
        })
    });
    Some(ChatModel {
        name: name.to_owned(),
        display_name: model.display_name.clone(),
        protocol,
        output: model.max_output,
        context: context.min(),
    })
}

fn intake_refusal(error: IntakeError) -> (RefusalKind, &'static str) {
    match error {
        IntakeError::TooLarge(_) => (RefusalKind::TooLarge, "body_too_large"),
        IntakeError::TooSlow => (RefusalKind::Timeout, "body_too_slow"),
        IntakeError::Cut => (RefusalKind::BadRequest, "body_cut"),
        IntakeError::Encoding => (RefusalKind::BadRequest, "encoding_unknown"),
        IntakeError::Inflate => (RefusalKind::BadRequest, "encoding_invalid"),
        IntakeError::Full => (RefusalKind::Unavailable, "bodies_full"),
    }
}

/// A refusal of the door's own.
pub(crate) fn refusal(kind: RefusalKind, code: &'static str, message: String) -> Refusal {
    Refusal {
        kind,
        code,
        message,
        retry_after: None,
        field: None,
        request_id: String::new(),
    }
}

/// A refusal of the gate.
pub(crate) fn refusal_of(refused: &Refused, request_id: String) -> Refusal {
    Refusal {
        kind: refused.kind(),
        code: refused.code(),
        message: refused.to_string(),
        retry_after: refused.retry_after(),
        field: None,
        request_id,
    }
}
