//! The machine of one chat.

use serde::{Deserialize, Serialize};

use super::{CallKind, CallState, Cause, ChatState, Outcome, PlanMode, Stop};
use crate::time::MICROS_PER_SECOND;
use crate::{CallId, MessageId, Money, Timestamp};

/// Messages that wait for one chat, at most.
pub const QUEUE_MOST: usize = 100;
/// Workers that may be lost in a row without a step or a tool call being finished.
pub const LOSSES_MOST: u32 = 5;

/// What one run may take. `None` does not limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Times that the model is asked.
    pub steps: Option<u32>,
    /// Seconds of work; waiting for people does not count.
    pub seconds: Option<u64>,
    /// What its model calls cost.
    pub cost: Option<Money>,
}

/// A tool call of the step under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub id: CallId,
    /// What it is.
    pub kind: CallKind,
    /// How far it is.
    pub state: CallState,
}

/// What a chat has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How it is.
    pub state: ChatState,
    /// Why, where it is paused or over.
    pub cause: Option<Cause>,
    /// Whether anything may be written.
    pub plan: PlanMode,
    /// Whether it is over with the agent's first turn; otherwise it waits for what comes next.
    pub once: bool,
    /// What it may take.
    pub limits: Limits,
    /// Steps begun.
    pub steps: u32,
    /// Whether the model is being asked: a step was begun and has not ended.
    pub asking: bool,
    /// Workers lost since it last got on.
    pub losses: u32,
    /// What its model calls cost so far.
    pub cost: Money,
    /// Microseconds of work so far, up to `since`.
    pub active: u64,
    /// Since when it works without a break; `None` = it does not.
    pub since: Option<Timestamp>,
    /// The tool calls of the last step.
    pub calls: Vec<Call>,
    /// Messages that the model has not read yet, oldest first.
    pub queue: Vec<MessageId>,
}

/// What happens to a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody writes.
    Message(MessageId),
    /// A worker is about to ask the model.
    StepStarted,
    /// The model has answered.
    StepFinished {
        /// The tool calls it wants, in its order.
        calls: Vec<(CallId, CallKind)>,
        /// What the answer cost.
        cost: Money,
        /// Why it ended.
        stop: Stop,
    },
    /// A worker is about to run a tool.
    CallStarted(CallId),
    /// A tool has run.
    CallFinished(CallId),
    /// A person has answered a question.
    Answered(CallId),
    /// A person accepts a plan, as it is or edited.
    PlanAccepted(CallId),
    /// A person does not accept a plan.
    PlanRejected(CallId),
    /// A person interrupts the work.
    Interrupt,
    /// A person lets it go on, perhaps within other limits.
    Resume(Option<Limits>),
    /// It is stopped for good.
    Stop(Cause),
    /// A person calls it done.
    Finish,
    /// A limit was reached in the middle of the work: the cause is `steps`, `time` or `money`. Or something is away for longer than
    /// is waited for, `model_failed` or `workspace`: it may be back by the time that somebody resumes it.
    LimitReached(Cause),
    /// What is to be read does not fit the model any more.
    ContextFull,
    /// It cannot go on; the cause says why.
    Failed(Cause),
    /// The worker gave no sign of life, or was told to go.
    WorkerLost {
        /// Whether it was lost, and did not go by itself.
        crashed: bool,
    },
}

/// What is to be written down with a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// These messages reach the model now, in this order.
    Deliver(Vec<MessageId>),
    /// These messages reach it never.
    Drop(Vec<MessageId>),
    /// This call is over without having been finished.
    Resolve(CallId, Resolution),
    /// The step ends in the middle. Kept: what was said stays part of the conversation; otherwise the step is done again.
    Partial {
        /// Whether it is kept.
        kept: bool,
    },
}

/// How a call comes to its end that was not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It would write, and there is no accepted plan.
    Refused,
    /// The work was interrupted.
    Interrupted,
    /// Its worker was lost while it ran.
    Unknown,
    /// The chat is over.
    Cancelled,
}

