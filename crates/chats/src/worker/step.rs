//! Asking the model.

use std::collections::BTreeMap;
use std::time::Duration;

use bailey_core::CallId;
use bailey_core::chat::{Cause, Event, Part, Stop};
use bailey_core::mask::{MASK, Masker, Secrets};
use bailey_llm::Protocol;
use bailey_runtime::ids::NewId as _;
use bailey_store::NewCall;
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::batch::Batch;
use super::job::{Halt, Job};
use super::spent::Spent;
use crate::context;
use crate::model::{Fault, ModelError, ModelRequest};
use crate::protocol::{self, AnswerReader, End, Piece};
use crate::tools;

/// The longest wait before a model is asked again.
const WAIT_MOST: Duration = Duration::from_mins(1);

/// A whole answer, not written down yet.
struct Whole {
    parts: Vec<Part>,
    calls: Vec<NewCall>,
    end: End,
}

/// Why there is none.
enum Trouble {
    /// The model failed; and whether something of the answer was written down.
    Model(ModelError, bool),
    Halt(Halt),
}

impl From<Halt> for Trouble {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl Job<'_> {
    /// One step: the model is asked, and its answer is written down.
    pub(crate) async fn step(&mut self) -> Result<(), Halt> {
        let Some(system) = self.system().await? else {
            return Ok(());
        };
        // Messages that wait reach the model now.
        self.happened(Event::StepStarted, &[], &[]).await?;
        self.refresh().await?;
        let engine = &self.chat.engine;
        let request = protocol::of_engine(engine).and_then(|protocol| {
            let body = protocol::request(protocol, engine, &system, &self.transcript)?;
            Some((protocol, body))
        });
        let Some((protocol, body)) = request else {
            return self
                .fail(Cause::Refused, "The model's protocol is not one that chats speak.")
                .await;
        };
        if context::is_full(engine, context::estimate(&self.transcript, body.len())) {
            let note = Part::Note {
                text: "The conversation has become as long as the model can read. Begin a new chat for what is left."
                    .to_owned(),
            };
            return self.happened(Event::ContextFull, &[note], &[]).await;
        }
        let left = self.time_left();
        match Self::in_time(left, self.ask(protocol, &body)).await? {
            Some(()) => Ok(()),
            None => self.happened(Event::LimitReached(Cause::Time), &[], &[]).await,
        }
    }

    /// Asks until there is an answer, or it is no use to go on.
    async fn ask(&mut self, protocol: Protocol, body: &Bytes) -> Result<(), Halt> {
        let mut spent = Spent::new(self.shared, &self.chat);
        let mut tries = 0;
        loop {
            let (error, written) = match self.answer(protocol, body.clone(), &mut spent).await {
                Ok(whole) => return self.answered(whole, &mut spent).await,
                Err(Trouble::Halt(halt)) => return Err(halt),
                Err(Trouble::Model(error, written)) => (error, written),
            };
            let cause = match error.fault {
                Fault::Budget => Some(Cause::Budget),
                Fault::Refused => Some(Cause::Refused),
                Fault::Held(cause) => Some(cause),
                Fault::Passing => {
                    let cost = self.chat.run.cost.saturating_add(spent.settled().await);
                    let too_dear = self.chat.run.limits.cost.is_some_and(|most| cost >= most);
                    let too_often = tries >= self.shared.options.retries;
                    too_dear
                        .then_some(Cause::Money)
                        .or(too_often.then_some(Cause::ModelFailed))
                }
            };
            if cause.is_some() {
                spent.book().await?;
            }
            match cause {
                Some(cause @ (Cause::ModelFailed | Cause::Money | Cause::Workspace)) => {
                    return self.hold(cause, error.message).await;
                }
                Some(cause) => return self.fail(cause, error.message).await,
                None => {}
            }
            if written {
                // What came is void: the answer begins again.
                let step = self.chat.run.steps;
                let again = [Part::StepCut { kept: false }, Part::StepStarted { step }];
                self.shared.saves.append(&self.lease, &again).await?;
            }
            let wait = self.shared.options.retry_wait.saturating_mul(1 << tries.min(10));
            let wait = error
                .retry_after
                .map_or(wait, |seconds| wait.max(Duration::from_secs(seconds)));
            tracing::info!(chat = %self.chat.id, tries, %error, "a model is asked again");
            tokio::time::sleep(wait.min(WAIT_MOST)).await;
            tries += 1;
        }
    }

