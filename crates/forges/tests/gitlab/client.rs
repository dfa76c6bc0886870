//! What requests are held to: one address, one token, limits, repeats and pages.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use bailey_core::{Secret, Timestamp};
use bailey_forges::{ApiOptions, BaseUrl, Cause, Fault as Whose, Forge, GitLab};
use bailey_runtime::Clock;
use bailey_runtime::http::{ClientOptions, client};

use crate::fake::{self, Fake, Fault, issue, note};
use crate::support::{TOKEN, gitlab, gitlab_with, options, project};

fn refusal(status: u16, body: &str) -> Fault {
    Fault::Answer(status, vec![], body.to_owned())
}

async fn ticket_error(fake: &Fake, fault: Fault) -> bailey_forges::ForgeError {
    fake.state().fail("GET ", 1, fault);
    gitlab(fake).ticket(&project(), 23).await.unwrap_err()
}

#[tokio::test]
async fn the_token_goes_in_a_header_to_the_forge_alone() {
    let fake = Fake::start().await;
    let (url, elsewhere, _accepting) = fake::elsewhere().await;
    for status in [301, 302, 303, 307, 308] {
        let headers = vec![("location", format!("{url}/steal"))];
        let error = ticket_error(&fake, Fault::Answer(status, headers, String::new())).await;
        assert!(matches!(error.cause, Cause::Moved), "{error}");
    }
    assert!(elsewhere.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    let state = fake.state();
    assert!(
        state
            .seen
            .iter()
            .all(|seen| seen.authorization.as_deref() == Some(&format!("Bearer {TOKEN}")))
    );
    assert!(state.seen.iter().all(|seen| !seen.path.contains("canary")));
}

#[tokio::test]
async fn pages_are_read_from_the_forge_whatever_its_links_say() {
    let fake = Fake::start().await;
    let (url, elsewhere, _accepting) = fake::elsewhere().await;
    for id in 1..=250 {
        fake.state().notes.push(note(id, 51, "x"));
    }
    // The forge knows itself by another name.
    fake.state().link_base = format!("{url}/git");
    assert_eq!(gitlab(&fake).comments(&project(), 23, 100).await.unwrap().len(), 100);
    fake.state()
        .notes
        .iter_mut()
        .for_each(|note| note["system"] = serde_json::json!(true));
    assert_eq!(gitlab(&fake).comments(&project(), 23, 100).await.unwrap(), []);
    assert_eq!(fake.state().count("page=3"), 1);
    assert!(elsewhere.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    // A link out of the API is not followed.
    fake.state().link_base = format!("{url}/other");
    let error = gitlab(&fake).comments(&project(), 23, 100).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Link), "{error}");
}

#[tokio::test]
async fn endless_pages_end() {
    let fake = Fake::start().await;
    for id in 1..=450 {
        fake.state().notes.push(note(id, 51, "x"));
    }
    fake.state()
        .notes
        .iter_mut()
        .for_each(|note| note["system"] = serde_json::json!(true));
    let forge = gitlab_with(&fake, TOKEN, ApiOptions { pages: 3, ..options() });
    let error = forge.comments(&project(), 23, 10).await.unwrap_err();
    assert!(matches!(error.cause, Cause::TooManyPages(3)), "{error}");
    assert_eq!(fake.state().count("/notes"), 3);
}

#[tokio::test]
async fn reads_are_tried_again() {
    let fake = Fake::start().await;
    fake.state().issues.push(issue(23, "2026-11-25T09:05:00Z"));
    for fault in [refusal(502, ""), refusal(500, "{}"), Fault::Lost] {
        fake.state().fail("GET ", 2, fault);
        assert!(gitlab(&fake).ticket(&project(), 23).await.unwrap().is_some());
    }
    assert_eq!(fake.state().count("GET "), 9);
    fake.state().fail("GET ", 100, refusal(503, ""));
    let error = gitlab(&fake).ticket(&project(), 23).await.unwrap_err();
    assert!(
        matches!(error.cause, Cause::Unavailable(503)) && error.may_pass() && error.fault() == Whose::Upstream,
        "{error}"
    );
    assert_eq!(fake.state().count("GET "), 13);
}

#[tokio::test]
async fn what_may_have_had_an_effect_is_not_sent_again() {
    for fault in [refusal(502, ""), refusal(500, ""), refusal(504, ""), Fault::Lost] {
        let fake = Fake::start().await;
        fake.state().fail("POST ", 1, fault);
        let error = gitlab(&fake).comment_create(&project(), 23, "x").await.unwrap_err();
        assert!(matches!(error.cause, Cause::Unknown(_)), "{error}");
        assert_eq!(fake.state().count("POST "), 1);
    }
    // One that the forge has put off has had none.
    for status in [429, 503] {
        let fake = Fake::start().await;
        fake.state().fail(
            "POST ",
            1,
            Fault::Answer(status, vec![("retry-after", "0".to_owned())], String::new()),
        );
        gitlab(&fake).comment_create(&project(), 23, "x").await.unwrap();
        let state = fake.state();
        assert_eq!((state.count("POST "), state.notes.len()), (2, 1));
        drop(state);
    }
}