/// The event does not fit the chat as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransition {
    /// Not in this state.
    #[error("a chat that is {state} cannot take {event}")]
    State {
        /// How the chat is.
        state: ChatState,
        /// What happened.
        event: &'static str,
    },
    /// There is no such call, or it is not at this point.
    #[error("the tool call is not one that can take {event}")]
    Call {
        /// What happened.
        event: &'static str,
    },
    /// Too many messages wait.
    #[error("{QUEUE_MOST} messages wait for the agent already")]
    QueueFull,
    /// The limit that it is held by is still reached.
    #[error("the limit of {0} is still reached: raise it to go on")]
    Limit(Cause),
}

impl Resolution {
    /// What came of the call.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Refused => Outcome::Refused,
            Self::Interrupted => Outcome::Interrupted,
            Self::Unknown => Outcome::Unknown,
            Self::Cancelled => Outcome::Cancelled,
        }
    }

    /// What the model is told in place of a result.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Refused => {
                "Refused: nothing may be changed before the person has accepted a plan. Look around, then propose one with \
                 propose_plan."
            }
            Self::Interrupted => "Interrupted by the person or by a limit. It may have done a part of its work.",
            Self::Unknown => {
                "Unknown: the server was restarted while this ran, and it was not run again. It may have done all, a part or \
                 nothing of its work. Look before you repeat it."
            }
            Self::Cancelled => "Cancelled: the chat was over before this was done.",
        }
    }
}

impl Event {
    /// What it is called in errors and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "a message",
            Self::StepStarted => "the start of a step",
            Self::StepFinished { .. } => "the end of a step",
            Self::CallStarted(_) => "the start of a tool call",
            Self::CallFinished(_) => "the end of a tool call",
            Self::Answered(_) => "an answer",
            Self::PlanAccepted(_) => "the acceptance of a plan",
            Self::PlanRejected(_) => "the rejection of a plan",
            Self::Interrupt => "an interruption",
            Self::Resume(_) => "being resumed",
            Self::Stop(_) => "being stopped",
            Self::Finish => "being called done",
            Self::LimitReached(_) => "a limit",
            Self::ContextFull => "a full context",
            Self::Failed(_) => "a failure",
            Self::WorkerLost { .. } => "the loss of its worker",
        }
    }
}

impl Run {
    /// A new chat: it waits for its first message.
    pub const fn new(plan: PlanMode, once: bool, limits: Limits) -> Self {
        Self {
            state: ChatState::Waiting,
            cause: None,
            plan,
            once,
            limits,
            steps: 0,
            asking: false,
            losses: 0,
            cost: Money::ZERO,
            active: 0,
            since: None,
            calls: Vec::new(),
            queue: Vec::new(),
        }
    }

    /// The chat after `event`, and what is to be written down with it. An event that does not fit changes nothing.
    pub fn step(&self, event: Event, now: Timestamp) -> Result<(Self, Vec<Effect>), InvalidTransition> {
        let mut next = self.clone();
        let mut effects = Vec::new();
        // What passes without a worker is nobody's work.
        next.clock(now, !matches!(event, Event::WorkerLost { crashed: true }));
        next.apply(event, &mut effects)?;
        next.since = next.state.is_active().then_some(now);
        Ok((next, effects))
    }

    /// The limit that is reached, if one is.
    pub fn limit(&self) -> Option<Cause> {
        let limits = &self.limits;
        if limits.steps.is_some_and(|most| self.steps >= most) {
            return Some(Cause::Steps);
        }
        if self.left().is_some_and(|left| left == 0) {
            return Some(Cause::Time);
        }
        limits
            .cost
            .is_some_and(|most| self.cost >= most)
            .then_some(Cause::Money)
    }

    /// Microseconds of work that are left, counted from `since`; `None` = no limit.
    pub fn left(&self) -> Option<u64> {
        let most = self.limits.seconds?.saturating_mul(MICROS_PER_SECOND.unsigned_abs());
        Some(most.saturating_sub(self.active))
    }

    /// The calls that wait for a person.
    pub fn awaited(&self) -> impl Iterator<Item = CallId> {
        let waits = |call: &&Call| !call.kind.is_run() && !call.state.is_over();
        self.calls.iter().filter(waits).map(|call| call.id)
    }

