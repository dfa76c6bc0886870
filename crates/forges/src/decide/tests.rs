use bailey_core::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::event::LabelChange;
use crate::model::ProjectRef;

fn actor(id: i64, name: &str) -> Actor {
    Actor {
        id,
        name: name.to_owned(),
        bot: false,
    }
}

fn person_id() -> PersonId {
    format!("{}_01890a5d000070008000000000000001", PersonId::PREFIX)
        .parse()
        .unwrap()
}

fn labels(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Everything that a case needs, in the state in which a run starts.
struct Case {
    prefix: Prefix,
    sender: Access,
    labellers: Vec<(i64, Access)>,
    ticket: Option<Ticket>,
    history: Vec<LabelEvent>,
    handled: Vec<i64>,
    assignees: Vec<Assignee>,
    live: Option<LiveRun>,
    event: Event,
}

impl Case {
    fn labelled(label: &str) -> Self {
        let ticket = Ticket {
            number: 12,
            title: "Fix it".to_owned(),
            body: "It is broken".to_owned(),
            url: "https://git.example/g/p/-/issues/12".to_owned(),
            open: true,
            confidential: false,
            labels: labels(&["bug", label]),
            assignees: vec![actor(7, "ada")],
            author: actor(8, "bob"),
            updated_at: Timestamp::from_seconds(0),
        };
        let person = Person {
            id: person_id(),
            active: true,
            linked: true,
            may_start: true,
            template: Template::Ready,
            models: labels(&["claude-sonnet-4", "claude-sonnet-4-5", "claude-opus-4-1"]),
            default_model: Some("claude-opus-4-1".to_owned()),
            budget_left: true,
        };
        let assignee = Assignee {
            actor: actor(7, "ada"),
            person: Some(person),
        };
        Self {
            prefix: Prefix::default(),
            sender: Access::Write,
            labellers: vec![(9, Access::Write)],
            ticket: Some(ticket),
            history: vec![arrived(41, label)],
            handled: Vec::new(),
            assignees: vec![assignee],
            live: None,
            event: Event {
                delivery: "d1".to_owned(),
                project: ProjectRef {
                    id: 5,
                    path: "g/p".to_owned(),
                },
                sender: actor(9, "eve"),
                what: What::Ticket(TicketChange {
                    number: 12,
                    confidential: false,
                    state: None,
                    labels: LabelChange::Changed {
                        added: labels(&[label]),
                        removed: Vec::new(),
                    },
                    assigned: Vec::new(),
                    assignees_changed: false,
                }),
            },
        }
    }

    fn commented(body: &str) -> Self {
        let mut case = Self::labelled("bailey-agent").running();
        case.event.what = What::Comment(CommentMade {
            number: 12,
            id: 900,
            body: body.to_owned(),
            edited: false,
            confidential: false,
        });
        case
    }

    fn running(mut self) -> Self {
        self.live = Some(LiveRun {
            label: "bailey-agent".to_owned(),
            has_chat: true,
            branch: "bailey/ticket-12".to_owned(),
            assignee: 7,
        });
        self
    }

    fn change(&mut self) -> &mut TicketChange {
        match &mut self.event.what {
            What::Ticket(change) => change,
            _ => panic!("not a change of a ticket"),
        }
    }

    fn ticket(&mut self) -> &mut Ticket {
        self.ticket.as_mut().unwrap()
    }

    fn person(&mut self) -> &mut Person {
        self.assignees[0].person.as_mut().unwrap()
    }

    fn decide(&self) -> Decision {
        decide(
            &self.event,
            &Facts {
                prefix: &self.prefix,
                myself: 1,
                sender: self.sender,
                ticket: self.ticket.as_ref(),
                history: &self.history,
                labellers: &self.labellers,
                handled: &self.handled,
                assignees: &self.assignees,
                live: self.live.as_ref(),
            },
        )
    }

    fn code(&self) -> &'static str {
        match self.decide() {
            Decision::Nothing(why) => why.code(),
            Decision::Start(_) => "start",
            Decision::Message { .. } => "message",
            Decision::Stop(_) => "stop",
            Decision::MergeRequest { .. } => "merge_request",
        }
    }

    fn start(&self) -> Start {
        match self.decide() {
            Decision::Start(start) => start,
            other => panic!("no start: {other:?}"),
        }
    }
}

