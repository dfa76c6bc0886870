//! The machine under every order of events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{CallId, MessageId, Money, Timestamp};

/// An event before its ids are known: numbers pick among what is there.
#[derive(Debug, Clone)]
enum Wish {
    Message,
    StepStarted,
    StepFinished(Vec<CallKind>, u32),
    CallStarted(usize),
    CallFinished(usize),
    Answered(usize),
    Accepted(usize),
    Rejected(usize),
    Interrupt,
    Resume(Option<Limits>),
    Stop,
    Finish,
    Limit(Cause),
    ContextFull,
    Failed,
    WorkerLost(bool),
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        prop::option::of(1_u32..20),
        prop::option::of(1_u64..60),
        prop::option::of(1_u32..50),
    )
        .prop_map(|(steps, seconds, cents)| Limits {
            steps,
            seconds,
            cost: cents.map(Money::cents),
        })
}

fn wish() -> impl Strategy<Value = Wish> {
    let kinds = prop::collection::vec(prop::sample::select(CallKind::ALL.to_vec()), 0..4);
    let limit = prop::sample::select(vec![Cause::Steps, Cause::Time, Cause::Money]);
    prop_oneof![
        6 => Just(Wish::Message),
        12 => Just(Wish::StepStarted),
        12 => (kinds, 0_u32..5).prop_map(|(kinds, cents)| Wish::StepFinished(kinds, cents)),
        12 => (0_usize..5).prop_map(Wish::CallStarted),
        12 => (0_usize..5).prop_map(Wish::CallFinished),
        6 => (0_usize..5).prop_map(Wish::Answered),
        4 => (0_usize..5).prop_map(Wish::Accepted),
        2 => (0_usize..5).prop_map(Wish::Rejected),
        2 => Just(Wish::Interrupt),
        4 => prop::option::of(limits()).prop_map(Wish::Resume),
        1 => Just(Wish::Stop),
        1 => Just(Wish::Finish),
        1 => limit.prop_map(Wish::Limit),
        1 => Just(Wish::ContextFull),
        1 => Just(Wish::Failed),
        4 => any::<bool>().prop_map(Wish::WorkerLost),
    ]
}

/// Books of our own.
#[derive(Debug, Default)]
struct Books {
    next: u128,
    /// How often each call was begun, and how often it got a result.
    calls: BTreeMap<CallId, (u32, u32)>,
    sent: Vec<MessageId>,
    read: Vec<MessageId>,
    dropped: Vec<MessageId>,
    partial: u32,
}

