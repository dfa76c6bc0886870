//! The audit log: what is recorded, and what happens when it cannot be.

use bailey_core::audit::{Line, Outcome, RowKind, Verifier};
use bailey_core::authz::Role;
use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{TestApp, test};

impl TestApp {
    /// The rows of the chain, oldest first, as `kind action outcome`.
    async fn rows(&self) -> Vec<String> {
        self.audit.flush().await.unwrap();
        let rows = self.store.audit_slice(self.audit.writer(), 0, 1_000).await.unwrap();
        rows.iter()
            .map(|found| {
                let row = &found.row;
                let outcome = row.outcome.map_or("", Outcome::as_str);
                format!("{} {} {outcome}", row.kind, row.action).trim_end().to_owned()
            })
            .collect()
    }
}

#[test]
fn a_change_is_recorded_before_and_after() {
    test(async |app| {
        let owner = app.owner().await;
        let made = owner.post("/api/v1/groups", json!({ "name": "infra" })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let again = owner.post("/api/v1/groups", json!({ "name": "infra" })).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        let member = app.person("mia", Role::Member).await;
        assert_eq!(member.post("/api/v1/groups", json!({ "name": "x" })).await.status, 403);
        assert_eq!(
            app.nobody().post("/api/v1/groups", json!({ "name": "x" })).await.status,
            401
        );
        assert_eq!(
            app.rows().await,
            [
                "intent groups.create",
                "outcome groups.create done",
                "intent groups.create",
                "outcome groups.create failed",
                "event groups.write denied",
            ]
        );
        let rows = app.store.audit_slice(app.audit.writer(), 0, 10).await.unwrap();
        let (first, second) = (&rows[0], &rows[1]);
        assert_eq!(first.row.kind, RowKind::Intent);
        assert_eq!(second.row.refers, Some(1));
        assert_eq!(first.row.actor.person.unwrap().to_string(), owner.id);
        assert_eq!(
            first.row.causal.as_deref(),
            made.headers["x-bailey-request-id"].to_str().ok()
        );
        let content = first.content.as_ref().unwrap();
        assert_eq!(content.address.as_deref(), Some("192.0.2.1"));
        assert_eq!(content.after.as_ref().unwrap()["name"], "infra");
        assert_eq!(rows[3].row.code.as_deref(), Some("name_taken"));
    });
}

#[test]
fn an_auditor_reads_and_verifies_the_log_and_a_member_does_not() {
    test(async |app| {
        let owner = app.owner().await;
        for name in ["a", "b", "c"] {
            let made = owner.post("/api/v1/groups", json!({ "name": name })).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        }
        let auditor = app.person("ann", Role::Auditor).await;
        let member = app.person("mia", Role::Member).await;
        assert_eq!(member.get("/api/v1/audit").await.status, 403);
        app.audit.flush().await;
        let page = auditor.get("/api/v1/audit?action=groups.create&limit=2").await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), 2);
        let entry = &page["items"][0];
        assert_eq!(
            (&entry["outcome"], &entry["resource"]["name"]),
            (&json!("done"), &json!("c"))
        );
        assert_eq!(entry["actor"]["person"]["name"], "owner");
        let next = page["next_cursor"].as_str().unwrap();
        let rest = auditor
            .get(&format!("/api/v1/audit?action=groups.create&cursor={next}"))
            .await
            .json();
        assert_eq!(rest["items"][0]["resource"]["name"], "a");
        let one = auditor
            .get(&format!("/api/v1/audit/{}", entry["id"].as_str().unwrap()))
            .await
            .json();
        assert_eq!(&one, entry);
        let denied = auditor.get("/api/v1/audit?outcome=denied").await.json();
        assert_eq!(denied["items"][0]["action"], "audit.read");
        assert_eq!(denied["items"][0]["actor"]["person"]["name"], "mia");

        app.anchors.make().await.unwrap().unwrap();
        let report = auditor.post("/api/v1/audit/verify", Value::Null).await.json();
        assert_eq!(report["sound"], true, "{report}");
        assert!(report["reached"]["seq"].as_u64().unwrap() >= 6, "{report}");
        let anchors = auditor.get("/api/v1/audit/anchors").await.json();
        assert_eq!(anchors["items"][0]["kind"], "regular");

        let csv = auditor
            .get("/api/v1/audit/export?format=csv&action=groups.create")
            .await;
        assert_eq!(csv.text.lines().count(), 4, "{}", csv.text);
        let whole = auditor.get("/api/v1/audit/export").await;
        let lines: Vec<Line> = whole.text.lines().map(|line| Line::parse(line).unwrap()).collect();
        let known = lines.iter().filter_map(|line| match line {
            Line::Anchor(anchor) => Some(anchor.clone()),
            _ => None,
        });
        let mut verifier = Verifier::new(known.collect(), bailey_server::audit::is_signed);
        for line in &lines {
            match line {
                Line::Row(row) => verifier.row(&row.0, row.1.as_ref()),
                Line::End(head) => verifier.end(head),
                Line::Anchor(_) => {}
            }
        }
        let report = verifier.finish();
        assert_eq!(report.first_fault, None);
        assert!(report.reached.is_some());
    });
}

