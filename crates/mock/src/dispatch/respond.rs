//! Answering a call as its rule says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use serde_json::json;

use super::{Received, insert, redirect, status};
use crate::answer::Plan;
use crate::call::{Call, Protocol};
use crate::clock;
use crate::connection::Ending;
use crate::errors::VendorError;
use crate::ledger::Outcome;
use crate::player::{Ended, Player};
use crate::recorder::Recorder;
use crate::scenario::{CutHow, ErrorSpec, Garbage, Hold, Rule, StallPoint, StreamError};
use crate::steps::{Faults, Pace, steps};
use crate::wire::{self, Context, Frame};

impl Received {
    /// Answers a call that the vendor would accept.
    pub(super) async fn answer(self, call: Call, mut recorder: Recorder) -> Result<Response<Player>, Ended> {
        let nth = if call.protocol == Protocol::CountTokens {
            0
        } else {
            self.shared.next_call()
        };
        let applied = self.shared.rules().for_call(&call, &self.seen.headers, nth);
        let rule = applied.as_ref().map(|applied| applied.rule.as_ref());
        recorder.describe(|entry| entry.rule = applied.as_ref().map(|applied| applied.name.clone()));

        let plan = Plan::new(&call, rule, &self.shared.defaults);
        if call.protocol != Protocol::CountTokens {
            let rates = self.shared.prices.of(&call.model, plan.service_tier.as_deref());
            recorder.bill(plan.usage, rates);
        }
        if let Some(rule) = rule {
            before_headers(rule, &mut recorder).await;
            if let Some(ending) = ending_without_response(rule) {
                recorder.finish(if matches!(ending, Ending::Garbage(_)) {
                    Outcome::Error
                } else {
                    Outcome::Cut
                });
                self.control.end(ending);
                return Err(Ended);
            }
            if let Some(response) = self.failure(&call, rule, &mut recorder) {
                return Ok(response);
            }
        }
        if call.protocol == Protocol::CountTokens {
            recorder.describe(|entry| entry.status = Some(200));
            recorder.finish(Outcome::Completed);
            let mut response = self.json(&json!({"input_tokens": plan.usage.total_input()}));
            self.vendor_headers(call.protocol, response.headers_mut());
            return Ok(response);
        }
        Ok(self.success(&call, &plan, rule, recorder).await)
    }

    /// The response of a rule that answers with a failure before anything else.
    fn failure(&self, call: &Call, rule: &Rule, recorder: &mut Recorder) -> Option<Response<Player>> {
        if let Some(spec) = &rule.error {
            let mut response = self.refuse(call.protocol, &vendor_error(spec), recorder);
            if let Some(body) = &spec.body {
                *response.body_mut() = Player::fixed(Bytes::from(body.clone()), self.control.clone());
            }
            for (name, value) in &spec.headers {
                insert(response.headers_mut(), name, value);
            }
            return Some(response);
        }
        if let Some(to) = &rule.redirect {
            recorder.describe(|entry| entry.status = Some(to.status));
            recorder.finish(Outcome::Error);
            return Some(redirect(self, to.status, &to.to));
        }
        let error = rule.stream_error.as_ref().filter(|_| !call.stream)?;
        Some(self.refuse(call.protocol, &event_error(error, call.protocol), recorder))
    }

