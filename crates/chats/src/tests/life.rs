//! Limits, errors of models, and how chats end.

use bailey_core::Money;
use bailey_core::chat::{Cause, ChatState, Limits, Outcome, Part};
use serde_json::json;

use super::script::{COST, Say};
use super::world::{ADA, World};
use crate::model::{Fault, ModelError};
use crate::{ChatError, Start};

#[tokio::test]
async fn a_turn_ends_and_a_follow_up_begins_the_next() {
    for protocol in ["messages", "chat"] {
        let says = vec![
            Say::call("run", &json!({ "command": "echo hi" })),
            Say::text("Done."),
            Say::text("Again."),
        ];
        let world = World::new(protocol, says).await;
        let id = world.begin().await;
        world.rest().await;
        let chat = world.chat(id).await;
        assert_eq!((chat.run.state, chat.run.steps), (ChatState::Waiting, 2));
        assert_eq!(chat.run.cost, Money::cents(4));
        assert_eq!(
            world.results(id).await,
            [(Outcome::Ok, "hi\n[exit status 0]".to_owned())]
        );
        world.chats.post(id, Some(ADA), "once more").await.unwrap();
        world.rest().await;
        assert_eq!(world.chat(id).await.run.steps, 3);
        world.chats.finish(id).await.unwrap();
        let over = world.chats.post(id, Some(ADA), "late").await;
        assert!(matches!(over, Err(ChatError::Invalid(_))), "{over:?}");
    }
}

#[tokio::test]
async fn steps_and_money_hold_a_chat_until_they_are_raised() {
    let says = vec![
        Say::call("list", &json!({})),
        Say::call("list", &json!({})),
        Say::text("Done."),
    ];
    for limits in [
        Limits {
            steps: Some(1),
            ..Limits::default()
        },
        Limits {
            cost: Some(COST),
            ..Limits::default()
        },
    ] {
        let world = World::new("messages", says.clone()).await;
        let id = world
            .chats
            .create(Start {
                limits,
                ..world.start()
            })
            .await
            .unwrap()
            .id;
        world.rest().await;
        let chat = world.chat(id).await;
        let cause = if limits.steps.is_some() {
            Cause::Steps
        } else {
            Cause::Money
        };
        assert_eq!((chat.run.state, chat.run.cause), (ChatState::Paused, Some(cause)));
        assert_eq!(world.model.asked.lock().unwrap().len(), 1);
        let refused = world.chats.resume(id, None).await;
        assert!(matches!(refused, Err(ChatError::Invalid(_))), "{refused:?}");
        world.chats.resume(id, Some(Limits::default())).await.unwrap();
        world.rest().await;
        assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
    }
}

#[tokio::test]
async fn time_ends_a_model_and_a_tool_in_the_middle() {
    let limits = Limits {
        seconds: Some(1),
        ..Limits::default()
    };
    let hangs = [Say::Hang("I begin "), Say::call("run", &json!({ "command": "hang" }))];
    for say in hangs {
        let tool = matches!(say, Say::Answer(..));
        let world = World::new("chat", vec![say, Say::text("On.")]).await;
        let id = world
            .chats
            .create(Start {
                limits,
                ..world.start()
            })
            .await
            .unwrap()
            .id;
        world.rest().await;
        let chat = world.chat(id).await;
        assert_eq!((chat.run.state, chat.run.cause), (ChatState::Paused, Some(Cause::Time)));
        assert_eq!(world.memory.running().0, 0, "it was ended");
        if tool {
            assert_eq!(world.results(id).await[0].0, Outcome::Interrupted);
        } else {
            assert!(world.parts(id).await.contains(&Part::StepCut { kept: true }));
        }
        world.chats.resume(id, Some(Limits::default())).await.unwrap();
        world.rest().await;
        assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
    }
}

#[tokio::test]
async fn a_full_context_ends_the_chat_and_says_so() {
    let says = vec![Say::Used("", vec![("list", "{}".to_owned())], 99_000)];
    let world = World::new("messages", says).await;
    let id = world.begin().await;
    world.rest().await;
    let chat = world.chat(id).await;
    assert_eq!(
        (chat.run.state, chat.run.cause),
        (ChatState::Failed, Some(Cause::ContextFull))
    );
    let parts = world.parts(id).await;
    assert!(
        parts
            .iter()
            .any(|part| matches!(part, Part::Note { text } if text.contains("as long as the model")))
    );
    assert_eq!(world.model.asked.lock().unwrap().len(), 1, "it was not asked again");
}

fn error(fault: Fault) -> Say {
    Say::Error(ModelError {
        fault,
        message: "because".to_owned(),
        retry_after: None,
    })
}

