//! The audit log: what is recorded, and what happens when it cannot be.

use bailey_core::audit::{Outcome, RowKind};
use bailey_core::authz::Role;
use http::StatusCode;
use serde_json::json;

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
