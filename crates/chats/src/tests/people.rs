//! What people do while an agent works: plans, questions, interruptions, follow-ups.

use bailey_core::chat::{Cause, ChatState, Outcome, Part, PlanMode};
use serde_json::{Value, json};

use super::script::Say;
use super::world::{ADA, World};
use crate::{ChatError, PlanAnswer, Start};

#[tokio::test]
async fn nothing_is_written_until_a_plan_is_accepted() {
    for protocol in ["messages", "chat"] {
        let write = json!({ "path": "x", "content": "y" });
        let says = vec![
            Say::Answer(
                "",
                vec![
                    ("write", write.to_string()),
                    ("run", json!({ "command": "echo no" }).to_string()),
                    ("list", "{}".to_owned()),
                ],
            ),
            Say::call("propose_plan", &json!({ "plan": "first" })),
            Say::call("propose_plan", &json!({ "plan": "second" })),
            Say::call("write", &write),
            Say::text("Done."),
        ];
        let world = World::new(protocol, says).await;
        let start = Start {
            planned: true,
            ..world.start()
        };
        let id = world.chats.create(start).await.unwrap().id;
        world.rest().await;
        let chat = world.chat(id).await;
        assert_eq!(chat.run.state, ChatState::RequiresAction);
        assert!(world.memory.file("x").is_none() && world.memory.commands.lock().unwrap().is_empty());
        let outcomes: Vec<Outcome> = world
            .results(id)
            .await
            .into_iter()
            .map(|(outcome, _)| outcome)
            .collect();
        assert_eq!(outcomes, [Outcome::Refused, Outcome::Refused, Outcome::Ok]);

        let call = chat.run.awaited().next().unwrap();
        let wrong = world.chats.answer(id, call, ADA, "a plan is no question").await;
        assert!(matches!(wrong, Err(ChatError::Invalid(_))), "{wrong:?}");
        // Days later.
        world.hand.advance(5 * 24 * 3_600);
        let reject = PlanAnswer::Reject("too short".to_owned());
        world.chats.answer_plan(id, call, ADA, &reject).await.unwrap();
        let twice = world.chats.answer_plan(id, call, ADA, &PlanAnswer::Accept).await;
        assert!(matches!(twice, Err(ChatError::Invalid(_))), "{twice:?}");
        world.rest().await;
        assert!(world.memory.file("x").is_none());
        let chat = world.chat(id).await;
        assert_eq!(
            (chat.run.state, chat.run.plan),
            (ChatState::RequiresAction, PlanMode::Planning)
        );
        let call = chat.run.awaited().next().unwrap();
        let edited = PlanAnswer::AcceptEdited("third, by a person".to_owned());
        world.chats.answer_plan(id, call, ADA, &edited).await.unwrap();
        world.rest().await;
        assert_eq!(world.memory.file("x").as_deref(), Some("y"));
        let told = world.model.asked.lock().unwrap().last().unwrap().to_string();
        assert!(told.contains("third, by a person") && told.contains("too short"));
        assert!(told.contains("This chat begins with a plan"));
    }
}