    /// The calls that a worker is to begin, in the model's order.
    pub fn pending(&self) -> impl Iterator<Item = CallId> {
        let waits = |call: &&Call| call.kind.is_run() && call.state == CallState::Pending;
        self.calls.iter().filter(waits).map(|call| call.id)
    }

    fn clock(&mut self, now: Timestamp, counts: bool) {
        if let Some(since) = self.since.filter(|_| counts) {
            let passed = now.micros().saturating_sub(since.micros());
            self.active = self.active.saturating_add(u64::try_from(passed).unwrap_or(0));
        }
    }

    fn apply(&mut self, event: Event, effects: &mut Vec<Effect>) -> Result<(), InvalidTransition> {
        use ChatState::{Paused, RequiresAction, Running, Tool, Waiting};
        let name = event.name();
        match (self.state, event) {
            (state, Event::Message(id)) if !state.is_final() => self.message(id)?,
            (Running, Event::StepStarted) if !self.asking => {
                self.asking = true;
                self.steps = self.steps.saturating_add(1);
                self.calls.clear();
                if !self.queue.is_empty() {
                    effects.push(Effect::Deliver(std::mem::take(&mut self.queue)));
                }
            }
            (Running, Event::StepFinished { calls, cost, stop }) if self.asking => {
                self.finished(&calls, (cost, stop), effects);
            }
            (Tool, Event::CallStarted(id)) => {
                self.call(id, name, |c| c.kind.is_run() && c.state == CallState::Pending)?
                    .state = CallState::Running;
            }
            (Tool, Event::CallFinished(id)) => {
                self.call(id, name, |c| c.state == CallState::Running)?.state = CallState::Done;
                self.losses = 0;
                self.settle();
            }
            (Tool | RequiresAction | Paused, Event::Answered(id)) => self.answered(id, CallKind::Ask, name)?,
            (Tool | RequiresAction | Paused, Event::PlanRejected(id)) => self.answered(id, CallKind::Plan, name)?,
            (Tool | RequiresAction | Paused, Event::PlanAccepted(id)) => {
                self.answered(id, CallKind::Plan, name)?;
                if self.plan == PlanMode::Planning {
                    self.plan = PlanMode::Accepted;
                }
            }
            (Running | Tool, Event::Interrupt) => self.pause(Cause::Interrupted, effects),
            (
                Running | Tool,
                Event::LimitReached(
                    cause @ (Cause::Steps | Cause::Time | Cause::Money | Cause::ModelFailed | Cause::Workspace),
                ),
            ) => self.pause(cause, effects),
            (Paused, Event::Resume(limits)) => self.resume(limits)?,
            (state, Event::Stop(cause)) if !state.is_final() => self.end(ChatState::Cancelled, cause, effects),
            (Waiting | RequiresAction | Paused, Event::Finish) => {
                self.end(ChatState::Completed, Cause::Finished, effects);
            }
            (Running, Event::ContextFull) => self.end(ChatState::Failed, Cause::ContextFull, effects),
            (Running | Tool, Event::Failed(cause)) => self.end(ChatState::Failed, cause, effects),
            (Running | Tool, Event::WorkerLost { crashed }) => self.lost(crashed, effects),
            (state, _) => return Err(InvalidTransition::State { state, event: name }),
        }
        Ok(())
    }

    fn message(&mut self, id: MessageId) -> Result<(), InvalidTransition> {
        if self.queue.len() >= QUEUE_MOST {
            return Err(InvalidTransition::QueueFull);
        }
        self.queue.push(id);
        let goes_on = match self.state {
            ChatState::Waiting => true,
            // Whoever interrupts and then writes wants to be read.
            ChatState::Paused => matches!(
                self.cause,
                Some(Cause::Interrupted | Cause::ModelFailed | Cause::Workspace)
            ),
            _ => false,
        };
        if goes_on {
            self.settle();
        }
        Ok(())
    }