fn arrived(id: i64, label: &str) -> LabelEvent {
    LabelEvent {
        id,
        label: label.to_owned(),
        added: true,
        by: actor(9, "eve"),
        at: Timestamp::from_seconds(id),
    }
}

#[test]
fn a_label_and_an_assignee_start_a_run() {
    let start = Case::labelled("bailey-hitl").start();
    assert_eq!(
        (start.trigger, start.model, start.arrival),
        (Trigger::Workspace, None, Some(41))
    );
    assert_eq!((start.person, start.assignee.name.as_str()), (person_id(), "ada"));
    assert_eq!(
        Case::labelled("bailey-agent").start().model.as_deref(),
        Some("claude-opus-4-1")
    );
    assert_eq!(
        Case::labelled("bailey-agent:sonnet").start().model.as_deref(),
        Some("claude-sonnet-4-5")
    );
}

#[test]
fn an_assignee_who_comes_after_the_label_starts_it_too() {
    let mut case = Case::labelled("bailey-agent");
    case.change().labels = LabelChange::None;
    assert_eq!(case.code(), "nothing_asked");
    case.change().assigned = vec![actor(7, "ada")];
    assert_eq!(case.start().arrival, Some(41));
}

#[test]
fn a_new_or_reopened_ticket_with_a_label_starts_it() {
    for state in [StateChange::Opened, StateChange::Reopened] {
        let mut case = Case::labelled("bailey-agent");
        case.change().labels = LabelChange::None;
        case.change().state = Some(state);
        assert_eq!(case.code(), "start");
    }
}

#[test]
fn the_label_that_arrived_decides() {
    let mut case = Case::labelled("bailey-agent:sonnet");
    case.ticket().labels.push("bailey-hitl".to_owned());
    case.history.push(arrived(30, "bailey-hitl"));
    assert_eq!(case.start().label, "bailey-agent:sonnet");
    // Assigned later: of the labels that stand, the last one that came.
    case.change().labels = LabelChange::None;
    case.change().assigned = vec![actor(7, "ada")];
    assert_eq!(case.start().label, "bailey-agent:sonnet");
    case.history.push(arrived(50, "bailey-hitl"));
    assert_eq!(case.start().label, "bailey-hitl");
}

#[test]
fn without_a_history_an_agent_goes_first_and_two_models_conflict() {
    let mut case = Case::labelled("bailey-agent:sonnet");
    case.history.clear();
    case.ticket().labels.push("bailey-hitl".to_owned());
    case.change().labels = LabelChange::Now {
        all: case.ticket.as_ref().unwrap().labels.clone(),
    };
    let start = case.start();
    assert_eq!((start.label.as_str(), start.arrival), ("bailey-agent:sonnet", None));
    case.ticket().labels.push("bailey-agent:opus".to_owned());
    case.change().labels = LabelChange::Now {
        all: case.ticket.as_ref().unwrap().labels.clone(),
    };
    assert_eq!(case.code(), "conflicting_labels");
}

