//! Who may start runs, whom a forge may vouch for, and forges that do not answer.

use std::time::{Duration, Instant};

use bailey_core::ConnectionId;
use bailey_core::authz::Role;
use bailey_runtime::{Clock, Tasks};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::harness::test_with_models;
use crate::tickets_world::{CONNECTIONS, LABEL, PATIENCE, PROJECT, world};

/// A reporter's label waits for nobody's assignment: what starts a run is asked of who put the label on.
#[test]
fn a_label_of_somebody_who_may_not_push_starts_nothing() {
    world(async |world| {
        world.link().await;
        world.forge.ticket_assign("mia", PROJECT, 1, &[]).unwrap();
        world.label("ria", &[LABEL], &[]);
        world.work().await;
        world.forge.ticket_assign("mia", PROJECT, 1, &["dan"]).unwrap();
        world.work().await;
        world.app.app.tickets_poll().await.unwrap();
        world.work().await;
        assert_eq!(world.runs().await, Vec::<Value>::new());
        let refused = world.audit("tickets.no_op").await;
        assert!(
            refused.iter().any(|row| row.to_string().contains("sender_may_not")),
            "{refused:#?}"
        );
        // Each time that somebody asks it is recorded, and told once.
        let count = refused.len();
        world.label("ria", &[], &[LABEL]);
        world.label("ria", &[LABEL], &[]);
        world.work().await;
        assert!(world.audit("tickets.no_op").await.len() > count);
        assert_eq!(world.comments().await.len(), 1);
    });
}

/// Who sets up a connection may be somebody who says of no one who they are.
#[test]
fn a_forge_vouches_for_people_only_where_somebody_lets_it_who_may() {
    let provider = "[[sign_in.providers]]\nname = \"corp\"\nkind = \"oidc\"\nissuer = \"https://id.example\"\nclient_id = \"c\"\nclient_secret = \"s\"\n";
    test_with_models(provider, async |app| {
        let (owner, admin) = (app.owner().await, app.person("tim", Role::TemplateAdmin).await);
        let body = json!({
            "name": "lab", "kind": "gitlab", "base_url": "https://gitlab.example.com", "projects": ["g/p"], "token": "t",
            "identity_providers": {"openid_connect": "corp"},
        });
        let (code, parts) = admin.post(CONNECTIONS, body.clone()).await.problem();
        assert_eq!(
            (code.as_str(), parts),
            ("invalid_fields", vec!["/identity_providers".to_owned()])
        );
        owner.post(CONNECTIONS, body).await.ok(201);
        let path = format!("{CONNECTIONS}/lab");
        admin.patch(&path, json!({"default_model": "m"})).await.ok(200);
        let more = json!({"identity_providers": {"openid_connect": "corp", "saml": "corp"}});
        assert_eq!(admin.patch(&path, more).await.code(), "invalid_fields");
        admin.patch(&path, json!({"identity_providers": {}})).await.ok(200);
    });
}

/// A forge that takes connections and never answers.
#[test]
fn a_forge_that_hangs_holds_up_no_other() {
    world(async |world| {
        world.link().await;
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", silent.local_addr().unwrap());
        let made = json!({
            "name": "silent", "kind": "gitlab", "base_url": address, "projects": ["g/p"], "token": "t", "template": "plain",
        });
        let made = world.owner.post(CONNECTIONS, made).await.ok(201);
        let id: ConnectionId = made["id"].as_str().unwrap().parse().unwrap();
        let event = json!({
            "delivery": "d", "project": {"id": 1, "path": "g/p"}, "sender": {"id": 1, "name": "x", "bot": false},
            "what": {"kind": "comment", "number": 1, "id": 1, "body": "b", "edited": false, "confidential": false},
        });
        for n in 0..100 {
            let what = (format!("d{n}"), "Note Hook");
            let store = &world.app.store;
            assert!(
                store
                    .delivery_insert(id, (&what.0, what.1), &event.to_string(), world.now())
                    .await
                    .unwrap()
            );
        }
        let (stop, tasks) = (CancellationToken::new(), Tasks::new());
        let worker = tasks.spawn(world.app.app.clone().work_on_tickets(stop.clone()));
        let began = Instant::now();
        world.label("mia", &[LABEL], &[]);
        loop {
            world.app.clock.set(Clock::system().now());
            let runs = world.runs().await;
            if runs.first().is_some_and(|run| run["state"] == "ready") {
                break;
            }
            assert!(began.elapsed() < PATIENCE / 2, "{runs:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.cancel();
        worker.await.unwrap();
    });
}
