//! What is known of a stream so far.

use super::error::StreamErrorEvent;
use super::long::LongEvent;
use super::{chat, messages, responses};
use crate::Protocol;
use crate::json::tap::{Found, Tap, Watch};
use crate::meter::{Metered, is_server_call, tier_name};
use crate::request::CacheControl;
use crate::usage::{ServiceTier, Tally};

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// It goes to the client.
    Pass,
    /// The client did not ask for it.
    Hide,
}

/// What one event says, as far as it is read.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of one event, read side by side"
)]
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    pub(super) kind: Option<String>,
    pub(super) content: bool,
    pub(super) finish: bool,
    pub(super) choices: bool,
    /// The usage object; empty if it is too large to be kept.
    pub(super) usage: Option<Vec<u8>>,
    pub(super) tier: Option<ServiceTier>,
    pub(super) error: Option<StreamErrorEvent>,
    pub(super) server_call: bool,
    code: Option<Vec<u8>>,
    message: Option<Vec<u8>>,
}

/// What a watch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Kind,
    Content,
    Finish,
    Choices,
    Usage,
    Tier,
    Error,
    Item,
    /// The code of an error that is not wrapped in an `error` field.
    Code,
    /// Its message.
    Message,
}

/// The watches of a protocol, and what each is for.
pub(super) struct Plan {
    pub(super) watches: &'static [Watch],
    pub(super) signals: &'static [Signal],
}

impl Signals {
    /// Takes in what a tap found.
    pub(super) fn take(&mut self, plan: &Plan, (watch, value): Found<'_>) {
        let Some(signal) = plan.signals.get(watch) else { return };
        let something = value.is_none_or(|v| !matches!(v, b"null" | b"\"\"" | b"[]" | b"{}" | b"false"));
        match signal {
            Signal::Kind => self.kind = value.and_then(|v| serde_json::from_slice(v).ok()),
            Signal::Content => self.content |= something,
            Signal::Finish => self.finish |= something,
            Signal::Choices => self.choices = true,
            Signal::Usage => {
                if something {
                    self.usage = Some(value.unwrap_or_default().to_vec());
                }
            }
            Signal::Tier => self.tier = value.and_then(tier_name).or(self.tier),
            Signal::Error => {
                if something {
                    self.error = Some(StreamErrorEvent::read(value));
                }
            }
            Signal::Code => self.code = value.map(<[u8]>::to_vec),
            Signal::Message => self.message = value.map(<[u8]>::to_vec),
            Signal::Item => self.server_call |= value.is_some_and(is_server_call),
        }
    }

    /// The error that the event is itself, where it has no `error` field.
    pub(super) fn bare_error(&self) -> StreamErrorEvent {
        let part = |value: &Option<Vec<u8>>| value.as_deref().unwrap_or(b"null").to_vec();
        let (code, message) = (part(&self.code), part(&self.message));
        let object = [&b"{\"code\":"[..], &code, b",\"message\":", &message, b"}"].concat();
        StreamErrorEvent::read(Some(&object))
    }

    /// Reads a whole event.
    pub(super) fn read(plan: &Plan, data: &[u8]) -> Self {
        let mut signals = Self::default();
        Tap::new(plan.watches).push(data, &mut |found| signals.take(plan, found));
        signals
    }
}

/// The state of a stream.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that providers send in any order, so they are no state machine"
)]
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) protocol: Protocol,
    hide_usage: bool,
    pub(super) started: bool,
    pub(super) error: Option<StreamErrorEvent>,
    /// The event that ends a stream has been seen.
    pub(super) ended: bool,
    /// The answer has been finished: `finish_reason` or `stop_reason`.
    pub(super) finished: bool,
    /// A usage came with or after the finish.
    final_usage: bool,
    tally: Tally,
    pub(super) tier: Option<ServiceTier>,
    pub(super) content_bytes: u64,
    server_calls: u64,
}

impl Observed {
    pub(super) fn new(protocol: Protocol, hide_usage: bool) -> Self {
        Self {
            protocol,
            hide_usage,
            started: false,
            error: None,
            ended: false,
            finished: false,
            final_usage: false,
            tally: Tally::new(protocol, CacheControl::None),
            tier: None,
            content_bytes: 0,
            server_calls: 0,
        }
    }

    pub(super) fn book_writes_as(&mut self, cache: CacheControl) {
        self.tally = Tally::new(self.protocol, cache);
    }

    pub(super) const fn plan(&self) -> &'static Plan {
        match self.protocol {
            Protocol::Messages => &messages::PLAN,
            Protocol::Chat => &chat::PLAN,
            Protocol::Responses => &responses::PLAN,
        }
    }

    pub(super) fn long_event(&self) -> LongEvent {
        LongEvent::new(self.plan())
    }

    /// Reads an event's data: cheaply where it is an ordinary piece of content, which most are.
    #[inline]
    pub(super) fn event(&mut self, name: Option<&[u8]>, data: &[u8]) -> Disposition {
        let ordinary = match self.protocol {
            Protocol::Messages => messages::ordinary(self, name, data),
            Protocol::Chat => chat::ordinary(self, data),
            Protocol::Responses => responses::ordinary(self, name, data),
        };
        if ordinary || data.is_empty() {
            return Disposition::Pass;
        }
        let signals = Signals::read(self.plan(), data);
        self.content_bytes += match self.protocol {
            Protocol::Messages => messages::content(data),
            Protocol::Chat => chat::content(data),
            Protocol::Responses => responses::content(data),
        };
        self.apply(name, signals)
    }

    /// Takes over what an event says.
    pub(super) fn apply(&mut self, name: Option<&[u8]>, signals: Signals) -> Disposition {
        let kind = name
            .filter(|n| !n.is_empty() && *n != b"message")
            .or(signals.kind.as_deref().map(str::as_bytes));
        let kind = kind.unwrap_or_default();
        self.tier = signals.tier.or(self.tier);
        self.server_calls += u64::from(signals.server_call && kind == b"response.output_item.done");
        if let Some(usage) = &signals.usage {
            self.tally.add(usage);
        }
        match self.protocol {
            Protocol::Messages => messages::apply(self, kind, &signals),
            Protocol::Chat => chat::apply(self, &signals),
            Protocol::Responses => responses::apply(self, kind, &signals),
        }
        let usage_alone = self.protocol == Protocol::Chat && signals.usage.is_some() && !signals.choices;
        self.final_usage |= signals.usage.is_some() && (self.finished || self.ended || usage_alone);
        if let Some(error) = signals.error {
            self.error.get_or_insert(error);
        }
        if usage_alone && self.hide_usage {
            Disposition::Hide
        } else {
            Disposition::Pass
        }
    }

    pub(super) fn complete(&self) -> bool {
        self.ended || (self.protocol == Protocol::Chat && self.finished && self.final_usage)
    }

    pub(super) fn usage_is_final(&self) -> bool {
        self.final_usage && self.tally.usage().is_some()
    }

    pub(super) fn metered(&self) -> Metered {
        Metered {
            usage: self.tally.usage(),
            usage_final: self.usage_is_final(),
            tier: self.tally.tier.or(self.tier),
            content_bytes: self.content_bytes,
            server_tool_calls: self.server_calls.saturating_add(self.tally.server_tool_calls),
        }
    }
}