#[test]
fn nothing_secret_is_in_the_log() {
    test(async |app| {
        let owner = app.owner().await;
        let mut secrets = vec![owner.token.clone()];
        let token = owner.post("/api/v1/tokens", json!({ "name": "ci" })).await.json();
        let key = owner.post("/api/v1/keys", json!({ "name": "k" })).await.json();
        let invited = owner.post("/api/v1/invitations", json!({ "name": "bob" })).await.json();
        for secret in [&token["token"], &key["key"], &invited["link"]] {
            secrets.push(secret.as_str().unwrap().to_owned());
        }
        let browser = app.browser();
        let link = invited["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
        let accepted = browser
            .post(
                "/api/v1/invitations/accept",
                json!({ "token": link, "password": "canary correct horse" }),
            )
            .await;
        assert_eq!(accepted.status, 200, "{}", accepted.text);
        let refused = browser
            .post(
                "/api/v1/sign-in/password",
                json!({ "name": "canary-typed-here", "password": "canary wrong horse" }),
            )
            .await;
        assert_eq!(refused.status, 401);
        secrets.extend([link, "canary".to_owned()]);
        app.audit.flush().await;
        let rows = app.store.audit_slice(app.audit.writer(), 0, 1_000).await.unwrap();
        assert!(rows.len() >= 10);
        let log = format!("{rows:?}");
        for secret in secrets {
            assert!(!log.contains(&secret), "{secret}");
        }
        let actions: Vec<&str> = rows.iter().map(|r| r.row.action.as_str()).collect();
        for action in [
            "tokens.create",
            "keys.create",
            "invitations.create",
            "invitations.accept",
            "sign_in",
            "sign_in.password",
        ] {
            assert!(actions.contains(&action), "{action}: {actions:?}");
        }
    });
}

#[test]
fn without_a_log_nothing_is_changed_and_it_recovers_by_itself() {
    test(async |app| {
        let owner = app.owner().await;
        app.db
            .run("CREATE TRIGGER full BEFORE INSERT ON audit_rows BEGIN SELECT RAISE(ABORT, 'disk full'); END")
            .await
            .unwrap();
        let refused = owner.post("/api/v1/groups", json!({ "name": "infra" })).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["code"].clone()),
            (503, json!("audit_unavailable"))
        );
        assert_eq!(
            owner.get("/api/v1/groups/infra").await.status,
            404,
            "reading goes on, and nothing was made"
        );
        let ready = owner.get("/readyz").await;
        assert_eq!(ready.status, 503);
        assert!(ready.text.contains("audit log"), "{}", ready.text);
        app.db.run("DROP TRIGGER full").await.unwrap();
        let made = owner.post("/api/v1/groups", json!({ "name": "infra" })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        assert!(!owner.get("/readyz").await.text.contains("audit log"));
    });
}