#[tokio::test]
async fn a_question_beside_a_tool_waits_while_the_tool_runs() {
    let says = vec![
        Say::Answer(
            "",
            vec![
                (
                    "ask",
                    json!({ "question": "Which?", "options": ["a", "b"] }).to_string(),
                ),
                ("run", json!({ "command": "echo ran" }).to_string()),
            ],
        ),
        Say::text("Done."),
    ];
    let world = World::new("messages", says).await;
    let id = world.begin().await;
    world.rest().await;
    let chat = world.chat(id).await;
    assert_eq!(chat.run.state, ChatState::RequiresAction);
    assert_eq!(world.results(id).await.len(), 1);
    let call = chat.run.awaited().next().unwrap();
    assert!(matches!(
        world.chats.answer(id, call, ADA, " ").await,
        Err(ChatError::Empty)
    ));
    world.chats.answer(id, call, ADA, "b").await.unwrap();
    world.rest().await;
    assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
    // Results stand in the order of the calls, whoever was first.
    let asked = world.model.asked.lock().unwrap();
    let last = asked.last().unwrap()["messages"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    let texts: Vec<&Value> = last["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["content"])
        .collect();
    assert_eq!(texts[0], "b");
    assert!(texts[1].as_str().unwrap().starts_with("ran"));
}

#[tokio::test]
async fn an_interruption_keeps_what_was_said_and_a_message_goes_on() {
    for protocol in ["messages", "chat"] {
        let world = World::new(protocol, vec![Say::Hang("I was about to"), Say::text("I see.")]).await;
        let id = world.begin().await;
        let worker = world.worker(None);
        let work = worker.once();
        let person = async {
            world
                .until(
                    id,
                    |part| matches!(part, Part::Text { text, .. } if text.contains("about")),
                )
                .await;
            world.chats.interrupt(id).await.unwrap()
        };
        // The worker lets go at once, without waiting for a sign of life.
        let (_, paused) = tokio::join!(work, person);
        assert_eq!(
            (paused.run.state, paused.run.cause),
            (ChatState::Paused, Some(Cause::Interrupted))
        );
        world.chats.post(id, Some(ADA), "rather this").await.unwrap();
        world.rest().await;
        assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
        let asked = world.model.asked.lock().unwrap();
        let messages = asked.last().unwrap()["messages"].to_string();
        let order = ["I was about", "was interrupted here", "rather this"].map(|text| messages.find(text).unwrap());
        assert!(order.is_sorted(), "{messages}");
    }
}

#[tokio::test]
async fn an_interrupted_tool_is_ended_and_says_so() {
    let says = vec![Say::call("run", &json!({ "command": "hang" })), Say::text("I see.")];
    let world = World::new("messages", says).await;
    let id = world.begin().await;
    let worker = world.worker(None);
    let person = async {
        world
            .until(
                id,
                |part| matches!(part, Part::ToolOutput { text, .. } if text.contains("began")),
            )
            .await;
        world.chats.interrupt(id).await.unwrap();
    };
    tokio::join!(worker.once(), person);
    assert_eq!(world.memory.running().0, 0);
    assert_eq!(world.results(id).await[0].0, Outcome::Interrupted);
    world.chats.resume(id, None).await.unwrap();
    world.rest().await;
    assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
}

#[tokio::test]
async fn a_follow_up_reaches_the_model_with_its_next_step() {
    let says = vec![
        Say::call("run", &json!({ "command": "pause 300" })),
        Say::text("Both done."),
    ];
    let world = World::new("messages", says).await;
    let id = world.begin().await;
    let worker = world.worker(None);
    let person = async {
        world.until(id, |part| matches!(part, Part::ToolStarted { .. })).await;
        for text in ["and that", "and this"] {
            world.chats.post(id, Some(ADA), text).await.unwrap();
        }
    };
    tokio::join!(worker.once(), person);
    world.rest().await;
    assert_eq!(world.chat(id).await.run.steps, 2);
    let asked = world.model.asked.lock().unwrap();
    let content = asked[1]["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    let kinds: Vec<&str> = content
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["tool_result", "text", "text"]);
    assert_eq!(
        (&content[1]["text"], &content[2]["text"]),
        (&json!("and that"), &json!("and this"))
    );
}

#[tokio::test]
async fn a_stopped_chat_is_over() {
    let world = World::new("messages", vec![Say::Hang("I go on and")]).await;
    let id = world.begin().await;
    let worker = world.worker(None);
    let person = async {
        world.until(id, |part| matches!(part, Part::Text { .. })).await;
        world.chats.post(id, Some(ADA), "never read").await.unwrap();
        world.chats.stop(id).await.unwrap();
    };
    tokio::join!(worker.once(), person);
    let chat = world.chat(id).await;
    assert_eq!(
        (chat.run.state, chat.run.cause),
        (ChatState::Cancelled, Some(Cause::Stopped))
    );
    assert!(
        world
            .parts(id)
            .await
            .iter()
            .any(|part| matches!(part, Part::Dropped { .. }))
    );
    for outcome in [
        world.chats.resume(id, None).await,
        world.chats.stop(id).await,
        world.chats.interrupt(id).await,
    ] {
        assert!(matches!(outcome, Err(ChatError::Invalid(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_watcher_sees_everything_once_and_the_end() {
    let says = vec![Say::call("run", &json!({ "command": "pause 50" })), Say::text("Done.")];
    let world = World::new("messages", says).await;
    let start = Start {
        once: true,
        ..world.start()
    };
    let id = world.chats.create(start).await.unwrap().id;
    let mut watch = world.chats.watch(id, 0).await.unwrap();
    let seen = async {
        let mut numbers = Vec::new();
        while let Some(parts) = watch.next().await.unwrap() {
            numbers.extend(parts.iter().map(|part| part.number));
        }
        numbers
    };
    let (numbers, ()) = tokio::join!(seen, world.rest());
    let last = world.chat(id).await.last;
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    let mut rest = world.chats.watch(id, last - 2).await.unwrap();
    assert_eq!(rest.next().await.unwrap().unwrap().len(), 2);
    assert_eq!(rest.next().await.unwrap(), None);
}
