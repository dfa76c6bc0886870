//! Secrets stay where they belong.

use std::path::Path;

use crate::world::{World, call, messages, protocols};

/// Whether any file below `dir` contains `needle`.
fn found_below(dir: &Path, needle: &str) -> Option<std::path::PathBuf> {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if let Some(found) = found_below(&path, needle) {
                return Some(found);
            }
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(needle.len()).any(|w| w == needle.as_bytes()) {
                return Some(path);
            }
        }
    }
    None
}

#[test]
fn no_secret_and_no_prompt_is_in_logs_database_journal_metrics_or_errors() {
    let mut world = World::with("rules: [{match: {text: fail}, error: {status: 500, type: api_error, message: down}}]", "", |url| {
        format!(
            "[log]\nlevel = \"trace\"\n[providers.judge]\nkind = \"mock\"\nbase_url = \"{url}\"\napi_key = \"canary-provider-credential\"\n\
             [[models]]\nname = \"m\"\nroutes = [{{ provider = \"judge\", model = \"m\", price = {{ input = \"3\", output = \"15\" }} }}]\n"
        )
    })
    .start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let token = world.server.token().unwrap();
    let addr = world.server.addr().unwrap();
    for (path, _) in protocols(true) {
        for text in ["canary-prompt-text", "canary-prompt-text fail"] {
            let mut body = messages(true);
            body["messages"][0]["content"] = serde_json::json!(text);
            body["input"] = serde_json::json!(text);
            call(path, &body, &key).send(addr).unwrap();
        }
    }
    let wrong = format!("{}0", &key[..key.len() - 1]);
    let refusal = call("/v1/messages", &messages(false), &wrong).send(addr).unwrap();
    assert!(!refusal.text().contains(&wrong));
    let metrics = world.server.api("GET", "/metrics").unwrap().text();
    assert!(metrics.contains("bailey_model_requests"), "{metrics}");
    let shown = world.server.api("GET", "/api/v1/requests").unwrap().text();
    world.server.stop().unwrap();
    // The configuration is where the provider's credential was written by hand.
    std::fs::remove_file(world.server.data_dir().parent().unwrap().join("bailey.toml")).unwrap();
    let secret = |text: &str| text.rsplit(['-', '_']).next().unwrap().to_owned();
    for needle in [
        "canary-provider-credential".to_owned(),
        "canary-prompt-text".to_owned(),
        secret(&key),
        secret(&token),
    ] {
        assert!(!metrics.contains(&needle), "{needle} in metrics");
        assert!(!shown.contains(&needle), "{needle} in the API");
        let found = found_below(world.server.data_dir().parent().unwrap(), &needle);
        assert_eq!(found, None, "{needle}");
    }
    assert!(!metrics.contains("owner"), "no person in metrics");
}
