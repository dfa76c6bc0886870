//! Webhooks on their way: signed, sent, tried again, and disturbed when a test asks for it.

mod client;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock;
use crate::config::{DeliveryFaults, DeliveryOptions};
use crate::events::Event;
use crate::model::Hook;
use crate::secret;

pub(crate) use client::{Target, signature};

/// Deliveries that wait at a time; more are lost, and said to be.
const MOST_WAITING: usize = 20_000;
/// Deliveries that are sent at a time.
const AT_ONCE: usize = 16;
/// Deliveries that are remembered.
const REMEMBERED: usize = 2_000;
/// How long deliveries are held back to be reversed.
const HELD_BACK: Duration = Duration::from_secs(1);

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It is on its way.
    Pending,
    /// It was answered with a good status.
    Delivered,
    /// All attempts failed.
    Failed,
    /// It was never sent.
    Lost,
}

/// A delivery, as it is remembered. Duplicates are not remembered apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its id: `Idempotency-Key`, the same at each attempt.
    pub id: String,
    /// The webhook.
    pub hook: i64,
    /// `X-Gitlab-Event`.
    pub event: &'static str,
    /// Where it goes.
    pub url: String,
    /// Attempts so far, those at duplicates included.
    pub attempts: u32,
    /// The last answer's status.
    pub status: Option<u16>,
    /// What became of it.
    pub outcome: DeliveryOutcome,
}

/// One delivery to one webhook.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) hook: Hook,
    pub(crate) event: &'static str,
    pub(crate) body: Bytes,
    pub(crate) id: String,
    /// Shared by all webhooks that one event sets off.
    pub(crate) event_id: String,
    /// The forge's address.
    pub(crate) instance: String,
}

impl Delivery {
    /// The headers, with a signature of this moment.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        put("content-type", "application/json");
        put("user-agent", "GitLab/18.0.0-demo");
        put("x-gitlab-event", self.event);
        put("x-gitlab-event-uuid", &self.event_id);
        put("x-gitlab-webhook-uuid", &self.id);
        put("x-gitlab-instance", &self.instance);
        put("idempotency-key", &self.id);
        if !self.hook.token.is_empty() {
            put("x-gitlab-token", &self.hook.token);
        }
        if let Some(token) = &self.hook.signing_token {
            let seconds = (clock::now() / 1_000).to_string();
            if let Some(signature) = signature(token, &self.id, &seconds, &self.body) {
                put("webhook-id", &self.id);
                put("webhook-timestamp", &seconds);
                put("webhook-signature", &signature);
            }
        }
        headers
    }
}