impl Books {
    fn id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(self.next)
    }

    fn event(&mut self, run: &Run, wish: &Wish) -> Event {
        let pick = |n: usize| run.calls.get(n).map_or(CallId::from_uuid(Uuid::nil()), |call| call.id);
        match wish {
            Wish::Message => Event::Message(MessageId::from_uuid(self.id())),
            Wish::StepStarted => Event::StepStarted,
            Wish::StepFinished(kinds, cents) => Event::StepFinished {
                calls: kinds.iter().map(|kind| (CallId::from_uuid(self.id()), *kind)).collect(),
                cost: Money::cents(*cents),
                stop: Stop::EndTurn,
            },
            Wish::CallStarted(n) => Event::CallStarted(pick(*n)),
            Wish::CallFinished(n) => Event::CallFinished(pick(*n)),
            Wish::Answered(n) => Event::Answered(pick(*n)),
            Wish::Accepted(n) => Event::PlanAccepted(pick(*n)),
            Wish::Rejected(n) => Event::PlanRejected(pick(*n)),
            Wish::Interrupt => Event::Interrupt,
            Wish::Resume(limits) => Event::Resume(*limits),
            Wish::Stop => Event::Stop(Cause::Stopped),
            Wish::Finish => Event::Finish,
            Wish::Limit(cause) => Event::LimitReached(*cause),
            Wish::ContextFull => Event::ContextFull,
            Wish::Failed => Event::Failed(Cause::ModelFailed),
            Wish::WorkerLost(crashed) => Event::WorkerLost { crashed: *crashed },
        }
    }

    fn note(&mut self, before: &Run, event: &Event, effects: &[Effect]) {
        match event {
            Event::Message(id) => self.sent.push(*id),
            Event::StepFinished { calls, .. } => {
                for (id, kind) in calls {
                    assert!(self.calls.insert(*id, (0, 0)).is_none());
                    let writes = *kind == CallKind::Write && before.plan == PlanMode::Planning;
                    let refused = effects.contains(&Effect::Resolve(*id, Resolution::Refused));
                    assert_eq!(writes, refused, "what writes waits for a plan");
                }
            }
            Event::CallStarted(id) => self.calls.get_mut(id).unwrap().0 += 1,
            Event::CallFinished(id) | Event::Answered(id) | Event::PlanAccepted(id) | Event::PlanRejected(id) => {
                self.calls.get_mut(id).unwrap().1 += 1;
            }
            _ => {}
        }
        for effect in effects {
            match effect {
                Effect::Deliver(ids) => self.read.extend(ids),
                Effect::Drop(ids) => self.dropped.extend(ids),
                Effect::Resolve(id, _) => self.calls.get_mut(id).unwrap().1 += 1,
                Effect::Partial { .. } => {
                    assert!(before.asking, "nothing was cut off");
                    self.partial += 1;
                }
            }
        }
    }

    fn check(&self, run: &Run) {
        for (id, (begun, results)) in &self.calls {
            let open = run.calls.iter().any(|call| call.id == *id && !call.state.is_over());
            assert!(*begun <= 1, "{id} was begun twice");
            assert_eq!(*results, u32::from(!open), "{id} has {results} results");
        }
        let known: Vec<MessageId> = self
            .read
            .iter()
            .chain(&self.dropped)
            .chain(&run.queue)
            .copied()
            .collect();
        assert_eq!(known, self.sent, "each message once and in order");
        let open = |run_kind: bool| {
            run.calls
                .iter()
                .any(|call| call.kind.is_run() == run_kind && !call.state.is_over())
        };
        let fits = match run.state {
            ChatState::Waiting => !open(true) && !open(false) && !run.asking && run.queue.is_empty(),
            ChatState::Running => !open(true) && !open(false),
            ChatState::Tool => open(true) && !run.asking,
            ChatState::RequiresAction => !open(true) && open(false) && !run.asking,
            ChatState::Paused => !open(true) && !run.asking,
            ChatState::Completed | ChatState::Failed | ChatState::Cancelled => {
                !open(true) && !open(false) && !run.asking && run.queue.is_empty()
            }
        };
        assert!(fits, "{run:?}");
        let caused = run.state == ChatState::Paused || run.state.is_final();
        assert_eq!(run.cause.is_some(), caused, "{run:?}");
        assert_eq!(run.since.is_some(), run.state.is_active(), "{run:?}");
        assert_eq!(run.awaited().count() > 0, open(false));
        let ids: BTreeSet<CallId> = run.calls.iter().map(|call| call.id).collect();
        assert_eq!(ids.len(), run.calls.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn no_order_of_events_leads_astray(
        plan in prop::sample::select(PlanMode::ALL.to_vec()),
        once: bool,
        limits in limits(),
        wishes in prop::collection::vec((wish(), 0_i64..3_000_000), 1..80),
    ) {
        let mut run = Run::new(plan, once, limits);
        let (mut books, mut now) = (Books::default(), Timestamp::default());
        for (wish, later) in wishes {
            now = Timestamp::from_micros(now.micros() + later);
            let event = books.event(&run, &wish);
            match run.step(event.clone(), now) {
                Ok((next, effects)) => {
                    prop_assert!(!run.state.is_final(), "what is over is over");
                    books.note(&run, &event, &effects);
                    prop_assert!(next.steps >= run.steps && next.cost >= run.cost && next.active >= run.active);
                    let starts = event == Event::StepStarted;
                    prop_assert!(!starts || run.limits.steps.is_none_or(|most| next.steps <= most), "beyond its steps");
                    run = next;
                }
                Err(_) => prop_assert!(
                    run.state.is_final() || !matches!(event, Event::Stop(_)),
                    "what is not over can be stopped"
                ),
            }
            books.check(&run);
        }
    }

    /// A worker that does what there is to do, and a person who answers, bring every chat to rest.
    #[test]
    fn whoever_does_what_is_next_gets_there(
        wishes in prop::collection::vec((wish(), 0_i64..1_000), 1..40),
    ) {
        let mut run = Run::new(PlanMode::Planning, false, Limits::default());
        let (mut books, mut now) = (Books::default(), Timestamp::default());
        for (wish, later) in wishes {
            now = Timestamp::from_micros(now.micros() + later);
            let event = books.event(&run, &wish);
            if let Ok((next, effects)) = run.step(event.clone(), now) {
                books.note(&run, &event, &effects);
                run = next;
            }
        }
        for _ in 0..40 {
            let event = match run.state {
                ChatState::Running if run.asking => Event::StepFinished { calls: Vec::new(), cost: Money::ZERO, stop: Stop::EndTurn },
                ChatState::Running => Event::StepStarted,
                ChatState::Tool => match run.pending().next() {
                    Some(id) => Event::CallStarted(id),
                    None => {
                        let running = run.calls.iter().find(|call| call.state == CallState::Running);
                        Event::CallFinished(running.unwrap().id)
                    }
                },
                ChatState::RequiresAction => {
                    let id = run.awaited().next().unwrap();
                    let kind = run.calls.iter().find(|call| call.id == id).unwrap().kind;
                    if kind == CallKind::Ask { Event::Answered(id) } else { Event::PlanAccepted(id) }
                }
                ChatState::Paused => Event::Resume(Some(Limits::default())),
                ChatState::Waiting | ChatState::Completed | ChatState::Failed | ChatState::Cancelled => break,
            };
            let (next, effects) = run.step(event.clone(), now).unwrap();
            books.note(&run, &event, &effects);
            run = next;
            books.check(&run);
        }
        prop_assert!(run.state == ChatState::Waiting || run.state.is_final(), "{:?}", run);
        prop_assert_eq!(books.read.len() + books.dropped.len(), books.sent.len());
    }
}

const LOST: Event = Event::WorkerLost { crashed: true };

fn call(n: u128) -> CallId {
    CallId::from_uuid(Uuid::from_u128(n))
}

fn after(run: &Run, events: impl IntoIterator<Item = Event>) -> Run {
    events.into_iter().fold(run.clone(), |run, event| {
        run.step(event.clone(), Timestamp::default())
            .unwrap_or_else(|error| panic!("{event:?}: {error}"))
            .0
    })
}

fn asked(plan: PlanMode, calls: Vec<(CallId, CallKind)>) -> Run {
    let message = MessageId::from_uuid(Uuid::from_u128(1));
    let cost = Money::cents(1);
    after(
        &Run::new(plan, false, Limits::default()),
        [
            Event::Message(message),
            Event::StepStarted,
            Event::StepFinished {
                calls,
                cost,
                stop: Stop::EndTurn,
            },
        ],
    )
}

#[test]
fn nothing_is_written_before_a_plan_is_accepted() {
    let calls = vec![(call(1), CallKind::Write), (call(2), CallKind::Plan)];
    let run = asked(PlanMode::Planning, calls);
    assert_eq!(run.state, ChatState::RequiresAction);
    let rejected = after(&run, [Event::PlanRejected(call(2))]);
    assert_eq!(
        (rejected.state, rejected.plan),
        (ChatState::Running, PlanMode::Planning)
    );
    let accepted = after(&run, [Event::PlanAccepted(call(2)), Event::StepStarted]);
    assert_eq!(accepted.plan, PlanMode::Accepted);
    let calls = vec![(call(3), CallKind::Write)];
    let cost = Money::ZERO;
    let run = after(
        &accepted,
        [Event::StepFinished {
            calls,
            cost,
            stop: Stop::EndTurn,
        }],
    );
    assert_eq!(run.pending().collect::<Vec<_>>(), [call(3)]);
}

#[test]
fn what_ran_when_a_worker_was_lost_is_unknown_and_what_did_not_is_run() {
    let run = asked(
        PlanMode::Off,
        vec![(call(1), CallKind::Write), (call(2), CallKind::Write)],
    );
    let run = after(&run, [Event::CallStarted(call(1))]);
    let (run, effects) = run.step(LOST, Timestamp::default()).unwrap();
    assert_eq!(effects, [Effect::Resolve(call(1), Resolution::Unknown)]);
    assert_eq!(run.pending().collect::<Vec<_>>(), [call(2)]);
}

#[test]
fn a_chat_that_keeps_losing_its_workers_fails() {
    let message = MessageId::from_uuid(Uuid::from_u128(1));
    let mut run = after(
        &Run::new(PlanMode::Off, false, Limits::default()),
        [Event::Message(message)],
    );
    for _ in 1..LOSSES_MOST {
        run = after(&run, [Event::StepStarted, LOST]);
        assert_eq!(run.state, ChatState::Running);
    }
    run = after(&run, [Event::StepStarted, LOST]);
    assert_eq!((run.state, run.cause), (ChatState::Failed, Some(Cause::Crashes)));
}

#[test]
fn waiting_for_people_and_for_workers_is_no_work() {
    let limits = Limits {
        seconds: Some(10),
        ..Limits::default()
    };
    let at = Timestamp::from_seconds;
    let message = MessageId::from_uuid(Uuid::from_u128(1));
    let step = |run: &Run, event, now| run.step(event, at(now)).unwrap().0;
    let run = step(&Run::new(PlanMode::Off, false, limits), Event::Message(message), 0);
    let run = step(&run, Event::StepStarted, 1);
    let calls = vec![(call(1), CallKind::Ask)];
    let cost = Money::ZERO;
    let run = step(
        &run,
        Event::StepFinished {
            calls,
            cost,
            stop: Stop::EndTurn,
        },
        4,
    );
    let run = step(&run, Event::Answered(call(1)), 400_000);
    assert_eq!((run.state, run.left()), (ChatState::Running, Some(6_000_000)));
    let run = step(&run, LOST, 500_000);
    assert_eq!((run.state, run.left()), (ChatState::Running, Some(6_000_000)));
    let run = step(&run, Event::StepStarted, 500_007);
    let calls = Vec::new();
    let run = step(
        &run,
        Event::StepFinished {
            calls,
            cost,
            stop: Stop::EndTurn,
        },
        500_008,
    );
    assert_eq!(run.state, ChatState::Waiting);
    let run = step(&run, Event::Message(MessageId::from_uuid(Uuid::from_u128(2))), 900_000);
    assert_eq!((run.state, run.cause), (ChatState::Paused, Some(Cause::Time)));
    assert!(matches!(
        run.step(Event::Resume(None), at(900_001)),
        Err(InvalidTransition::Limit(Cause::Time))
    ));
    let more = Limits {
        seconds: Some(60),
        ..Limits::default()
    };
    assert_eq!(step(&run, Event::Resume(Some(more)), 900_001).state, ChatState::Running);
}
