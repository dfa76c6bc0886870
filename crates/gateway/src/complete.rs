//! The task that owns a request from its body to its settlement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bailey_core::Money;
use bailey_core::ledger::{Outcome, Usage};
use bailey_gate::Call;
use bailey_gate::call::{CallInfo, Closing};
use bailey_gate::directory::{KeyEntry, Served};
use bailey_gate::grant::{Attempt, Bill};
use bailey_llm::{Bounds, Protocol, Refusal, RefusalKind, RequestView, Vendor};
use http::{HeaderMap, Response};
use tokio::sync::mpsc::{Sender, UnboundedSender};
use tokio::sync::oneshot;

use crate::answer::{Body, Piece, json, refuse, set_id};
use crate::attempt::{Answering, Failure, FailureAnswer, Tried};
use crate::candidates::candidates;
use crate::gateway::{Gateway, refusal, refusal_of};
use crate::headers::{session, to_provider};
use crate::intake::KeptBody;
use crate::metrics::{RequestLabels, TokenLabels, Word};
use crate::paths::Endpoint;
use crate::relay::{Cut, Watch, judge};
use crate::routes::Model;

/// A request whose body is in memory and whose key is known.
pub(crate) struct Job {
    pub(crate) endpoint: Endpoint,
    pub(crate) entry: Arc<KeyEntry>,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: KeptBody,
    pub(crate) started: Instant,
    /// Whether the provider that is being asked is to be cancelled when the client leaves.
    pub(crate) cancels: Arc<AtomicBool>,
    /// Where it is said what the answer has cost, once that is settled.
    pub(crate) receipt: Option<UnboundedSender<Money>>,
}

impl Job {
    pub(crate) const fn protocol(&self) -> Protocol {
        match self.endpoint {
            Endpoint::Complete(protocol) => protocol,
            _ => Protocol::Messages,
        }
    }

    /// The name in the ledger.
    const fn label(&self) -> &'static str {
        match self.endpoint {
            Endpoint::CountTokens => COUNTING,
            _ => self.protocol().as_str(),
        }
    }
}

/// What counting tokens is called in the ledger.
const COUNTING: &str = "count_tokens";

type Reply = oneshot::Sender<Response<Body>>;

/// What all attempts of a request share.
pub(crate) struct Plan<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) protocol: Protocol,
    pub(crate) view: &'a RequestView<'a>,
    pub(crate) model: &'a Model,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a bytes::Bytes,
    pub(crate) cancels: &'a AtomicBool,
}

