//! Machines that do not help.

use std::fs;
use std::io::Write as _;

use bailey_testkit::http::Call;
use serde_json::json;

use crate::world::test;

#[test]
fn a_full_disk_fails_what_needs_it_with_a_reason_and_nothing_else_and_is_got_over() {
    test(|mut world| {
        world.on_small_disk(96);
        let addr = world.start();
        let id = world.create("before");
        let filler = world.data.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        let block = vec![0; 64 << 10];
        while file.write_all(&block).is_ok() {}
        // Either the API says that it cannot write it down, or the build says why it failed.
        let (status, answer) = world.api(
            "POST",
            "/workspaces",
            Some(json!({"template": "probe", "name": "during"})),
        );
        if status == 201 {
            let during = answer["id"].as_str().unwrap().to_owned();
            world.wait("the build has no end", |world| {
                let (_, found) = world.api("GET", &format!("/workspaces/{during}"), None);
                // Where its end cannot be written down, it stays under way until it can.
                found["status"] != "running"
            });
        } else {
            assert!((500..600).contains(&status), "{status}: {answer:#}");
            assert!(answer["detail"].is_string(), "{answer:#}");
        }
        assert_eq!(Call::bare("GET", "/livez").send(addr).unwrap().status, 200);
        let (status, found) = world.api("GET", &format!("/workspaces/{id}"), None);
        assert_eq!((status, &found["status"]), (200, &json!("running")));
        fs::remove_file(&filler).unwrap();
        drop(file);
        let (status, made) = world.api(
            "POST",
            "/workspaces",
            Some(json!({"template": "probe", "name": "after"})),
        );
        assert_eq!(status, 201, "{made:#}\n{}", world.server.log());
        world.until(made["id"].as_str().unwrap(), "running");
        // Every build comes to its end.
        world.wait("a build has no end", |world| {
            let (_, page) = world.api("GET", "/workspaces", None);
            let over = |w: &serde_json::Value| ["running", "failed", "stopped"].iter().any(|s| w["status"] == *s);
            page["items"].as_array().unwrap().iter().all(over)
        });
        world.lead(&id, "stop", "stopped");
    });
}