    /// A response with status 200, disturbed as the rule says.
    async fn success(self, call: &Call, plan: &Plan, rule: Option<&Rule>, mut recorder: Recorder) -> Response<Player> {
        let context = Context {
            call,
            plan,
            sequence: self.seen.sequence,
            created: clock::now_seconds(),
        };
        let mut pace = self.pace(rule);
        let frames = if call.stream {
            context.frames()
        } else {
            // A model that does not stream thinks before it sends its headers.
            tokio::time::sleep(std::mem::take(&mut pace.first)).await;
            vec![Frame {
                bytes: Bytes::from(context.body().to_string()),
                weight: 1,
            }]
        };
        let faults = rule.map(|rule| self.faults(call.protocol, rule)).unwrap_or_default();
        let length: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
        let announced = (!call.stream && faults.replace.is_none()).then_some(length as u64);
        let timetable = steps(&frames, plan.usage.output, &faults, &pace);

        recorder.describe(|entry| entry.service_tier.clone_from(&plan.service_tier));
        recorder.begin(200);
        let mut response = Response::new(Player::play(timetable, announced, recorder, self.control.clone()));
        *response.status_mut() = status(200);
        let headers = response.headers_mut();
        let media_type = if call.stream {
            "text/event-stream; charset=utf-8"
        } else {
            "application/json"
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if call.stream {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        self.vendor_headers(call.protocol, headers);
        for (name, value) in rule
            .iter()
            .flat_map(|rule| &rule.answer)
            .flat_map(|answer| &answer.headers)
        {
            insert(headers, name, value);
        }
        response
    }

    fn pace(&self, rule: Option<&Rule>) -> Pace {
        let answer = rule.and_then(|rule| rule.answer.as_ref());
        let delay = answer.map(|answer| answer.delay).unwrap_or_default();
        Pace {
            first: delay.first.unwrap_or(self.shared.defaults.first_token_delay),
            between: delay.between.unwrap_or(self.shared.defaults.event_delay),
            write_bytes: answer.and_then(|answer| answer.write_bytes),
        }
    }

    fn faults(&self, protocol: Protocol, rule: &Rule) -> Faults {
        let stall = rule.stall.and_then(|stall| {
            let first = (stall.at == Some(StallPoint::FirstEvent)).then_some(0);
            stall.after_events.or(first).map(|events| (events, stall.hold))
        });
        let error = rule.stream_error.as_ref().map(|error| {
            let event = event_error(error, protocol);
            (
                error.after_events,
                wire::error_event(protocol, &event, &self.request_id, error.after_events, error.failed),
            )
        });
        let garbage = rule.garbage.as_ref();
        let garbage = garbage.and_then(|garbage| garbage.after_events.map(|events| (events, garbage_bytes(garbage))));
        Faults {
            stall,
            cut: rule.cut,
            replace: error.or(garbage),
        }
    }
}

async fn before_headers(rule: &Rule, recorder: &mut Recorder) {
    let Some(stall) = rule.stall.filter(|stall| stall.at == Some(StallPoint::Headers)) else {
        return;
    };
    recorder.stalling(true);
    match stall.hold {
        Hold::For(time) => tokio::time::sleep(time).await,
        Hold::Forever => std::future::pending::<()>().await,
    }
    recorder.stalling(false);
}

/// How the connection ends, if the rule lets it end instead of a response.
fn ending_without_response(rule: &Rule) -> Option<Ending> {
    if let Some(garbage) = rule.garbage.as_ref().filter(|garbage| garbage.after_events.is_none()) {
        return Some(Ending::Garbage(garbage_bytes(garbage)));
    }
    let cut = rule
        .cut
        .filter(|cut| cut.after_events.is_none() && cut.after_bytes.is_none())?;
    Some(match cut.how {
        CutHow::Fin => Ending::Close,
        CutHow::Rst => Ending::Reset,
    })
}

fn garbage_bytes(garbage: &Garbage) -> Bytes {
    let decoded = garbage.base64.as_ref().and_then(|text| STANDARD.decode(text).ok());
    Bytes::from(
        decoded
            .or_else(|| garbage.text.clone().map(String::into_bytes))
            .unwrap_or_default(),
    )
}

fn vendor_error(spec: &ErrorSpec) -> VendorError {
    VendorError {
        status: spec.status,
        kind: spec.kind.clone(),
        code: spec.code.clone(),
        message: spec.message.clone(),
    }
}

fn event_error(error: &StreamError, protocol: Protocol) -> VendorError {
    VendorError {
        status: error.status.unwrap_or(if protocol.is_anthropic() { 529 } else { 503 }),
        kind: error.kind.clone(),
        code: None,
        message: Some(error.message.clone().unwrap_or_else(|| "Overloaded".to_owned())),
    }
}