impl Gateway {
    /// Answers a request and settles it, whatever becomes of the client.
    pub(crate) async fn run(self: Arc<Self>, mut job: Job, mut reply: Reply) {
        self.retries.earn();
        let vendor = job.endpoint.vendor();
        let label = job.label();
        let ended = job.entry.ended().clone();
        let served = job.entry.serve();
        let cancels = Arc::clone(&job.cancels);
        let receipt = job.receipt.take();
        // A self-hosted provider stops as soon as nobody waits; one that bills is asked to the end.
        let abandoned = async {
            reply.closed().await;
            if !cancels.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        // What is dropped here settles by its state.
        let begun = tokio::select! {
            begun = self.first_content(job, vendor, label) => begun,
            () = ended.cancelled() => Err(cut_off(Cut::KeyEnded, vendor)),
            () = self.gate.tasks().stopping().cancelled() => Err(cut_off(Cut::Shutdown, vendor)),
            () = abandoned => return,
        };
        match begun {
            Ok(answering) => {
                // The request's body is gone; only the answer is in memory now.
                self.metrics.open.inc();
                let cost = self.pass_on(answering, reply, served, label).await;
                if let Some(receipt) = receipt {
                    // Nobody may want it any more.
                    let _ = receipt.send(cost);
                }
                self.metrics.open.dec();
            }
            // A client that has left is answered by nobody; the row is written all the same.
            Err(response) => drop(reply.send(response)),
        }
    }

    /// Everything up to the first content byte; an error is an answer, and the request is over.
    async fn first_content(
        &self,
        mut job: Job,
        vendor: Vendor,
        label: &'static str,
    ) -> Result<Box<Answering>, Response<Body>> {
        let headers = std::mem::take(&mut job.headers);
        let parsed = RequestView::parse(job.protocol(), job.body.bytes(), &self.parse);
        let info = CallInfo {
            protocol: label,
            model: parsed
                .as_ref()
                .map_or_else(|_| String::new(), |view| view.model().to_owned()),
            stream: parsed.as_ref().is_ok_and(RequestView::stream),
            session: session(&headers),
            tokens: parsed
                .as_ref()
                .map_or(0, |view| view.input_estimate(&Bounds::default())),
        };
        let call = match self.gate.open_call(Arc::clone(&job.entry), info, job.started) {
            Ok(call) => call,
            Err((refused, call)) => {
                let id = call.id().to_string();
                return Err(self.refuse(call, &refusal_of(&refused, id), vendor, label));
            }
        };
        let view = match &parsed {
            Ok(view) => view,
            Err(error) => {
                let mut refusal = refusal(RefusalKind::BadRequest, "request_invalid", error.to_string());
                refusal.field = error.field().map(ToOwned::to_owned);
                return Err(self.refuse(call, &refusal, vendor, label));
            }
        };
        let model = match self.choose(&job, view) {
            Ok(model) => model,
            Err(refusal) => return Err(self.refuse(call, &refusal, vendor, label)),
        };
        let headers = to_provider(headers);
        let plan = Plan {
            endpoint: job.endpoint,
            protocol: job.protocol(),
            view,
            model: &model,
            headers: &headers,
            query: job.query.as_deref(),
            body: job.body.bytes(),
            cancels: &job.cancels,
        };
        let tried = self.attempts(&plan, call).await;
        tried.map_err(|(call, failure)| self.fail(call, failure, vendor, label))
    }

    /// The model, if it exists and the key may use it.
    fn choose(&self, job: &Job, view: &RequestView<'_>) -> Result<Arc<Model>, Refusal> {
        let name = view.model();
        let Some(model) = self.routes.find(name) else {
            let message = format!("the model `{name}` does not exist here; see `GET /v1/models`");
            return Err(refusal(RefusalKind::ModelUnknown, "model_unknown", message));
        };
        if !job.entry.allows(name, model.tier) {
            let refused = bailey_gate::Refused::ModelNotAllowed { model: name.to_owned() };
            return Err(refusal_of(&refused, String::new()));
        }
        Ok(Arc::clone(model))
    }

    /// Tries the routes in order until content begins.
    async fn attempts(&self, plan: &Plan<'_>, mut call: Call) -> Result<Box<Answering>, (Call, Failure)> {
        let counting = plan.endpoint == Endpoint::CountTokens;
        let mut routes = candidates(plan.model, plan.protocol, self.gate.clock().now());
        if routes.is_empty() {
            return Err((call, Failure::no_route(plan)));
        }
        if counting {
            routes.retain(|route| route.provider.counts_tokens);
        }
        if routes.is_empty() {
            return Err((call, Failure::estimated(plan)));
        }
        let mut failure: Option<Failure> = None;
        let mut same_route = self.same_route_retries;
        let mut at = 0;
        while let Some(route) = routes.get(at) {
            let another = at + 1 < routes.len();
            let (given_back, failed) = match self.attempt(plan, route, call, another).await {
                Tried::Answering(answering) => return Ok(answering),
                // A refusal by the gate hides no failure of a provider that came before it.
                Tried::Refused(call, refused) => return Err((call, failure.unwrap_or(refused))),
                Tried::Failed(call, failure) => (call, failure),
            };
            call = given_back;
            if counting && (failed.retryable || matches!(failed.status, Some(404 | 405 | 501))) {
                return Err((call, Failure::estimated(plan)));
            }
            let retryable = failed.retryable;
            let alone = routes.len() == 1 && failed.retry_after.is_none() && same_route > 0;
            failure = Some(failed);
            if !retryable || !(another || alone) || !self.retries.spend() {
                break;
            }
            if another {
                at += 1;
            } else {
                same_route -= 1;
                tokio::time::sleep(self.backoff).await;
            }
        }
        let failure = failure.unwrap_or_else(|| Failure::no_route(plan));
        Err((call, failure))
    }

    /// Sends the head, passes the body on, and settles. Answers with what it has cost.
    async fn pass_on(&self, answering: Box<Answering>, reply: Reply, served: Served, label: &'static str) -> Money {
        let Answering {
            grant,
            status,
            headers,
            mut relay,
            protocol,
            stream,
            input_bound,
            provider_request_id,
        } = *answering;
        let ttft_us = grant.call().elapsed_us();
        let id = grant.call().id().to_string();
        let provider = Arc::clone(grant.provider());
        relay.gather().await;
        let whole = relay.take_whole();
        let (client, body) = match whole {
            Some(bytes) => (None, Body::full(bytes)),
            None => {
                let (sender, body) = Body::channel();
                (Some(sender), body)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        set_id(response.headers_mut(), &id);
        let reached = reply.send(response).is_ok();
        let watch = Watch {
            ended: grant.call().entry().ended().clone(),
            shutdown: self.gate.tasks().stopping().clone(),
            idle: provider.idle_timeout,
            cancel_on_hangup: provider.cancel_on_hangup,
            drains: self.drains.clone(),
        };
        let words = Words { stream, protocol };
        let cut = match &client {
            Some(client) if reached => relay.serve(client, &watch).await,
            _ => (!reached).then_some(Cut::HungUp),
        };
        // Whoever is cut off is told so at once, not when the provider is done.
        let client = match (client, cut) {
            (Some(client), Some(cut)) => {
                if cut != Cut::HungUp {
                    // One that takes nothing more does not hold up what is told to others.
                    let _ = tokio::time::timeout(PARTING, words.tell(&client, cut.code())).await;
                }
                None
            }
            (client, _) => client,
        };
        let served = client.is_some().then_some(served);
        let ending = relay.conclude(cut, &watch).await;
        let (bill, outcome, code) = judge(&mut relay, ending, cut, input_bound);
        // No provider bills a count.
        let bill = if label == COUNTING { Bill::Nothing } else { bill };
        if outcome == Outcome::Error {
            self.metrics.failed(provider.name(), code.unwrap_or("upstream_error"));
        }
        let attempt = Attempt {
            status: Some(status.as_u16()),
            outcome,
            code: code.map(ToOwned::to_owned),
            bill,
        };
        let call = grant.settle(attempt);
        let closing = Closing {
            status: status.as_u16(),
            outcome,
            code: code.map(ToOwned::to_owned),
            ttft_us: Some(ttft_us),
            provider_request_id,
        };
        self.count(&call, label, outcome, Some(ttft_us), usage_of(&bill));
        let cost = call.cost();
        call.close(closing);
        // The client sees the end when it is recorded.
        if let Some(client) = &client {
            words.tell(client, ending.code()).await;
        }
        drop(served);
        cost
    }

    /// Answers with the failure of the last attempt.
    fn fail(&self, call: Call, failure: Failure, vendor: Vendor, label: &'static str) -> Response<Body> {
        let id = call.id().to_string();
        let (mut response, outcome, code) = match failure.answer {
            FailureAnswer::Verbatim(response) => (*response, Outcome::Error, Some(failure.code)),
            FailureAnswer::Refusal(mut refusal) => {
                refusal.request_id.clone_from(&id);
                self.metrics.refused(refusal.code);
                (refuse(&refusal, vendor), failure.outcome, Some(refusal.code))
            }
            FailureAnswer::Estimate(tokens) => (estimate(tokens), Outcome::Ok, None),
        };
        set_id(response.headers_mut(), &id);
        let status = response.status().as_u16();
        self.count(&call, label, outcome, None, Usage::default());
        let code = code.map(ToOwned::to_owned);
        call.close(Closing {
            status,
            outcome,
            code,
            ttft_us: None,
            provider_request_id: None,
        });
        response
    }

    /// Refuses before anything was sent.
    fn refuse(&self, call: Call, refusal: &Refusal, vendor: Vendor, label: &'static str) -> Response<Body> {
        self.metrics.refused(refusal.code);
        let mut response = refuse(refusal, vendor);
        set_id(response.headers_mut(), &call.id().to_string());
        let status = response.status().as_u16();
        self.count(&call, label, Outcome::Denied, None, Usage::default());
        call.close(Closing::refused(status, refusal.code));
        response
    }

    fn count(&self, call: &Call, label: &'static str, outcome: Outcome, ttft_us: Option<u64>, usage: Usage) {
        let labels = RequestLabels {
            protocol: Word(label),
            outcome: Word(outcome.as_str()),
        };
        self.metrics.requests.get_or_create(&labels).inc();
        let seconds = |us: u64| std::time::Duration::from_micros(us).as_secs_f64();
        self.metrics.duration.observe(seconds(call.elapsed_us()));
        if let Some(us) = ttft_us {
            self.metrics.first_byte.observe(seconds(us));
        }
        let classes = [
            ("input", usage.input),
            ("cache_read", usage.cache_read),
            ("cache_write", usage.cache_write_5m.saturating_add(usage.cache_write_1h)),
            ("output", usage.output),
        ];
        for (class, tokens) in classes.into_iter().filter(|(_, tokens)| *tokens > 0) {
            self.metrics
                .tokens
                .get_or_create(&TokenLabels { class: Word(class) })
                .inc_by(tokens);
        }
    }
}

const fn usage_of(bill: &Bill) -> Usage {
    match bill {
        Bill::Nothing => Usage {
            input: 0,
            cache_read: 0,
            cache_write_5m: 0,
            cache_write_1h: 0,
            output: 0,
            reasoning: 0,
        },
        Bill::Final(usage, _) | Bill::Estimate(usage, _) | Bill::Hold(usage, _) => *usage,
    }
}

/// A count that no provider made.
fn estimate(tokens: Vec<u8>) -> Response<Body> {
    let mut response = json(tokens);
    response
        .headers_mut()
        .insert("x-bailey-estimated", http::HeaderValue::from_static("true"));
    response
}

/// How long a client may take to make room for the last words.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// The same for one that is cut off.
const PARTING: Duration = Duration::from_secs(2);

/// How a client is told that its answer is over.
struct Words {
    stream: bool,
    protocol: Protocol,
}

impl Words {
    async fn tell(&self, client: &Sender<Piece>, code: Option<&'static str>) {
        match code {
            None => end(client, None).await,
            Some(code) if self.stream => {
                let refusal = refusal(closing_kind(code), code, closing_words(code).to_owned());
                end(client, Some(refusal.stream_event(self.protocol, 0))).await;
            }
            // Only breaking off tells a client that half a document is not a whole one.
            Some(_) => {}
        }
    }
}

/// Says the last words, if any, and that there will be no more.
async fn end(client: &Sender<Piece>, event: Option<Vec<u8>>) {
    let words = event.map(|bytes| Piece::Data(bytes.into()));
    for piece in words.into_iter().chain([Piece::End]) {
        if !matches!(tokio::time::timeout(LAST_WORDS, client.send(piece)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// The answer to a request that is cut off before it has an answer.
fn cut_off(cut: Cut, vendor: Vendor) -> Response<Body> {
    let code = cut.code().unwrap_or("key_ended");
    refuse(
        &refusal(closing_kind(code), code, closing_words(code).to_owned()),
        vendor,
    )
}

fn closing_kind(code: &str) -> RefusalKind {
    match code {
        "key_ended" => RefusalKind::Revoked,
        "shutting_down" => RefusalKind::ShuttingDown,
        _ => RefusalKind::UpstreamFailed,
    }
}

fn closing_words(code: &str) -> &'static str {
    match code {
        "key_ended" => "the key was revoked or its person suspended while this answer was on its way",
        "shutting_down" => "the server shut down while this answer was on its way",
        "upstream_idle" => "the provider was silent for too long",
        "upstream_garbage" => "the provider sent something that is no event stream",
        _ => "the provider's answer broke off before its end",
    }
}
