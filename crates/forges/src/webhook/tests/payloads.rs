//! Payloads of the four forges, of their documented shapes.

use super::*;

macro_rules! payload {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/payloads/", $name, ".json"))
    };
}

fn parse(kind: ForgeKind, body: &[u8]) -> Result<Parsed, ParseError> {
    let secret = shared("a-secret-of-enough-bytes");
    let mut headers = sign(kind, &secret, "d-1", NOW, body);
    for name in ["x-gitlab-event", "x-github-event", "x-gitea-event", "x-forgejo-event"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("told"));
    }
    verifier(kind, secret).verify(&headers, body, NOW).unwrap().parse()
}

fn event(kind: ForgeKind, body: &[u8]) -> Event {
    match parse(kind, body).unwrap() {
        Parsed::Event(event) => *event,
        Parsed::Ignored(why) => panic!("ignored: {why}"),
    }
}

fn ignored(kind: ForgeKind, body: &[u8]) -> Ignored {
    match parse(kind, body).unwrap() {
        Parsed::Ignored(why) => why,
        Parsed::Event(event) => panic!("an event: {event:?}"),
    }
}

fn change(kind: ForgeKind, body: &[u8]) -> TicketChange {
    match event(kind, body).what {
        What::Ticket(change) => change,
        other => panic!("no change of a ticket: {other:?}"),
    }
}

fn changed(added: &[&str], removed: &[&str]) -> LabelChange {
    let owned = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    LabelChange::Changed {
        added: owned(added),
        removed: owned(removed),
    }
}

fn names(actors: &[Actor]) -> Vec<&str> {
    actors.iter().map(|actor| actor.name.as_str()).collect()
}

#[test]
fn every_forge_tells_of_a_label() {
    let now = LabelChange::Now {
        all: vec!["bug".to_owned(), "bailey-agent:sonnet".to_owned()],
    };
    let cases: [(ForgeKind, &[u8], i64, i64, LabelChange); 4] = [
        (
            ForgeKind::GitLab,
            payload!("gitlab/issue_labelled"),
            14,
            52,
            changed(&["bailey-agent:sonnet"], &[]),
        ),
        (
            ForgeKind::GitHub,
            payload!("github/issues_labeled"),
            1_296_269,
            583_232,
            changed(&["bailey-agent:sonnet"], &[]),
        ),
        (
            ForgeKind::Gitea,
            payload!("gitea/issues_label_updated"),
            21,
            4,
            now.clone(),
        ),
        (ForgeKind::Forgejo, payload!("forgejo/issues_label_updated"), 21, 4, now),
    ];
    for (kind, body, project, sender, labels) in cases {
        let event = event(kind, body);
        assert_eq!(
            (event.delivery.as_str(), event.project.path.as_str()),
            ("d-1", "space/rocket"),
            "{kind}"
        );
        assert_eq!((event.project.id, event.sender.id), (project, sender), "{kind}");
        assert_eq!(
            (event.sender.name.as_str(), event.sender.bot),
            ("grace", false),
            "{kind}"
        );
        let change = change(kind, body);
        assert_eq!(
            (change.number, change.state, change.confidential),
            (23, None, false),
            "{kind}"
        );
        assert_eq!(change.labels, labels, "{kind}");
        assert!(change.assigned.is_empty() && !change.assignees_changed, "{kind}");
    }
}

#[test]
fn every_forge_tells_of_a_new_ticket_with_its_labels() {
    let cases: [(ForgeKind, &[u8], &str, &[&str]); 4] = [
        (
            ForgeKind::GitLab,
            payload!("gitlab/issue_opened_with_label"),
            "bailey-hitl",
            &["ada"],
        ),
        (
            ForgeKind::GitHub,
            payload!("github/issues_opened"),
            "bailey-agent:sonnet",
            &[],
        ),
        (
            ForgeKind::Gitea,
            payload!("gitea/issues_opened"),
            "bailey-agent:sonnet",
            &[],
        ),
        (
            ForgeKind::Forgejo,
            payload!("forgejo/issues_opened"),
            "bailey-agent:sonnet",
            &[],
        ),
    ];
    for (kind, body, label, assigned) in cases {
        let change = change(kind, body);
        assert_eq!(change.state, Some(StateChange::Opened), "{kind}");
        assert_eq!(change.labels, changed(&[label], &[]), "{kind}");
        assert_eq!(names(&change.assigned), assigned, "{kind}");
    }
}

