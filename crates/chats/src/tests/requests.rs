//! Requests: what providers cache is never said differently.

use serde_json::{Value, json};

use super::script::Say;
use super::world::{ADA, World};

/// The marks that say where to cache, taken away.
fn unmarked(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("cache_control");
            map.values_mut().for_each(unmarked);
        }
        Value::Array(list) => list.iter_mut().for_each(unmarked),
        _ => {}
    }
}

fn marks(value: &Value) -> usize {
    match value {
        Value::Object(map) => usize::from(map.contains_key("cache_control")) + map.values().map(marks).sum::<usize>(),
        Value::Array(list) => list.iter().map(marks).sum(),
        _ => 0,
    }
}

async fn conversation(protocol: &'static str) -> World {
    let says = vec![
        Say::Answer(
            "I look.",
            vec![
                ("run", json!({ "command": "echo \"ä\"" }).to_string()),
                ("list", "{ }".to_owned()),
            ],
        ),
        Say::call("run", &json!({ "command": "fail x" })),
        Say::text("Done."),
        Say::text("Again."),
    ];
    let world = World::new(protocol, says).await;
    let id = world.begin().await;
    world.rest().await;
    world.chats.post(id, Some(ADA), "go on").await.unwrap();
    world.rest().await;
    world
}

#[tokio::test]
async fn each_chat_request_begins_with_the_one_before() {
    let world = conversation("chat").await;
    let bodies = world.model.bodies.lock().unwrap();
    assert_eq!(bodies.len(), 4);
    for pair in bodies.windows(2) {
        let before = pair[0].strip_suffix(b"]}").unwrap();
        assert!(pair[1].starts_with(before));
    }
    let last: Value = serde_json::from_slice(&bodies[3]).unwrap();
    let roles: Vec<&str> = last["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(
        roles,
        [
            "system",
            "user",
            "assistant",
            "tool",
            "tool",
            "assistant",
            "tool",
            "assistant",
            "user"
        ]
    );
    assert_eq!(last["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn each_messages_request_begins_with_the_one_before() {
    let world = conversation("messages").await;
    let asked = world.model.asked.lock().unwrap();
    let texts: Vec<String> = asked
        .iter()
        .map(|body| {
            let mut messages = body["messages"].clone();
            unmarked(&mut messages);
            assert!(marks(body) <= 4, "a provider takes four");
            messages.to_string()
        })
        .collect();
    for (n, pair) in texts.windows(2).enumerate() {
        assert!(
            pair[1].starts_with(pair[0].strip_suffix(']').unwrap()),
            "{}\n{}",
            pair[0],
            pair[1]
        );
        for key in ["system", "tools", "model", "max_tokens"] {
            assert_eq!(asked[n][key], asked[n + 1][key], "{key}");
        }
        // The end of this request is where the next one is looked up.
        let ends = asked[n]["messages"].as_array().unwrap().len() - 1;
        assert!(marks(&asked[n + 1]["messages"][ends]) == 1);
    }
    let last = asked[3]["messages"].as_array().unwrap();
    let roles: Vec<&str> = last.iter().map(|message| message["role"].as_str().unwrap()).collect();
    assert_eq!(
        roles,
        ["user", "assistant", "user", "assistant", "user", "assistant", "user"]
    );
    let answer = &last[1]["content"];
    assert_eq!(
        answer[0],
        json!({ "type": "thinking", "thinking": "hm", "signature": "signed" })
    );
    assert_eq!(last[4]["content"][0]["is_error"], true);
}
