//! Requests and spend.

use bailey_core::authz::Role;
use serde_json::{Value, json};

use crate::harness::{fields, test};

const DAY: i64 = 86_400;

#[test]
fn requests_are_paged_filtered_and_shown() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let key = ada.key("k").await["id"].as_str().unwrap().to_owned();
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(
                app.record(
                    &ada,
                    Some(&key),
                    if n == 0 { "opus" } else { "haiku" },
                    1_000_000_000 + n,
                    n,
                )
                .await,
            );
        }
        app.record(&owner, None, "opus", 1, 60).await;
        ids.reverse();
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ada.get(&format!("/api/v1/requests?limit=2{cursor}")).await.ok(200);
            seen.extend(fields(&page, "id"));
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, ids, "newest first, each once, only one's own");
        for (filter, count) in [
            ("", 6),
            ("?person=ada", 5),
            ("?model=opus", 2),
            (&format!("?key={key}"), 5),
            ("?outcome=error", 0),
            ("?provider=mock", 6),
            ("?session=%3Dcmd()", 6),
            ("?since=2026-11-20T12:00:04Z", 2),
            ("?until=2026-11-20T12:00:04Z", 4),
            ("?since=2026-11-21", 0),
            ("?person=nobody", 0),
        ] {
            let page = owner.get(&format!("/api/v1/requests{filter}")).await.ok(200);
            assert_eq!(page["items"].as_array().unwrap().len(), count, "{filter}");
        }
        let one = ada.get(&format!("/api/v1/requests/{}", ids[0])).await.ok(200);
        assert_eq!(one["cost"], json!({"usd": "1.000000004", "nanos": 1_000_000_004}));
        assert_eq!(
            (&one["tokens"]["input"], &one["attempts_made"]),
            (&json!(10), &json!([]))
        );
    });
}

#[test]
fn a_table_of_requests_runs_no_formula() {
    test(async |app| {
        let owner = app.owner().await;
        for n in 0..3 {
            app.record(&owner, None, "=HYPERLINK(\"http://evil\"),x", 1_500_000_000, n)
                .await;
        }
        let reply = owner.get("/api/v1/requests?format=csv&limit=2").await;
        assert!(reply.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
        let next = reply.headers["x-bailey-next-cursor"].to_str().unwrap();
        let lines: Vec<&str> = reply.text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("id,started_at,key,person,"));
        assert!(
            lines[1].contains(",\"'=HYPERLINK(\"\"http://evil\"\"),x\","),
            "{}",
            lines[1]
        );
        assert!(
            lines[1].contains(",\"'=cmd()\",") && lines[1].contains(",1.5,0,"),
            "{}",
            lines[1]
        );
        let rest = owner.get(&format!("/api/v1/requests?format=csv&cursor={next}")).await;
        assert_eq!(rest.text.split_terminator("\r\n").count(), 2);
        assert!(!rest.headers.contains_key("x-bailey-next-cursor"));
    });
}

#[test]
fn spend_is_summed_by_what_is_asked_for() {
    test(async |app| {
        let owner = app.owner().await;
        let ada = app.person("ada", Role::Member).await;
        let key = ada.key("adas key").await["id"].as_str().unwrap().to_owned();
        app.record(&ada, Some(&key), "opus", 2_000_000_000, 0).await;
        app.record(&ada, Some(&key), "haiku", 1, 0).await;
        app.record(&ada, Some(&key), "haiku", 1_000_000_000, DAY).await;
        app.record(&owner, None, "opus", 500_000_000, 0).await;
        let spend = async |query: &str| owner.get(&format!("/api/v1/spend{query}")).await.ok(200);
        let all = spend("").await;
        assert_eq!(all["total"]["cost"]["nanos"], 3_500_000_001_i64);
        assert_eq!(
            (&all["total"]["requests"], &all["total"]["tokens"]["input"]),
            (&json!(4), &json!(40))
        );
        assert_eq!(all["rows"].as_array().unwrap().len(), 1);

        let by = spend("?group_by=person,day").await;
        let rows: Vec<(&Value, &Value, &Value)> = by["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (&r["day"], &r["person"]["name"], &r["cost"]["nanos"]))
            .collect();
        assert_eq!(
            rows,
            [
                (&json!("2026-11-20"), &json!("ada"), &json!(2_000_000_001_i64)),
                (&json!("2026-11-20"), &json!("owner"), &json!(500_000_000)),
                (&json!("2026-11-21"), &json!("ada"), &json!(1_000_000_000)),
            ]
        );
        let until = spend("?until=2026-11-20T12:00:00Z&person=ada").await;
        assert_eq!(
            (&until["total"]["cost"]["nanos"], &until["until"]),
            (&json!(2_000_000_001_i64), &json!("2026-11-21T00:00:00Z"))
        );
        assert_eq!(spend("?since=2026-11-21").await["total"]["cost"]["usd"], "1");
        assert_eq!(spend("?model=haiku").await["total"]["requests"], 2);

        let own = ada.get("/api/v1/spend?group_by=key,model").await.ok(200);
        assert_eq!(own["total"]["cost"]["nanos"], 3_000_000_001_i64);
        assert_eq!(own["rows"][0]["key"], json!({"id": key, "name": "adas key"}));
        let csv = ada.get("/api/v1/spend?group_by=person,model&format=csv").await.text;
        let tokens = "input,cache_read,cache_write_5m,cache_write_1h,output,reasoning";
        let want = format!(
            "person_id,person,model,requests,{tokens},cost_usd,overrun_usd\r\n\
             {0},ada,opus,1,10,0,0,0,5,0,2,0\r\n\
             {0},ada,haiku,2,20,0,0,0,10,0,1.000000001,0\r\n",
            ada.id
        );
        assert_eq!(csv, want);
    });
}
