use bailey_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::event::{LabelChange, StateChange, TicketChange, What};
use crate::model::MergeRequestState;

const NOW: Timestamp = Timestamp::from_seconds(1_614_265_330);
const BODY: &[u8] = br#"{"a":1}"#;
const KINDS: [ForgeKind; 4] = [
    ForgeKind::GitLab,
    ForgeKind::GitHub,
    ForgeKind::Gitea,
    ForgeKind::Forgejo,
];

fn shared(text: &str) -> HookSecret {
    HookSecret::shared(text.to_owned()).unwrap()
}

fn signing() -> HookSecret {
    HookSecret::signing("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
}

fn verifier(kind: ForgeKind, secret: HookSecret) -> Verifier {
    Verifier::new(kind, vec![secret]).unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

mod verification {
    use super::*;

    #[test]
    fn gitlab_sends_its_token() {
        let verifier = verifier(ForgeKind::GitLab, shared("a-secret-of-enough-bytes"));
        let good = headers(&[
            ("x-gitlab-token", "a-secret-of-enough-bytes"),
            ("x-gitlab-event", "Issue Hook"),
            ("idempotency-key", "3a427872-00df"),
            ("x-gitlab-event-uuid", "shared"),
        ]);
        let verified = verifier.verify(&good, BODY, NOW).unwrap();
        assert_eq!(
            (verified.delivery(), verified.event_name()),
            ("3a427872-00df", "IssueHook")
        );
        for value in [
            "a-secret-of-enough-byteS",
            "a-secret-of-enough-byte",
            "a-secret-of-enough-bytes1",
        ] {
            let bad = headers(&[("x-gitlab-token", value)]);
            assert_eq!(verifier.verify(&bad, BODY, NOW).unwrap_err(), VerifyError::Signature);
        }
    }

    #[test]
    fn github_signs_the_body() {
        // The example of GitHub's documentation.
        let verifier = verifier(ForgeKind::GitHub, shared("It's a Secret to Everybody"));
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let good = headers(&[
            ("x-hub-signature-256", signature),
            ("x-github-delivery", "72d3162e-cc78-11e3"),
        ]);
        let verified = verifier.verify(&good, b"Hello, World!", NOW).unwrap();
        assert_eq!(verified.delivery(), "72d3162e-cc78-11e3");
        assert!(verifier.verify(&good, b"Hello, World?", NOW).is_err());
        for value in [
            &signature[7..],
            "sha256=",
            "sha1=7571",
            &format!("{signature}00"),
            &signature.replace('7', "g"),
        ] {
            let bad = headers(&[("x-hub-signature-256", value)]);
            assert!(verifier.verify(&bad, b"Hello, World!", NOW).is_err(), "{value}");
        }
    }

    #[test]
    fn gitea_and_forgejo_sign_the_body() {
        // Made with `openssl dgst -sha256 -hmac`.
        let signature = "954830d265c8ab25be5af51ab33ac13c360acf6a386fae897cb984b6b911fda6";
        let secret = shared("gitea-secret-0123456789");
        let gitea = headers(&[("x-gitea-signature", signature), ("x-gitea-delivery", "d-1")]);
        let forgejo = headers(&[
            ("x-forgejo-signature", signature),
            ("x-forgejo-delivery", "d-2"),
            ("x-gitea-delivery", "d-1"),
        ]);
        let verified = verifier(ForgeKind::Gitea, secret.clone());
        assert_eq!(verified.verify(&gitea, BODY, NOW).unwrap().delivery(), "d-1");
        assert!(verified.verify(&forgejo, BODY, NOW).is_err());
        let verified = verifier(ForgeKind::Forgejo, secret);
        assert_eq!(verified.verify(&forgejo, BODY, NOW).unwrap().delivery(), "d-2");
        assert_eq!(verified.verify(&gitea, BODY, NOW).unwrap().delivery(), "d-1");
    }

    #[test]
    fn gitlab_signs_by_standard_webhooks() {
        // The example of the specification.
        let body = br#"{"test": 2432232314}"#;
        let verifier = verifier(ForgeKind::GitLab, signing());
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let with = |id: &str, at: &str, signature: &str| {
            headers(&[
                ("webhook-id", id),
                ("webhook-timestamp", at),
                ("webhook-signature", signature),
            ])
        };
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let verified = verifier.verify(&with(id, "1614265330", good), body, NOW).unwrap();
        assert_eq!(verified.delivery(), id);
        // Of several, one is enough, whatever the others are.
        for list in [
            format!("v1,AAAA {good}"),
            format!("{good} v2,x"),
            format!("v1a,{good} {good}"),
            format!("  {good}"),
        ] {
            assert!(
                verifier.verify(&with(id, "1614265330", &list), body, NOW).is_ok(),
                "{list}"
            );
        }
        for (id, at, signature) in [
            ("msg_other", "1614265330", good),
            (id, "1614265331", good),
            (id, "1614265330", "v1,"),
            (id, "1614265330", &good[3..]),
            (id, "1614265330", &good.replace("v1", "v2")),
            (id, "1614265330", &good.to_lowercase()),
            (id, "x", good),
        ] {
            assert!(
                verifier.verify(&with(id, at, signature), body, NOW).is_err(),
                "{id} {at} {signature}"
            );
        }
        assert!(verifier.verify(&with(id, "1614265330", good), b"{}", NOW).is_err());
    }

    #[test]
    fn a_signed_delivery_is_good_for_five_minutes() {
        let verifier = verifier(ForgeKind::GitLab, signing());
        let headers = sign(ForgeKind::GitLab, &signing(), "d-1", NOW, BODY);
        for seconds in [-300, 0, 300] {
            assert!(verifier.verify(&headers, BODY, NOW.plus_seconds(seconds)).is_ok());
        }
        for seconds in [-301, 301, i64::MAX / 1_000_000] {
            let error = verifier.verify(&headers, BODY, NOW.plus_seconds(seconds)).unwrap_err();
            assert!(matches!(error, VerifyError::Time(_)), "{error}");
        }
        let far = [
            ("webhook-id", "d"),
            ("webhook-timestamp", "-9223372036854775808"),
            ("webhook-signature", "v1,AAAA"),
        ];
        assert!(matches!(
            verifier.verify(&super::headers(&far), BODY, NOW),
            Err(VerifyError::Time(_))
        ));
    }

    #[test]
    fn a_webhook_with_a_signing_token_takes_no_plain_token() {
        let token = headers(&[("x-gitlab-token", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
        let error = verifier(ForgeKind::GitLab, signing())
            .verify(&token, BODY, NOW)
            .unwrap_err();
        assert!(matches!(error, VerifyError::Header(_)), "{error}");
    }

    #[test]
    fn no_secret_verifies_nothing() {
        for text in [
            "",
            " ",
            "short",
            "fifteen-bytes-1",
            "two\nlines-of-secret",
            "späte-geheimnisse",
            " spaces-at-its-ends ",
        ] {
            assert!(HookSecret::shared(text.to_owned()).is_err(), "{text:?}");
        }
        for token in [
            "",
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
        ] {
            assert!(HookSecret::signing(token).is_err(), "{token:?}");
        }
        assert!(HookSecret::signing(HookSecret::signing_token([7; 32]).expose()).is_ok());
        let secret = || shared("a-secret-of-enough-bytes");
        for secrets in [vec![], vec![secret(), signing()], vec![secret(); 5]] {
            assert_eq!(
                Verifier::new(ForgeKind::GitLab, secrets).unwrap_err(),
                SecretError::Number
            );
        }
        assert!(Verifier::new(ForgeKind::GitHub, vec![signing()]).is_err());
    }

    #[test]
    fn a_header_that_is_missing_empty_or_there_twice_is_refused() {
        for kind in KINDS {
            let verifier = verifier(kind, shared("a-secret-of-enough-bytes"));
            let error = verifier.verify(&HeaderMap::new(), BODY, NOW).unwrap_err();
            assert!(matches!(error, VerifyError::Header(_)), "{kind}: {error}");
            let good = sign(kind, &shared("a-secret-of-enough-bytes"), "d", NOW, BODY);
            let proof = good
                .iter()
                .find(|(name, _)| name.as_str().ends_with("token") || name.as_str().contains("signature"));
            let (name, value) = proof.map(|(name, value)| (name.clone(), value.clone())).unwrap();
            let mut twice = good.clone();
            twice.append(name.clone(), value);
            assert!(verifier.verify(&twice, BODY, NOW).is_err(), "{kind}");
            let mut empty = good;
            empty.insert(name, HeaderValue::from_static(""));
            assert!(verifier.verify(&empty, BODY, NOW).is_err(), "{kind}");
        }
    }

    #[test]
    fn two_secrets_are_good_while_one_is_changed() {
        let (old, new, other) = (
            shared("the-old-secret-0001"),
            shared("the-new-secret-0002"),
            shared("another-secret-0003"),
        );
        for kind in KINDS {
            let verifier = Verifier::new(kind, vec![new.clone(), old.clone()]).unwrap();
            for (secret, good) in [(&old, true), (&new, true), (&other, false)] {
                let headers = sign(kind, secret, "d", NOW, BODY);
                assert_eq!(verifier.verify(&headers, BODY, NOW).is_ok(), good, "{kind}");
            }
        }
    }

    #[test]
    fn a_delivery_without_a_sound_id_is_known_by_its_digest() {
        let verifier = verifier(ForgeKind::GitHub, shared("a-secret-of-enough-bytes"));
        let mut headers = sign(ForgeKind::GitHub, &shared("a-secret-of-enough-bytes"), "d", NOW, BODY);
        for id in ["", "with space", &"x".repeat(129)] {
            headers.insert("x-github-delivery", HeaderValue::from_str(id).unwrap());
            let verified = verifier.verify(&headers, BODY, NOW).unwrap();
            assert_eq!(verified.delivery(), format!("sha256-{}", verified.digest()), "{id}");
        }
        let long = vec![b' '; LONGEST_BODY + 1];
        assert_eq!(verifier.verify(&headers, &long, NOW).unwrap_err(), VerifyError::TooLong);
    }

    #[test]
    fn nothing_prints_a_secret_or_a_body() {
        let secret = shared("canary-secret-000001");
        let verifier = verifier(ForgeKind::GitLab, secret.clone());
        let headers = sign(ForgeKind::GitLab, &secret, "d", NOW, b"canary body");
        let verified = verifier.verify(&headers, b"canary body", NOW).unwrap();
        assert!(!format!("{secret:?} {verifier:?} {verified:?}").contains("canary"));
        assert!(!format!("{:?}", HookSecret::signing_token([7; 32])).contains("whsec"));
    }

    proptest! {
        /// One changed bit of the body, or another secret, is noticed by every scheme that signs.
        #[test]
        fn every_byte_is_signed(body in prop::collection::vec(any::<u8>(), 1..64), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut other = body.clone();
            let at = at.index(body.len());
            other[at] ^= 1 << bit;
            for kind in KINDS {
                let secret = if kind == ForgeKind::GitLab { signing() } else { shared("a-secret-of-enough-bytes") };
                let verifier = verifier(kind, secret.clone());
                let headers = sign(kind, &secret, "d", NOW, &body);
                prop_assert!(verifier.verify(&headers, &body, NOW).is_ok());
                prop_assert_eq!(verifier.verify(&headers, &other, NOW).unwrap_err(), VerifyError::Signature);
            }
        }

        /// Whatever stands in the headers, nothing panics and nothing is taken for signed.
        #[test]
        fn any_header_is_borne(name in "[a-z-]{1,20}", value in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut headers = sign(ForgeKind::GitLab, &signing(), "d", NOW, BODY);
            for signed in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.insert(signed, value);
                }
            }
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
                headers.insert(name, value);
            }
            let text = STANDARD.encode(&value);
            headers.insert("webhook-signature", HeaderValue::from_str(&format!("v1,{text}")).unwrap());
            prop_assert!(verifier(ForgeKind::GitLab, signing()).verify(&headers, BODY, NOW).is_err());
        }
    }
}

mod payloads {
    use super::*;

    macro_rules! payload {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/payloads/", $name, ".json"))
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
            assert_eq!(super::gitlab::is_bot(name), bot, "{name}");
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
}
