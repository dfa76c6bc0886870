//! Errors are problem documents, whoever notices them.

use axum::body::Body;
use bailey_api::Code;
use http::{Method, Request};
use serde_json::json;

use crate::harness::test;

#[test]
fn what_no_route_takes_is_a_problem_too() {
    test(async |app| {
        let nobody = app.nobody();
        assert_eq!(nobody.get("/api/v1/nothing").await.code(), "no_such_route");
        let reply = nobody.delete("/api/v1/me").await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (405, "method_not_allowed")
        );
        assert!(reply.headers["allow"].to_str().unwrap().contains("GET"));
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    });
}

#[test]
fn a_bad_body_is_refused_with_the_field_named() {
    test(async |app| {
        let owner = app.owner().await;
        let send = async |content_type: &str, body: Vec<u8>| {
            let request = Request::builder().method(Method::POST).uri("/api/v1/keys");
            let request = request
                .header("content-type", content_type)
                .body(Body::from(body))
                .unwrap();
            owner.send(request).await
        };
        assert_eq!(
            send("text/plain", b"{}".to_vec()).await.code(),
            "unsupported_media_type"
        );
        assert_eq!(
            send("application/json", b"{\"name\": ".to_vec()).await.code(),
            "malformed_json"
        );
        assert_eq!(send("application/json", vec![0xff; 10]).await.code(), "malformed_json");
        assert_eq!(
            send("application/json", vec![b' '; 1024 * 1024 + 1]).await.code(),
            "body_too_large"
        );
        let named = send(
            "application/json; charset=utf-8",
            br#"{"name": "k", "nmae": 1}"#.to_vec(),
        )
        .await;
        assert_eq!(named.problem(), ("invalid_fields".into(), vec!["/nmae".into()]));
        assert_eq!(named.status, 422);
        let several = owner
            .post("/api/v1/keys", json!({"name": "", "rpm": 0, "metadata": {"": "x"}}))
            .await;
        assert_eq!(several.problem().1, ["/name", "/metadata", "/rpm"], "all at once");
    });
}

#[test]
fn amounts_and_durations_that_mean_nothing_are_refused() {
    test(async |app| {
        let owner = app.owner().await;
        for (body, pointer) in [
            (json!({"name": "k", "budget": "NaN/day"}), "/budget"),
            (json!({"name": "k", "budget": "-1/day"}), "/budget"),
            (json!({"name": "k", "budget": "9223372037/day"}), "/budget"),
            (json!({"name": "k", "budget": "0.0000000001/day"}), "/budget"),
            (json!({"name": "k", "budget": "5/fortnight"}), "/budget"),
            (
                json!({"name": "k", "budget": {"limit": 0.5, "period": "day"}}),
                "/budget/limit",
            ),
            (
                json!({"name": "k", "budget": {"limit": -1, "period": "day"}}),
                "/budget/limit",
            ),
            (json!({"name": "k", "budget": ["5/day", "6/day"]}), "/budget"),
            (json!({"name": "k", "expires_in": "30y"}), "/expires_in"),
            (json!({"name": "k", "expires_in": "0s"}), "/expires_in"),
            (
                json!({"name": "k", "expires_at": "2020-01-01T00:00:00Z"}),
                "/expires_at",
            ),
            (json!({"name": "k", "expires_at": "tomorrow"}), "/expires_at"),
            (
                json!({"name": "k", "expires_at": "2027-01-01T00:00:00Z", "expires_in": "1d"}),
                "/expires_at",
            ),
            (json!({"name": "k", "tpm": 1.5}), "/tpm"),
            (json!({"name": "k", "rpm": 4_294_967_296_u64}), "/rpm"),
            (json!({"name": "k\n", "scope": "user"}), "/name"),
            (json!({"name": "k", "person": "nobody-here"}), "/person"),
            (json!({"name": "k", "group": "nothing-here"}), "/group"),
        ] {
            let reply = owner.post("/api/v1/keys", body.clone()).await;
            assert_eq!(
                reply.problem(),
                ("invalid_fields".into(), vec![pointer.into()]),
                "{body}"
            );
        }
        assert_eq!(
            owner.get("/api/v1/keys").await.ok(200)["items"],
            json!([]),
            "nothing was made"
        );
    });
}

#[test]
fn a_bad_query_is_refused_with_the_parameter_named() {
    test(async |app| {
        let owner = app.owner().await;
        for (path, parameter) in [
            ("/api/v1/keys?limit=0", "limit"),
            ("/api/v1/keys?limit=1001", "limit"),
            ("/api/v1/keys?limit=many", "limit"),
            ("/api/v1/keys?colour=red", "colour"),
            ("/api/v1/keys?state=active&state=revoked", "state"),
            ("/api/v1/keys?cursor=AAAA", "cursor"),
            ("/api/v1/requests?since=yesterday", "since"),
            ("/api/v1/requests?outcome=fine", "outcome"),
            ("/api/v1/requests?format=xml", "format"),
            ("/api/v1/spend?group_by=hour", "group_by"),
            ("/api/v1/spend?group_by=day,day", "group_by"),
            ("/api/v1/budgets?kind=person", "id"),
            ("/api/v1/budgets?id=ada", "kind"),
            ("/api/v1/prices?model=gpt-5", "provider"),
        ] {
            let reply = owner.get(path).await;
            assert_eq!(
                reply.problem(),
                ("invalid_query".into(), vec![parameter.into()]),
                "{path}"
            );
            assert_eq!(reply.status, 400);
        }
    });
}

#[test]
fn every_code_has_its_page() {
    test(async |app| {
        let nobody = app.nobody();
        for code in Code::ALL {
            let page = nobody.get(&code.uri()).await;
            assert_eq!(page.status, 200, "{code}");
            assert!(page.text.starts_with(&format!("# {code}\n")));
        }
        assert_eq!(nobody.get("/errors/nonsense").await.code(), "not_found");
    });
}

#[test]
fn health_says_what_is_wrong() {
    test(async |app| {
        let nobody = app.nobody();
        assert_eq!(nobody.get("/livez").await.text, "ok\n");
        assert_eq!(
            nobody.get("/readyz").await.ok(200),
            json!({"ready": true, "problems": []})
        );
        assert!(nobody.get("/metrics").await.text.contains("bailey_build"));
        app.app.drain();
        let reply = nobody.get("/readyz").await.ok(503);
        assert_eq!(
            reply,
            json!({"ready": false, "problems": ["the server is shutting down"]})
        );
        app.store.close().await;
        let problems = nobody.get("/readyz").await.ok(503)["problems"]
            .as_array()
            .unwrap()
            .len();
        assert!(problems >= 2);
        assert_eq!(nobody.get("/livez").await.status, 200, "livez asks nobody");
        let reply = app.nobody().get("/api/v1/me").await;
        assert_eq!(reply.status, 401);
    });
}

#[test]
fn a_database_that_is_gone_is_said_to_be_unavailable() {
    test(async |app| {
        let owner = app.owner().await;
        app.store.close().await;
        let reply = owner.get("/api/v1/me").await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "unavailable"));
        assert!(reply.headers.contains_key("retry-after"));
    });
}