#[test]
fn what_has_no_outcome_when_a_server_ends_gets_unknown_from_the_next_one() {
    test(async |app| {
        let owner = app.owner().await;
        owner.post("/api/v1/groups", json!({ "name": "a" })).await;
        app.audit.flush().await.unwrap();
        // As if the server had ended before the outcome was written.
        app.db
            .run("DELETE FROM audit_rows WHERE kind = 'outcome'")
            .await
            .unwrap();
        app.db
            .run("UPDATE audit_writers SET seq = 1, hash = (SELECT hash FROM audit_rows WHERE seq = 1)")
            .await
            .unwrap();
        app.db.run("DELETE FROM audit_contents WHERE seq = 2").await.unwrap();
        app.db
            .run("INSERT INTO audit_open SELECT writer, seq, began_at FROM audit_rows")
            .await
            .unwrap();
        let next = app.audit_of_the_next_server().await;
        assert_eq!(next.writer(), app.audit.writer());
        let rows = app.store.audit_slice(next.writer(), 0, 10).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[1].row.outcome, rows[1].row.refers),
            (Some(Outcome::Unknown), Some(1))
        );
        assert_eq!(rows[1].row.action, "groups.create");
        let entry = app.store.audit_entry(app.audit.writer(), 1).await.unwrap().unwrap();
        assert_eq!(entry.tail.unwrap().outcome, Outcome::Unknown);
    });
}

#[test]
fn anchors_that_are_gone_from_the_database_are_missed() {
    test(async |app| {
        let owner = app.owner().await;
        owner.post("/api/v1/groups", json!({ "name": "a" })).await.ok(201);
        app.anchors.make().await.unwrap().unwrap();
        owner.post("/api/v1/groups", json!({ "name": "b" })).await.ok(201);
        let second = app.anchors.make().await.unwrap().unwrap();
        // Who has the database alone takes the anchor away, so as to write anew what it proves.
        app.db.run("DELETE FROM audit_anchors WHERE number = 2").await.unwrap();
        let report = owner.post("/api/v1/audit/verify", Value::Null).await.json();
        assert_eq!(report["reached"]["seq"], second.heads[0].seq, "{report}");
        let error = app.anchors.make().await.unwrap_err();
        assert!(error.to_string().contains("audit_anchors"), "{error}");
    });
}

#[test]
fn what_is_older_than_it_is_kept_is_pruned_behind_an_anchor() {
    test(async |app| {
        let owner = app.owner().await;
        owner.post("/api/v1/groups", json!({ "name": "a" })).await;
        app.anchors.make().await.unwrap().unwrap();
        assert_eq!(app.anchors.prune().await.unwrap(), 0, "nothing is old");
        app.clock.advance(401 * 86_400);
        owner.post("/api/v1/groups", json!({ "name": "b" })).await;
        assert_eq!(app.anchors.prune().await.unwrap(), 2);
        assert_eq!(app.anchors.prune().await.unwrap(), 0, "once");
        app.anchors.make().await.unwrap();
        let report = owner.post("/api/v1/audit/verify", Value::Null).await.json();
        assert_eq!(report["sound"], true, "{report}");
        let listed = owner.get("/api/v1/audit?action=groups.create").await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        let pruned = owner.get("/api/v1/audit?action=audit.prune").await.json();
        assert_eq!(pruned["items"][0]["actor"]["kind"], "system");
    });
}

#[test]
fn many_changes_at_once_share_transactions_and_stay_in_order() {
    test(async |app| {
        let owner = app.owner().await;
        let (tasks, mut all) = (bailey_runtime::Tasks::new(), Vec::new());
        for n in 0..40 {
            let owner = owner.clone();
            all.push(tasks.spawn(async move {
                owner
                    .post("/api/v1/groups", json!({ "name": format!("g{n}") }))
                    .await
                    .status
            }));
        }
        for one in all {
            assert_eq!(one.await.unwrap(), StatusCode::CREATED);
        }
        let report = owner.post("/api/v1/audit/verify", Value::Null).await.json();
        assert_eq!(
            (&report["sound"], report["rows"].as_u64().unwrap() >= 80),
            (&json!(true), true),
            "{report}"
        );
    });
}