    /// Asks once. What it costs is added to `spent`, whatever comes of it.
    async fn answer(&self, protocol: Protocol, body: Bytes, spent: &mut Spent) -> Result<Whole, Trouble> {
        let request = ModelRequest {
            chat: self.chat.id,
            workspace: self.chat.workspace,
            owner: self.chat.owner,
            wanted: self.transcript.wanted,
            step: self.chat.run.steps,
            model: self.chat.engine.model.clone(),
            protocol,
            body,
            receipts: spent.receipts(),
        };
        let mut body = match self.shared.model.send(request).await {
            Ok(body) => body,
            Err(error) => {
                spent.settled().await;
                return Err(Trouble::Model(error, false));
            }
        };
        let mut reading = Reading::new(protocol, &self.secrets);
        let outcome = self.read(&mut reading, &mut body).await;
        // To hang up comes first: an answer that goes on is not settled.
        drop(body);
        if let Err(Trouble::Halt(halt)) = outcome {
            return Err(Trouble::Halt(halt));
        }
        spent.settled().await;
        outcome?;
        let written = reading.written;
        reading.finish(self).map_err(|error| Trouble::Model(error, written))
    }

    async fn read(&self, reading: &mut Reading, body: &mut crate::model::ModelStream) -> Result<(), Trouble> {
        let options = &self.shared.options;
        let mut due = tokio::time::Instant::now();
        loop {
            let silence = tokio::time::sleep(options.silence);
            let chunk = tokio::select! {
                chunk = body.next() => chunk,
                () = tokio::time::sleep_until(due), if !reading.batch.is_empty() => {
                    reading.save(self).await?;
                    continue;
                }
                () = silence => Some(Err(ModelError::passing("the model said nothing for too long"))),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            let pieces = chunk.and_then(|bytes| {
                let pieces = reading.reader.push(&bytes);
                pieces.map_err(protocol::StreamError::into_model_error)
            });
            if reading.batch.is_empty() {
                due = tokio::time::Instant::now() + options.batch;
            }
            reading.take(pieces.map_err(|error| Trouble::Model(error, reading.written))?, self);
            if reading.batch.is_full() {
                reading.save(self).await?;
            }
        }
    }

    async fn answered(&mut self, whole: Whole, spent: &mut Spent) -> Result<(), Halt> {
        let cost = spent.ending().await;
        let Whole { mut parts, calls, end } = whole;
        let End { stop, usage } = end;
        parts.push(Part::StepFinished { stop, usage, cost });
        let said = match stop {
            Stop::MaxTokens => Some("The answer reached the longest that it may be."),
            Stop::Refusal => Some("The model will not go on with this."),
            _ => None,
        };
        parts.extend(said.map(|text| Part::Note { text: text.to_owned() }));
        let event = Event::StepFinished {
            calls: calls.iter().map(|call| (call.id, call.kind)).collect(),
            cost,
            stop,
        };
        self.happened(event, &parts, &calls).await?;
        spent.ended();
        self.refresh().await
    }
}

/// An answer that is being read.
struct Reading {
    reader: AnswerReader,
    batch: Batch,
    /// Calls are written down with the end of the step: before that they are nobody's.
    call_parts: Vec<Part>,
    calls: Vec<NewCall>,
    written: bool,
    secrets: Secrets,
    /// By block, and whether it is thinking: what may be the beginning of a secret waits there. And whether something was masked.
    maskers: BTreeMap<(u32, bool), (Masker, bool)>,
}

impl Reading {
    fn new(protocol: Protocol, secrets: &Secrets) -> Self {
        Self {
            secrets: secrets.clone(),
            maskers: BTreeMap::new(),
            reader: AnswerReader::new(protocol),
            batch: Batch::default(),
            call_parts: Vec::new(),
            calls: Vec::new(),
            written: false,
        }
    }