#[tokio::test]
async fn the_forge_sets_the_pace() {
    let fake = Fake::start().await;
    fake.state().issues.push(issue(23, "2026-11-25T09:05:00Z"));
    fake.state().fail(
        "GET ",
        1,
        Fault::Answer(429, vec![("retry-after", "1".to_owned())], String::new()),
    );
    let begun = Instant::now();
    assert!(gitlab(&fake).ticket(&project(), 23).await.unwrap().is_some());
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // Longer than anybody waits here: told at once, with the time.
    let reset = Timestamp::parse("2026-11-26T00:10:00Z").unwrap().seconds().to_string();
    for (status, headers) in [
        (429, vec![("retry-after", "600".to_owned())]),
        (
            429,
            vec![
                ("ratelimit-remaining", "0".to_owned()),
                ("ratelimit-reset", reset.clone()),
            ],
        ),
        (
            403,
            vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)],
        ),
    ] {
        let begun = Instant::now();
        let error = ticket_error(&fake, Fault::Answer(status, headers, String::new())).await;
        assert_eq!(error.retry_after(), Some(Duration::from_mins(10)), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5) && error.may_pass());
    }
}

#[tokio::test]
async fn refusals_say_whose_fault_it_is_and_what_to_do() {
    let fake = Fake::start().await;
    let scope =
        r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges","scope":"api"}"#;
    for (fault, whose, part) in [
        (
            refusal(401, r#"{"message":"401 Unauthorized"}"#),
            Whose::Caller,
            "make a new one",
        ),
        (refusal(403, scope), Whose::Policy, "with the scope `api`"),
        (
            refusal(403, r#"{"message":"403 Forbidden"}"#),
            Whose::Policy,
            "(403 Forbidden); give that user a higher role",
        ),
        (refusal(409, r#"{"message":["taken"]}"#), Whose::Caller, "taken"),
        (
            refusal(400, r#"{"message":{"title":["can't be blank"]}}"#),
            Whose::Caller,
            "can't be blank",
        ),
        (refusal(422, "<html>"), Whose::Caller, "status 422"),
        (
            refusal(200, "<html>sign in</html>"),
            Whose::Upstream,
            "is this the address of a GitLab?",
        ),
        (refusal(200, r#"{"iid":"x"}"#), Whose::Upstream, "documented shape"),
    ] {
        let error = ticket_error(&fake, fault).await;
        assert_eq!(error.fault(), whose, "{error}");
        assert!(
            error.to_string().starts_with("cannot read the ticket: ") && error.to_string().contains(part),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_the_forge_says_is_short_and_without_the_token() {
    let fake = Fake::start().await;
    let body = serde_json::json!({ "message": format!("no {TOKEN}\n\u{1b}[31m{}", "x".repeat(5_000)) });
    let error = ticket_error(&fake, refusal(400, &body.to_string())).await;
    let shown = format!("{error} {error:?} {:?}", gitlab(&fake));
    assert!(
        !shown.contains("canary") && !shown.contains('\n') && !shown.contains('\u{1b}'),
        "{shown}"
    );
    assert!(error.to_string().len() < 500 && error.to_string().contains("no [redacted]"));
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() {
    let fake = Fake::start().await;
    let forge = gitlab_with(
        &fake,
        TOKEN,
        ApiOptions {
            longest: 64 * 1024,
            ..options()
        },
    );
    fake.state().fail("GET ", 1, refusal(200, &"x".repeat(64 * 1024 + 1)));
    let error = forge.ticket(&project(), 23).await.unwrap_err();
    assert!(matches!(error.cause, Cause::TooLong(65_536)), "{error}");
    assert_eq!(fake.state().count("GET "), 1);

    let hasty = ApiOptions {
        attempt: Duration::from_millis(200),
        attempts: 2,
        ..options()
    };
    let forge = gitlab_with(&fake, TOKEN, hasty);
    fake.state().fail("GET ", 5, Fault::Stall);
    fake.state().fail("POST ", 5, Fault::Stall);
    let error = forge.ticket(&project(), 23).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Timeout(_)), "{error}");
    let error = forge.comment_create(&project(), 23, "x").await.unwrap_err();
    assert!(matches!(error.cause, Cause::Unknown(_)), "{error}");
    let state = fake.state();
    assert_eq!((state.count("GET "), state.count("POST ")), (3, 1));
    drop(state);
}

#[tokio::test]
async fn a_forge_that_is_not_there_is_told_as_such() {
    let base = BaseUrl::parse("http://127.0.0.1:9").unwrap();
    let made = |token: &str| {
        let (clock, _) = Clock::manual(Timestamp::from_seconds(0));
        let options = ApiOptions {
            attempts: 2,
            ..options()
        };
        GitLab::new(
            client(&ClientOptions::default()).unwrap(),
            base.clone(),
            &Secret::new(token.to_owned()),
            clock,
            options,
        )
    };
    let error = made("x")
        .unwrap()
        .comment_create(&project(), 23, "x")
        .await
        .unwrap_err();
    assert!(matches!(error.cause, Cause::Unreachable(_)), "{error}");
    for token in ["", "a b", "a\nb", "ä", &"x".repeat(4_097)] {
        assert!(made(token).is_err(), "{token}");
    }
}