/// Takes deliveries, and knows what became of them.
#[derive(Debug, Clone)]
pub(crate) struct Deliveries(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: DeliveryOptions,
    queue: mpsc::Sender<Delivery>,
    faults: Mutex<DeliveryFaults>,
    log: Mutex<VecDeque<DeliveryRecord>>,
    /// Deliveries that are on their way.
    open: watch::Sender<u64>,
    /// Deliveries so far.
    count: Mutex<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deliveries {
    /// Deliveries, and the other end of their queue, for [`work`].
    pub(crate) fn new(options: DeliveryOptions) -> (Self, mpsc::Receiver<Delivery>) {
        let (queue, receiver) = mpsc::channel(MOST_WAITING);
        let inner = Inner {
            options,
            queue,
            faults: Mutex::default(),
            log: Mutex::default(),
            open: watch::Sender::new(0),
            count: Mutex::default(),
        };
        (Self(Arc::new(inner)), receiver)
    }

    pub(crate) fn faults_set(&self, faults: DeliveryFaults) {
        *lock(&self.0.faults) = faults;
    }

    pub(crate) fn records(&self) -> Vec<DeliveryRecord> {
        lock(&self.0.log).iter().cloned().collect()
    }

    /// Waits until no delivery is on its way.
    pub(crate) async fn idle(&self) {
        let mut open = self.0.open.subscribe();
        // The sender lives as long as `self`, so waiting does not fail.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    /// Sends an event to webhooks that want its kind.
    pub(crate) fn send(&self, event: &Event, hooks: &[Hook], instance: &str) -> Result<(), secret::NoRandomness> {
        let event_id = secret::new_uuid()?;
        let body = Bytes::from(event.body.to_string());
        for hook in hooks {
            let delivery = Delivery {
                hook: hook.clone(),
                event: event.header,
                body: body.clone(),
                id: secret::new_uuid()?,
                event_id: event_id.clone(),
                instance: instance.to_owned(),
            };
            self.take(delivery);
        }
        Ok(())
    }

    fn take(&self, delivery: Delivery) {
        let count = {
            let mut count = lock(&self.0.count);
            *count += 1;
            *count
        };
        let lose = lock(&self.0.faults)
            .lose_every
            .is_some_and(|every| every > 0 && count.is_multiple_of(u64::from(every)));
        let mut record = DeliveryRecord {
            id: delivery.id.clone(),
            hook: delivery.hook.id,
            event: delivery.event,
            url: delivery.hook.url.clone(),
            attempts: 0,
            status: None,
            outcome: DeliveryOutcome::Lost,
        };
        if !lose {
            self.0.open.send_modify(|open| *open += 1);
            if self.0.queue.try_send(delivery).is_ok() {
                record.outcome = DeliveryOutcome::Pending;
            } else {
                self.closed();
            }
        }
        let mut log = lock(&self.0.log);
        log.push_back(record);
        while log.len() > REMEMBERED {
            log.pop_front();
        }
    }

    /// How many deliveries are held back to be reversed.
    fn reversed(&self) -> usize {
        lock(&self.0.faults).reverse
    }

    fn closed(&self) {
        self.0.open.send_modify(|open| *open = open.saturating_sub(1));
    }

    fn note(&self, id: &str, change: impl FnOnce(&mut DeliveryRecord)) {
        if let Some(record) = lock(&self.0.log).iter_mut().rev().find(|record| record.id == id) {
            change(record);
        }
    }

    /// Tries until an attempt succeeds or there are no more.
    async fn deliver(&self, delivery: &Delivery) -> DeliveryOutcome {
        let mut pause = self.0.options.pause;
        for attempt in 1..=self.0.options.attempts.max(1) {
            if attempt > 1 {
                sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
            let status = client::attempt(delivery, self.0.options.timeout).await;
            self.note(&delivery.id, |record| {
                record.attempts += 1;
                record.status = status.or(record.status);
            });
            if status.is_some_and(|status| (200..300).contains(&status)) {
                return DeliveryOutcome::Delivered;
            }
        }
        DeliveryOutcome::Failed
    }

    /// Delivers something as often as it is to be.
    async fn see_through(self, delivery: Delivery) {
        let faults = *lock(&self.0.faults);
        sleep(faults.delay).await;
        let mut outcome = self.deliver(&delivery).await;
        for _ in 0..faults.duplicates {
            let again = self.deliver(&delivery).await;
            if again == DeliveryOutcome::Delivered {
                outcome = again;
            }
        }
        self.note(&delivery.id, |record| record.outcome = outcome);
        self.closed();
    }
}

/// Sends what is in the queue, until it is stopped.
pub(crate) async fn work(deliveries: Deliveries, mut queue: mpsc::Receiver<Delivery>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut sending = JoinSet::new();
    let mut held: Vec<Delivery> = Vec::new();
    let mut until = Instant::now();
    loop {
        let release = !held.is_empty() && (held.len() >= deliveries.reversed() || Instant::now() >= until);
        if release {
            let batch: Vec<Delivery> = std::mem::take(&mut held);
            let deliveries = deliveries.clone();
            // One after another, so that the opposite order is the one in which they arrive.
            sending.spawn(async move {
                for delivery in batch.into_iter().rev() {
                    deliveries.clone().see_through(delivery).await;
                }
            });
            continue;
        }
        tokio::select! {
            taken = queue.recv() => match taken {
                // Asked for now: it may have been set while nothing was in the queue.
                Some(delivery) if deliveries.reversed() > 0 => {
                    if held.is_empty() {
                        until = Instant::now() + HELD_BACK;
                    }
                    held.push(delivery);
                }
                Some(delivery) => {
                    let (deliveries, places) = (deliveries.clone(), Arc::clone(&places));
                    sending.spawn(async move {
                        // The semaphore is never closed.
                        let _place = places.acquire().await;
                        deliveries.see_through(delivery).await;
                    });
                }
                None => return,
            },
            () = sleep_until(until), if !held.is_empty() => {}
            Some(_) = sending.join_next() => {}
        }
    }
}