    fn take(&mut self, pieces: Vec<Piece>, job: &Job<'_>) {
        for piece in pieces {
            match piece {
                Piece::Text { block, text } => self.say((block, false), |masker| masker.push(text.as_bytes())),
                Piece::Thinking { block, text } => self.say((block, true), |masker| masker.push(text.as_bytes())),
                Piece::Signature { block, signature } => {
                    self.say((block, true), Masker::finish);
                    // Of what was changed it would be none.
                    if self.maskers.get(&(block, true)).is_none_or(|(_, changed)| !changed) {
                        self.batch.push(Part::Signature { block, signature });
                    }
                }
                Piece::Redacted { block, data } => self.batch.push(Part::Redacted { block, data }),
                Piece::Call {
                    block,
                    id: provider_id,
                    tool,
                    arguments,
                } => {
                    let (tool, arguments) = (self.secrets.mask(&tool), self.secrets.mask(&arguments));
                    let id = CallId::new_at(job.shared.saves.now());
                    // A provider takes neither a call without a name of its own nor one of no tool's name, once it is sent back.
                    let provider_id = Some(provider_id).filter(|given| !given.is_empty());
                    let provider_id = provider_id.unwrap_or_else(|| format!("call_{}", id.uuid().simple()));
                    let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                    let is_name = (1..=64).contains(&tool.len()) && tool.chars().all(of_name);
                    let tool = if is_name { tool } else { "unnamed".to_owned() };
                    self.calls.push(NewCall {
                        id,
                        kind: tools::kind(&tool, &arguments),
                        tool: tool.clone(),
                        arguments: arguments.clone(),
                    });
                    self.call_parts.push(Part::ToolCall {
                        call: id,
                        block,
                        tool,
                        arguments,
                        provider_id,
                    });
                }
            }
        }
    }

    /// The last call of an answer that was cut off may have lost its arguments: then it is no call without any, and its result
    /// says that it cannot be read.
    fn cut_last_call(&mut self) {
        let (Some(call), Some(Part::ToolCall { arguments, .. })) = (self.calls.last_mut(), self.call_parts.last_mut())
        else {
            return;
        };
        if arguments == "{}" {
            arguments.clear();
            call.arguments.clear();
            call.kind = tools::kind(&call.tool, &call.arguments);
        }
    }

    /// What a block says, with what is secret masked.
    fn say(&mut self, (block, thinking): (u32, bool), step: impl FnOnce(&mut Masker) -> Vec<u8>) {
        let secrets = &self.secrets;
        let slot = self.maskers.entry((block, thinking));
        let (masker, changed) = slot.or_insert_with(|| (Masker::new(secrets), false));
        let bytes = step(masker);
        if bytes.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        *changed |= text.contains(MASK);
        self.batch.push(if thinking {
            Part::Thinking { block, text }
        } else {
            Part::Text { block, text }
        });
    }

    async fn save(&mut self, job: &Job<'_>) -> Result<(), Halt> {
        let parts = self.batch.take();
        job.shared.saves.append(&job.lease, &parts).await?;
        self.written = true;
        Ok(())
    }

    fn finish(mut self, job: &Job<'_>) -> Result<Whole, ModelError> {
        let reader = std::mem::replace(&mut self.reader, AnswerReader::new(Protocol::Chat));
        let (pieces, end) = reader.finish().map_err(protocol::StreamError::into_model_error)?;
        self.take(pieces, job);
        if end.stop == Stop::MaxTokens {
            self.cut_last_call();
        }
        for block in self.maskers.keys().copied().collect::<Vec<_>>() {
            self.say(block, Masker::finish);
        }
        let mut parts = self.batch.take();
        parts.append(&mut self.call_parts);
        let calls = self.calls;
        Ok(Whole { parts, calls, end })
    }
}