#[test]
fn every_reason_for_nothing_is_told_apart() {
    let check = |expected: &str, told: bool, alter: &dyn Fn(&mut Case)| {
        let mut case = Case::labelled("bailey-agent");
        alter(&mut case);
        assert_eq!(case.code(), expected);
        if let Decision::Nothing(why) = case.decide() {
            assert_eq!(why.is_told(), told, "{expected}");
            assert!(!why.to_string().is_empty());
            assert_eq!(serde_json::to_value(&why).unwrap()["code"], expected);
        }
    };
    let other_label = |case: &mut Case, label: &str| {
        case.ticket().labels = labels(&[label]);
        case.change().labels = LabelChange::Changed {
            added: labels(&[label]),
            removed: Vec::new(),
        };
    };
    check("no_matching_label", false, &|case| other_label(case, "bug"));
    check("label_refused", true, &|case| other_label(case, "Bailey-Agent"));
    check("label_refused", true, &|case| other_label(case, "bailey-agent:$(id)"));
    check("model", true, &|case| other_label(case, "bailey-agent:haiku"));
    check("model", true, &|case| other_label(case, "bailey-agent:claude"));
    check("label_gone", false, &|case| case.ticket().labels.clear());
    check("nothing_asked", false, &|case| case.change().labels = LabelChange::None);
    check("own", false, &|case| case.event.sender.id = 1);
    check("bot", false, &|case| case.event.sender.bot = true);
    check("sender_may_not", true, &|case| case.sender = Access::Read);
    check("sender_may_not", false, &|case| case.sender = Access::None);
    check("no_assignee", true, &|case| case.assignees.clear());
    check("assignee_unknown", true, &|case| case.assignees[0].person = None);
    check("assignee_suspended", true, &|case| case.person().active = false);
    // Who put the label on, where the event is another's: a maintainer assigns a ticket that a reporter labelled.
    check("sender_may_not", true, &|case| case.labellers = vec![(9, Access::Read)]);
    check("sender_may_not", false, &|case| case.labellers.clear());
    check("bot", false, &|case| case.history[0].by.bot = true);
    check("own", false, &|case| case.history[0].by.id = 1);
    check("account_not_linked", true, &|case| case.person().linked = false);
    check("already_handled", false, &|case| case.handled.push(41));
    check("budget", true, &|case| case.person().budget_left = false);
    check("no_permission", true, &|case| case.person().may_start = false);
    check("template_unnamed", true, &|case| {
        case.person().template = Template::Unnamed;
    });
    check("template_missing", true, &|case| {
        case.person().template = Template::Missing("rust".to_owned());
    });
    check("no_default_model", true, &|case| {
        let other = Some("of-another".to_owned());
        case.person().default_model = other;
    });
    check("no_default_model", true, &|case| case.person().models.clear());
    check("ticket_closed", false, &|case| case.ticket().open = false);
    check("ticket_gone", false, &|case| case.ticket = None);
    check("already_running", false, &|case| {
        case.live = Some(LiveRun {
            label: "bailey-agent".to_owned(),
            has_chat: true,
            branch: "bailey/ticket-12".to_owned(),
            assignee: 7,
        });
    });
}

#[test]
fn a_workspace_alone_needs_no_model_and_no_money() {
    let mut case = Case::labelled("bailey-hitl");
    case.person().budget_left = false;
    case.person().models.clear();
    assert_eq!(case.code(), "start");
}

#[test]
fn the_first_assignee_who_can_work_is_taken() {
    let mut case = Case::labelled("bailey-hitl");
    let known = case.assignees[0].clone();
    let mut suspended = known.clone();
    suspended.actor = actor(20, "sus");
    suspended.person.as_mut().unwrap().active = false;
    let unknown = Assignee {
        actor: actor(21, "new"),
        person: None,
    };
    case.assignees = vec![unknown.clone(), suspended.clone(), known];
    assert_eq!(case.start().assignee.name, "ada");
    case.assignees = vec![unknown, suspended];
    assert_eq!(case.code(), "assignee_suspended");
}

#[test]
fn a_confidential_ticket_stays_so() {
    let mut case = Case::labelled("bailey-agent");
    assert!(!case.start().confidential);
    case.change().confidential = true;
    assert!(case.start().confidential);
    case.change().confidential = false;
    case.ticket().confidential = true;
    assert!(case.start().confidential);
}