#[test]
fn every_forge_tells_of_an_assignee() {
    let cases: [(ForgeKind, &[u8]); 4] = [
        (ForgeKind::GitLab, payload!("gitlab/issue_assigned")),
        (ForgeKind::GitHub, payload!("github/issues_assigned")),
        (ForgeKind::Gitea, payload!("gitea/issues_assigned")),
        (ForgeKind::Forgejo, payload!("forgejo/issues_assigned")),
    ];
    for (kind, body) in cases {
        let change = change(kind, body);
        assert_eq!(names(&change.assigned), ["ada"], "{kind}");
        assert!(change.assignees_changed && change.labels == LabelChange::None, "{kind}");
    }
}

#[test]
fn every_forge_tells_of_the_end() {
    let none = LabelChange::Now { all: Vec::new() };
    assert_eq!(
        change(ForgeKind::GitLab, payload!("gitlab/issue_unlabelled")).labels,
        changed(&[], &["bailey-agent:sonnet"])
    );
    assert_eq!(
        change(ForgeKind::GitHub, payload!("github/issues_unlabeled")).labels,
        changed(&[], &["bailey-agent:sonnet"])
    );
    assert_eq!(
        change(ForgeKind::Gitea, payload!("gitea/issues_label_cleared")).labels,
        none
    );
    assert_eq!(
        change(ForgeKind::Forgejo, payload!("forgejo/issues_label_cleared")).labels,
        none
    );
    let closed: [(ForgeKind, &[u8], bool); 4] = [
        (ForgeKind::GitLab, payload!("gitlab/issue_closed"), false),
        (ForgeKind::GitHub, payload!("github/issues_closed_by_app"), true),
        (ForgeKind::Gitea, payload!("gitea/issues_closed_by_actions"), true),
        (ForgeKind::Forgejo, payload!("forgejo/issues_closed_by_actions"), true),
    ];
    for (kind, body, bot) in closed {
        assert_eq!(change(kind, body).state, Some(StateChange::Closed), "{kind}");
        assert_eq!(event(kind, body).sender.bot, bot, "{kind}");
    }
}

#[test]
fn every_forge_tells_of_a_comment() {
    let cases: [(ForgeKind, &[u8], i64); 4] = [
        (ForgeKind::GitLab, payload!("gitlab/note_on_issue"), 1_241),
        (ForgeKind::GitHub, payload!("github/issue_comment_created"), 99_262_140),
        (ForgeKind::Gitea, payload!("gitea/issue_comment_created"), 1_241),
        (ForgeKind::Forgejo, payload!("forgejo/issue_comment_created"), 1_241),
    ];
    for (kind, body, id) in cases {
        let What::Comment(comment) = event(kind, body).what else {
            panic!("{kind}: no comment");
        };
        assert_eq!((comment.number, comment.id, comment.edited), (23, id, false), "{kind}");
        assert!(comment.body.starts_with("Please use the other sensor."), "{kind}");
    }
    let What::Comment(comment) = event(ForgeKind::GitLab, payload!("gitlab/note_edited")).what else {
        panic!("no comment");
    };
    assert!(comment.edited);
}

#[test]
fn every_forge_tells_of_a_merge_request() {
    let cases: [(ForgeKind, &[u8]); 4] = [
        (ForgeKind::GitLab, payload!("gitlab/merge_request_merged")),
        (ForgeKind::GitHub, payload!("github/pull_request_closed")),
        (ForgeKind::Gitea, payload!("gitea/pull_request_closed")),
        (ForgeKind::Forgejo, payload!("forgejo/pull_request_closed")),
    ];
    for (kind, body) in cases {
        let What::MergeRequest(change) = event(kind, body).what else {
            panic!("{kind}: no merge request");
        };
        assert_eq!((change.number, change.state), (4, MergeRequestState::Merged), "{kind}");
        assert_eq!(change.source_branch, "bailey/ticket-23", "{kind}");
    }
}