    fn finished(&mut self, calls: &[(CallId, CallKind)], (cost, stop): (Money, Stop), effects: &mut Vec<Effect>) {
        self.asking = false;
        self.losses = 0;
        self.cost = self.cost.saturating_add(cost);
        for (id, kind) in calls.iter().copied() {
            let refused = kind == CallKind::Write && self.plan == PlanMode::Planning;
            let state = if refused {
                effects.push(Effect::Resolve(id, Resolution::Refused));
                CallState::Done
            } else {
                CallState::Pending
            };
            self.calls.push(Call { id, kind, state });
        }
        if !self.calls.is_empty() || !self.queue.is_empty() {
            self.settle();
        } else if self.once {
            match stop {
                // What was not done is not called done.
                Stop::Refusal => self.set(ChatState::Failed, Some(Cause::Refused)),
                Stop::MaxTokens => self.set(ChatState::Paused, Some(Cause::ModelFailed)),
                _ => self.set(ChatState::Completed, Some(Cause::Done)),
            }
        } else {
            self.set(ChatState::Waiting, None);
        }
    }

    fn call(
        &mut self,
        id: CallId,
        event: &'static str,
        fits: impl Fn(&Call) -> bool,
    ) -> Result<&mut Call, InvalidTransition> {
        let found = self.calls.iter_mut().find(|call| call.id == id && fits(call));
        found.ok_or(InvalidTransition::Call { event })
    }

    fn answered(&mut self, id: CallId, kind: CallKind, event: &'static str) -> Result<(), InvalidTransition> {
        self.call(id, event, |c| c.kind == kind && c.state == CallState::Pending)?
            .state = CallState::Done;
        if self.state != ChatState::Paused {
            self.settle();
        }
        Ok(())
    }

    /// Goes on with whatever is next: tools, then people, then the model.
    fn settle(&mut self) {
        let open = |call: &Call| !call.state.is_over();
        if self.calls.iter().any(|call| open(call) && call.kind.is_run()) {
            self.set(ChatState::Tool, None);
        } else if self.calls.iter().any(open) {
            self.set(ChatState::RequiresAction, None);
        } else if let Some(limit) = self.limit() {
            self.set(ChatState::Paused, Some(limit));
        } else {
            self.set(ChatState::Running, None);
        }
    }

    const fn set(&mut self, state: ChatState, cause: Option<Cause>) {
        self.state = state;
        self.cause = cause;
    }

    /// Ends what is under way; questions and plans stay open.
    fn pause(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        self.partial(true, effects);
        for call in self.calls.iter_mut().filter(|call| call.kind.is_run()) {
            resolve(call, Resolution::Interrupted, effects);
        }
        self.set(ChatState::Paused, Some(cause));
    }

    fn resume(&mut self, limits: Option<Limits>) -> Result<(), InvalidTransition> {
        if let Some(limits) = limits {
            self.limits = limits;
        }
        match self.limit() {
            Some(limit) => Err(InvalidTransition::Limit(limit)),
            None => {
                self.settle();
                Ok(())
            }
        }
    }

    fn lost(&mut self, crashed: bool, effects: &mut Vec<Effect>) {
        self.losses = self.losses.saturating_add(u32::from(crashed));
        for call in self.calls.iter_mut().filter(|call| call.state == CallState::Running) {
            resolve(call, Resolution::Unknown, effects);
        }
        if self.losses >= LOSSES_MOST {
            return self.end(ChatState::Failed, Cause::Crashes, effects);
        }
        self.partial(false, effects);
        self.settle();
    }

    fn partial(&mut self, kept: bool, effects: &mut Vec<Effect>) {
        if std::mem::take(&mut self.asking) {
            effects.push(Effect::Partial { kept });
        }
    }

    fn end(&mut self, state: ChatState, cause: Cause, effects: &mut Vec<Effect>) {
        self.partial(true, effects);
        for call in &mut self.calls {
            resolve(call, Resolution::Cancelled, effects);
        }
        if !self.queue.is_empty() {
            effects.push(Effect::Drop(std::mem::take(&mut self.queue)));
        }
        self.set(state, Some(cause));
    }
}

/// Ends a call that is not over.
fn resolve(call: &mut Call, how: Resolution, effects: &mut Vec<Effect>) {
    if call.state.is_over() {
        return;
    }
    call.state = match how {
        Resolution::Unknown => CallState::Unknown,
        _ => CallState::Done,
    };
    effects.push(Effect::Resolve(call.id, how));
}