#[test]
fn closing_unlabelling_and_unassigning_stop_whoever_does_it() {
    type Alter<'a> = &'a dyn Fn(&mut Case);
    let alter: [(Alter<'_>, StopCause); 4] = [
        (&|case| case.ticket().open = false, StopCause::Closed),
        (
            &|case| case.ticket().labels = labels(&["bug", "bailey-hitl"]),
            StopCause::Unlabelled,
        ),
        (&|case| case.ticket().assignees.clear(), StopCause::Unassigned),
        (&|case| case.ticket = None, StopCause::Gone),
    ];
    for (alter, cause) in alter {
        let mut case = Case::labelled("bailey-agent").running();
        case.sender = Access::None;
        case.event.sender.bot = true;
        alter(&mut case);
        assert_eq!(case.decide(), Decision::Stop(cause));
        // Found out when a comment comes, the same.
        case.event.what = Case::commented("x").event.what;
        assert_eq!(case.decide(), Decision::Stop(cause));
    }
}

#[test]
fn comments_reach_the_chat() {
    let case = Case::commented("use the other file");
    assert_eq!(
        case.decide(),
        Decision::Message {
            body: "use the other file".to_owned(),
            by: actor(9, "eve"),
        }
    );
    let check = |expected: &str, alter: &dyn Fn(&mut Case)| {
        let mut case = Case::commented("x");
        alter(&mut case);
        assert_eq!(case.code(), expected);
    };
    check("own", &|case| case.event.sender.id = 1);
    check("bot", &|case| case.event.sender.bot = true);
    check("no_run", &|case| case.live = None);
    check("no_chat", &|case| case.live.as_mut().unwrap().has_chat = false);
    check("commenter_may_not", &|case| case.sender = Access::Read);
    for (expected, body, edited) in [("comment_edited", "x", true), ("comment_empty", " \n", false)] {
        check(expected, &|case| {
            case.event.what = What::Comment(CommentMade {
                number: 12,
                id: 900,
                body: body.to_owned(),
                edited,
                confidential: false,
            });
        });
    }
}

#[test]
fn a_run_hears_of_its_own_merge_request() {
    let merged = |branch: &str| {
        What::MergeRequest(MergeRequestChange {
            number: 4,
            source_branch: branch.to_owned(),
            state: MergeRequestState::Merged,
        })
    };
    let mut case = Case::labelled("bailey-agent").running();
    case.event.what = merged("bailey/ticket-12");
    assert_eq!(case.event.ticket(&case.prefix), Some(12));
    let state = MergeRequestState::Merged;
    assert_eq!(case.decide(), Decision::MergeRequest { number: 4, state });
    // Merging closes the ticket, and one event of the two comes first.
    case.ticket().open = false;
    assert_eq!(case.decide(), Decision::MergeRequest { number: 4, state });
    case.event.what = merged("bailey/ticket-12-2");
    assert_eq!(case.code(), "other_branch");
    case.live = None;
    assert_eq!(case.code(), "no_run");
    case.event.what = merged("main");
    case.ticket = None;
    assert_eq!((case.event.ticket(&case.prefix), case.code()), (None, "other_branch"));
}

proptest! {
    /// Whatever comes in whatever order, a run starts at most once for one arrival of a label, and never beside a live one.
    #[test]
    fn an_arrival_starts_one_run(events in prop::collection::vec(0_u8..6, 1..40)) {
        let mut case = Case::labelled("bailey-agent");
        let mut next = 42;
        let mut started: Vec<i64> = Vec::new();
        for event in events {
            match event {
                // A duplicate of the delivery, or an assignment.
                0 | 1 => {}
                2 => case.ticket().open = false,
                3 => case.ticket().open = true,
                4 => case.ticket().labels = labels(&["bug"]),
                _ if !case.ticket().labels.contains(&"bailey-agent".to_owned()) => {
                    case.ticket().labels = labels(&["bailey-agent"]);
                    case.history.push(arrived(next, "bailey-agent"));
                    next += 1;
                }
                _ => {}
            }
            case.change().assigned = if event == 1 { vec![actor(7, "ada")] } else { Vec::new() };
            match case.decide() {
                Decision::Start(start) => {
                    prop_assert!(case.live.is_none());
                    let arrival = start.arrival.unwrap();
                    prop_assert!(!started.contains(&arrival));
                    started.push(arrival);
                    case.handled.push(arrival);
                    case = case.running();
                }
                Decision::Stop(_) => {
                    prop_assert!(case.live.is_some());
                    case.live = None;
                }
                _ => {}
            }
        }
    }
}
