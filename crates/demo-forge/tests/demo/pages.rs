//! Pages: what they show, what they do not, and that text stays text.

use serde_json::json;

use crate::support::{GREETER, World};

const HOSTILE: &str = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";

#[tokio::test]
async fn pages_show_everything_that_is_for_everyone() {
    let world = World::start().await;
    let (ria, dan) = (world.token("ria"), world.token("dan"));
    world
        .api(
            &ria,
            "POST",
            &format!("{GREETER}/issues/1/notes"),
            &json!({ "body": "**see** `greet.sh`" }),
        )
        .await
        .is(201);
    world
        .api(
            &ria,
            "POST",
            &format!("{GREETER}/issues/1/notes"),
            &json!({ "body": "among us", "internal": true }),
        )
        .await
        .is(201);
    world
        .api(
            &ria,
            "POST",
            &format!("{GREETER}/issues"),
            &json!({ "title": "the leak", "confidential": true }),
        )
        .await
        .is(201);
    world
        .api(
            &dan,
            "POST",
            &format!("{GREETER}/repository/branches"),
            &json!({ "branch": "a/b", "ref": "main" }),
        )
        .await
        .is(201);
    let wanted =
        json!({ "source_branch": "a/b", "target_branch": "main", "title": "Nothing yet", "description": "Closes #1" });
    world
        .api(&dan, "POST", &format!("{GREETER}/merge_requests"), &wanted)
        .await
        .is(201);
    for (path, has) in [
        ("/", "demo/greeter"),
        ("/demo/greeter", "test.sh"),
        ("/demo/greeter/-/issues", "#1 Without a name nobody is greeted"),
        ("/demo/greeter/-/issues/1", "<strong>see</strong> <code>greet.sh</code>"),
        ("/demo/greeter/-/issues/1", "!1 Nothing yet"),
        ("/demo/greeter/-/merge_requests", "!1 Nothing yet"),
        (
            "/demo/greeter/-/merge_requests/1",
            "<code>a/b</code> into <code>main</code>",
        ),
        ("/demo/greeter/-/branches", "Test what is promised"),
        ("/demo/greeter/-/tree/a/b", "Greet people"),
    ] {
        let page = world.send("GET", path, &[], "").await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text.contains(has), "{path}: {}", page.text);
        assert!(
            !page.text.contains("the leak") && !page.text.contains("among us"),
            "{path}"
        );
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; form-action 'none'"),
            "{policy}"
        );
        assert!(
            !page.text.contains("<script") && !page.text.contains(" style="),
            "{path}"
        );
    }
    let style = world.send("GET", "/-/style.css", &[], "").await;
    assert!(style.header("content-type").starts_with("text/css") && style.text.contains("prefers-color-scheme: dark"));
    for path in [
        "/demo/secret",
        "/demo/greeter/-/issues/2",
        "/demo/greeter/-/issues/x",
        "/demo/none",
        "/demo/greeter/-/commit/x",
        "/%3Cscript%3E",
    ] {
        let page = world.send("GET", path, &[], "").await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.header("content-type").starts_with("text/html") && !page.text.contains("leak"));
    }
    assert_eq!(world.send("POST", "/demo/greeter", &[], "").await.status, 405);
    let head = world.send("HEAD", "/demo/greeter", &[], "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let world = World::start().await;
    let (mia, dan) = (world.token("mia"), world.token("dan"));
    let issue = json!({ "title": HOSTILE, "description": HOSTILE, "labels": [HOSTILE.replace(',', "")] });
    world
        .api(&mia, "POST", &format!("{GREETER}/issues"), &issue)
        .await
        .is(201);
    world
        .api(
            &mia,
            "POST",
            &format!("{GREETER}/issues/2/notes"),
            &json!({ "body": format!("[x](javascript:alert(1)) {HOSTILE}") }),
        )
        .await
        .is(201);
    let work = world.clone("dan", "work").await;
    let hostile_file = "<img src=x onerror=alert(1)>";
    std::fs::write(work.join(hostile_file), HOSTILE).unwrap();
    std::fs::write(work.join("README.md"), HOSTILE).unwrap();
    crate::support::git_ok(&work, &["checkout", "-qb", "<script>alert(1)</script>"]).await;
    crate::support::git_ok(&work, &["add", "."]).await;
    crate::support::git_ok(&work, &["commit", "-qm", HOSTILE]).await;
    crate::support::git_ok(&work, &["push", "-q", "origin", "HEAD"]).await;
    let wanted = json!({ "source_branch": "<script>alert(1)</script>", "target_branch": "main", "title": HOSTILE, "description": HOSTILE });
    world
        .api(&dan, "POST", &format!("{GREETER}/merge_requests"), &wanted)
        .await
        .is(201);
    for path in [
        "/demo/greeter/-/issues",
        "/demo/greeter/-/issues/2",
        "/demo/greeter/-/merge_requests",
        "/demo/greeter/-/merge_requests/1",
        "/demo/greeter/-/branches",
        "/demo/greeter/-/tree/%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let page = world.send("GET", path, &[], "").await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.text.contains("&lt;script&gt;"), "{path}");
        for bad in ["<script", "<img", "javascript:alert(1)\"", "onerror=alert(1)>\"'"] {
            assert!(!page.text.contains(bad), "{path}: {bad}");
        }
    }
}