#[test]
fn what_is_of_no_interest_is_ignored_with_its_reason() {
    use ForgeKind::{Forgejo, GitHub, GitLab, Gitea};
    let told = || Ignored::Kind("told".to_owned());
    let cases: [(ForgeKind, &[u8], Ignored); 12] = [
        (GitLab, payload!("gitlab/push"), Ignored::Kind("push".to_owned())),
        (
            GitLab,
            payload!("gitlab/work_item_task"),
            Ignored::Kind("work_item".to_owned()),
        ),
        (GitLab, payload!("gitlab/note_system"), Ignored::SystemComment),
        (
            GitLab,
            payload!("gitlab/note_on_merge_request"),
            Ignored::CommentElsewhere,
        ),
        (GitLab, payload!("gitlab/merge_request_from_fork"), Ignored::Fork),
        (GitHub, payload!("github/ping"), told()),
        (
            GitHub,
            payload!("github/issues_pinned"),
            Ignored::Action("pinned".to_owned()),
        ),
        (
            GitHub,
            payload!("github/issue_comment_on_pull_request"),
            Ignored::CommentElsewhere,
        ),
        (GitHub, payload!("github/pull_request_from_fork"), Ignored::Fork),
        (Gitea, payload!("gitea/push"), told()),
        (Forgejo, payload!("forgejo/push"), told()),
        (
            Forgejo,
            payload!("forgejo/issue_comment_on_pull_request"),
            Ignored::CommentElsewhere,
        ),
    ];
    for (kind, body, why) in cases {
        assert_eq!(ignored(kind, body), why, "{kind}");
    }
    assert_eq!(
        ignored(Gitea, payload!("gitea/issue_comment_on_pull_request")),
        Ignored::CommentElsewhere
    );
}

#[test]
fn gitlabs_confidential_tickets_and_programs_are_recognised() {
    let body = payload!("gitlab/issue_confidential_by_bot");
    assert!(change(ForgeKind::GitLab, body).confidential);
    assert!(event(ForgeKind::GitLab, body).sender.bot);
    for (name, bot) in [
        ("project_14_bot", true),
        ("group_7_bot_abc", true),
        ("service_account_x", true),
        ("ghost", true),
        ("project_bot", false),
        ("project_x_bot", false),
        ("ada_bot", false),
        ("ada", false),
    ] {
        assert_eq!(is_gitlab_bot(name), bot, "{name}");
    }
}

#[test]
fn what_is_not_of_the_documented_shape_is_refused() {
    for kind in KINDS {
        for body in ["", "[]", "null", "{", r#"{"object_kind":"issue","issue":7}"#, "\u{1}"] {
            let parsed = parse(kind, body.as_bytes());
            assert!(
                matches!(parsed, Err(ParseError::Shape(_) | ParseError::NoObject)),
                "{kind} {body}: {parsed:?}"
            );
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
        assert!(matches!(parse(kind, deep.as_bytes()), Err(ParseError::TooDeep)));
    }
    // A field that is there twice could be read as one by us and as the other elsewhere.
    let twice = String::from_utf8_lossy(payload!("gitlab/issue_labelled")).replacen(
        "\"iid\": 23",
        "\"iid\": 22, \"iid\": 23",
        1,
    );
    assert!(parse(ForgeKind::GitLab, twice.as_bytes()).is_err());
    let negative =
        String::from_utf8_lossy(payload!("gitlab/issue_labelled")).replacen("\"iid\": 23", "\"iid\": -23", 1);
    assert!(parse(ForgeKind::GitLab, negative.as_bytes()).is_err());
}

#[test]
fn what_is_kept_is_bounded() {
    let mut value: serde_json::Value = serde_json::from_slice(payload!("gitlab/issue_opened_with_label")).unwrap();
    let label = |n: usize| serde_json::json!({ "title": format!("{n}-{}", "ä".repeat(1_500)) });
    value["labels"] = (0..1_000).map(label).collect();
    let LabelChange::Changed { added, .. } = change(ForgeKind::GitLab, value.to_string().as_bytes()).labels else {
        panic!("no labels");
    };
    assert_eq!(added.len(), MOST);
    assert!(added.iter().all(|label| label.chars().count() <= LONGEST_NAME));
}

proptest! {
    /// A recorded delivery, cut or altered anywhere, is refused or read, and never more.
    #[test]
    fn altered_deliveries_are_borne(which in 0_usize..4, at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..6)) {
        let cases: [(ForgeKind, &[u8]); 4] = [
            (ForgeKind::GitLab, payload!("gitlab/issue_labelled")),
            (ForgeKind::GitLab, payload!("gitlab/note_on_issue")),
            (ForgeKind::GitHub, payload!("github/issues_labeled")),
            (ForgeKind::Forgejo, payload!("forgejo/pull_request_closed")),
        ];
        let (kind, body) = cases[which];
        let at = at.index(body.len());
        let mut altered = body[..at].to_vec();
        altered.extend_from_slice(&with);
        altered.extend_from_slice(&body[(at + with.len()).min(body.len())..]);
        let _ = parse(kind, &altered);
        let _ = parse(kind, &body[..at]);
    }
}