#[tokio::test]
async fn passing_trouble_is_tried_again_and_a_refusal_is_not() {
    let says = vec![
        error(Fault::Passing),
        Say::BreakOff("It begins and"),
        error(Fault::Passing),
        Say::text("There it is."),
    ];
    let world = World::new("messages", says).await;
    let id = world.begin().await;
    world.rest().await;
    let chat = world.chat(id).await;
    assert_eq!((chat.run.state, chat.run.steps), (ChatState::Waiting, 1));
    assert_eq!(chat.run.cost, Money::cents(4), "what broke off was paid for, too");
    for (fault, cause) in [(Fault::Budget, Cause::Budget), (Fault::Refused, Cause::Refused)] {
        let says = vec![Say::BreakOff("It begins and"), error(fault), Say::text("never")];
        let world = World::new("chat", says).await;
        let id = world.begin().await;
        world.rest().await;
        let chat = world.chat(id).await;
        assert_eq!((chat.run.state, chat.run.cause), (ChatState::Failed, Some(cause)));
        assert_eq!(chat.run.cost, COST, "what broke off was paid for, too");
        assert_eq!(world.model.asked.lock().unwrap().len(), 2);
        let parts = world.parts(id).await;
        assert!(parts.contains(&Part::Note {
            text: "because".to_owned()
        }));
    }
    let mut says = vec![error(Fault::Passing); 9];
    says.push(Say::text("Back again."));
    let world = World::new("chat", says).await;
    let id = world.begin().await;
    world.rest().await;
    let run = world.chat(id).await.run;
    assert_eq!((run.state, run.cause), (ChatState::Paused, Some(Cause::ModelFailed)));
    assert_eq!(world.model.asked.lock().unwrap().len(), 9);
    world.chats.resume(id, None).await.unwrap();
    world.rest().await;
    assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
}

#[tokio::test]
async fn a_workspace_that_cannot_be_opened_holds_the_chat_until_somebody_writes() {
    let mut world = World::new("chat", vec![Say::text("There it is.")]).await;
    world.open = false;
    let id = world.begin().await;
    world.rest().await;
    let chat = world.chat(id).await;
    assert_eq!(
        (chat.run.state, chat.run.cause),
        (ChatState::Paused, Some(Cause::Workspace))
    );
    world.open = true;
    world.chats.post(id, Some(ADA), "it is up").await.unwrap();
    world.rest().await;
    assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
}

#[tokio::test]
async fn what_changes_something_runs_alone_and_in_the_models_order() {
    let edit = |old: &str, new: &str| json!({ "path": "a.txt", "old": old, "new": new }).to_string();
    let run = |command: &str| json!({ "command": command }).to_string();
    let calls = vec![
        ("edit", edit("one", "1")),
        ("edit", edit("two", "2")),
        ("run", run("pause 30")),
        ("git_commit", json!({ "message": "both" }).to_string()),
        ("git_push", "{}".to_owned()),
        ("run", run("echo last")),
    ];
    let count = calls.len();
    let world = World::new("messages", vec![Say::Answer("", calls), Say::text("Done.")]).await;
    world.memory.put("a.txt", "one two");
    let id = world.begin().await;
    world.rest().await;
    assert_eq!(world.memory.file("a.txt").unwrap(), "1 2");
    assert_eq!(world.memory.running().1, 1, "one after the other");
    let commands = world.memory.commands.lock().unwrap().clone();
    let last: Vec<&str> = commands.iter().map(|argv| argv.last().unwrap().as_str()).collect();
    assert_eq!(last, ["pause 30", "--all", "--message=both", "HEAD", "echo last"]);
    assert_eq!(world.results(id).await.len(), count);
}

#[tokio::test]
async fn a_refusal_and_an_answer_that_was_cut_off_are_not_done() {
    let refusal = (["refusal", "content_filter"], ChatState::Failed, Cause::Refused);
    let cut = (["max_tokens", "length"], ChatState::Paused, Cause::ModelFailed);
    let whole = (["end_turn", "stop"], ChatState::Completed, Cause::Done);
    for (reasons, state, cause) in [refusal, cut, whole] {
        for protocol in ["messages", "chat"] {
            let world = World::new(protocol, vec![Say::Ends("I", reasons)]).await;
            let start = Start {
                once: true,
                ..world.start()
            };
            let id = world.chats.create(start).await.unwrap().id;
            world.rest().await;
            let run = world.chat(id).await.run;
            assert_eq!((run.state, run.cause), (state, Some(cause)), "{protocol} {reasons:?}");
        }
    }
}

#[tokio::test]
async fn what_is_cut_off_and_asked_again_is_held_to_the_money() {
    let says = vec![
        Say::BreakOff("It begins and"),
        Say::BreakOff("again"),
        Say::text("Done."),
    ];
    let world = World::new("messages", says).await;
    let limits = Limits {
        cost: Some(Money::cents(3)),
        ..Limits::default()
    };
    let start = Start {
        limits,
        ..world.start()
    };
    let id = world.chats.create(start).await.unwrap().id;
    world.rest().await;
    let chat = world.chat(id).await;
    assert_eq!(
        (chat.run.state, chat.run.cause),
        (ChatState::Paused, Some(Cause::Money))
    );
    assert_eq!(chat.run.cost, Money::cents(4));
    assert_eq!(world.model.asked.lock().unwrap().len(), 2, "not a third time");
    assert!(world.chats.resume(id, None).await.is_err(), "it is reached still");
}

#[tokio::test]
async fn an_interrupted_step_is_paid_for() {
    let world = World::new("messages", vec![Say::Hang("half an answer")]).await;
    let id = world.begin().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let worker = world.tasks.spawn(world.worker(None).run(stop.clone()));
    world.until(id, |part| matches!(part, Part::Text { .. })).await;
    world.chats.interrupt(id).await.unwrap();
    stop.cancel();
    worker.await.unwrap();
    assert!(world.tasks.wait(std::time::Duration::from_secs(5)).await);
    let chat = world.chat(id).await;
    assert_eq!(
        (chat.run.state, chat.run.cause, chat.run.cost),
        (ChatState::Paused, Some(Cause::Interrupted), COST)
    );
}
