//! A worker is killed at every place where it writes, and another one takes over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bailey_core::CallId;
use bailey_core::chat::{ChatState, LogPart, Outcome, Part};
use serde_json::json;

use super::crash::Crash;
use super::script::{COST, Say};
use super::world::{ADA, World};
use crate::transcript::{Block, Entry, Transcript};
use crate::{PlanAnswer, Worker};

fn says() -> Vec<Say> {
    vec![
        Say::Answer("I look around.", vec![("read", json!({ "path": "a.txt" }).to_string())]),
        Say::call("propose_plan", &json!({ "plan": "1. write" })),
        Say::Answer(
            "I write.",
            vec![
                ("write", json!({ "path": "b.txt", "content": "new" }).to_string()),
                ("run", json!({ "command": "echo one" }).to_string()),
                ("run", json!({ "command": "pause 3" }).to_string()),
            ],
        ),
        Say::call("ask", &json!({ "question": "Which?" })),
        Say::call("run", &json!({ "command": "fail two" })),
        Say::text("All of it is done."),
    ]
}

/// Carries the chat on to its end, with a person who answers. A worker that is dead does not come back.
async fn carry(world: &World, worker: &Worker, id: bailey_core::ChatId) {
    loop {
        while worker.once().await {}
        let chat = world.chat(id).await;
        if chat.run.state != ChatState::RequiresAction {
            return;
        }
        let call = chat.run.awaited().next().unwrap();
        let (tool, ..) = transcript(world, id)
            .await
            .call(call)
            .map(|(tool, ..)| (tool.to_owned(), ()))
            .unwrap();
        if tool == "ask" {
            world.chats.answer(id, call, ADA, "This one.").await.unwrap();
        } else {
            world
                .chats
                .answer_plan(id, call, ADA, &PlanAnswer::Accept)
                .await
                .unwrap();
        }
    }
}

async fn transcript(world: &World, id: bailey_core::ChatId) -> Transcript {
    let parts: Vec<LogPart> = world.store.chat_parts(id, 0, 10_000).await.unwrap();
    let mut transcript = Transcript::default();
    transcript.extend(parts);
    transcript
}

/// What was said, without what differs from run to run: ids, and results that are unknown.
fn said(transcript: &Transcript) -> Vec<String> {
    let block = |block: &Block| match block {
        Block::Call {
            tool,
            arguments,
            result,
            ..
        } => {
            let result = result.as_ref().expect("every call has a result");
            let unknown = result.0 == Outcome::Unknown;
            format!("{tool} {arguments} {}", if unknown { "?" } else { &result.1 })
        }
        other => format!("{other:?}"),
    };
    transcript
        .entries
        .iter()
        .flat_map(|entry| match entry {
            Entry::Message(_, text) => vec![format!("person: {text}")],
            Entry::Answer(answer) => answer.blocks.iter().map(block).collect(),
        })
        .collect()
}

/// The log has one result for each call, and begins each at most once; a message reaches the model once.
fn check(parts: &[Part]) -> usize {
    let mut calls: BTreeMap<CallId, (u32, u32)> = BTreeMap::new();
    let (mut messages, mut unknown) = (0, 0);
    for part in parts {
        match part {
            Part::ToolCall { call, .. } => assert!(calls.insert(*call, (0, 0)).is_none()),
            Part::ToolStarted { call } => calls.get_mut(call).unwrap().0 += 1,
            Part::ToolResult { call, outcome, .. } => {
                calls.get_mut(call).unwrap().1 += 1;
                unknown += usize::from(*outcome == Outcome::Unknown);
            }
            Part::Message { .. } => messages += 1,
            _ => {}
        }
    }
    assert!(
        calls.values().all(|(begun, results)| *begun <= 1 && *results == 1),
        "{calls:?}"
    );
    assert_eq!(messages, 1);
    unknown
}

/// Runs the script with workers that die at these places, one after the other; then one that lives. Whether all of them died.
async fn run(protocol: &'static str, crashes: &[usize]) -> (bool, Vec<String>, usize) {
    let mut world = World::new(protocol, says()).await;
    Arc::get_mut(&mut world.model).unwrap().slow = true;
    world.options.batch = Duration::from_millis(1);
    world.memory.put("a.txt", "old");
    let start = crate::Start {
        planned: true,
        once: true,
        ..world.start()
    };
    let id = world.chats.create(start).await.unwrap().id;
    let mut died = true;
    for place in crashes {
        let crash = Arc::new(Crash::at(*place));
        let worker = world.worker(Some(Arc::clone(&crash)));
        let work = Box::pin(carry(&world, &worker, id));
        died &= tokio::select! {
            () = crash.dead() => true,
            () = work => false,
        };
        // Nobody notices for a while.
        world.hand.advance(13);
    }
    carry(&world, &world.worker(None), id).await;
    assert_eq!(world.chat(id).await.run.state, ChatState::Completed);
    let unknown = check(&world.parts(id).await);
    // Whatever was asked was paid for, also where nobody read the answer to its end, and is counted once.
    assert!(world.tasks.wait(Duration::from_secs(5)).await);
    let asked = world.model.bodies.lock().unwrap().len();
    let costs = world.chat(id).await.run.cost.nanos();
    assert_eq!(costs, COST.nanos() * i64::try_from(asked).unwrap(), "{crashes:?}");
    // What was unknown may or may not have been done, and was not done again: the workspace checks the keys.
    let written = world.memory.file("b.txt");
    assert!(written.as_deref() == Some("new") || unknown > 0, "{written:?}");
    (died, said(&transcript(&world, id).await), unknown)
}

/// Whether two conversations are the same, but for results that nobody knows.
fn same(a: &[String], b: &[String]) -> bool {
    let cut = |line: &String| line.strip_suffix('?').map(str::to_owned);
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| match cut(b) {
            Some(start) => a.starts_with(&start),
            None => a == b,
        })
}

async fn every_place(protocol: &'static str) {
    let (_, whole, unknown) = run(protocol, &[]).await;
    assert_eq!(unknown, 0);
    assert!(
        whole.iter().any(|line| line.contains("All of it is done.")),
        "{whole:?}"
    );
    let (mut place, mut ever_unknown) = (0, 0);
    loop {
        let (died, after, unknown) = run(protocol, &[place]).await;
        assert!(same(&whole, &after), "place {place}\n{whole:#?}\n{after:#?}");
        assert!(unknown <= 3, "no more than ran at once");
        ever_unknown += unknown;
        if !died {
            break;
        }
        place += 1;
    }
    assert!(place > 60, "there are only {place} places");
    assert!(ever_unknown > 0, "a crash in the middle of a tool was never seen");
}

#[tokio::test]
async fn a_worker_may_die_anywhere_in_messages() {
    every_place("messages").await;
}

#[tokio::test]
async fn a_worker_may_die_anywhere_in_chat() {
    every_place("chat").await;
}

#[tokio::test]
async fn workers_may_die_one_after_the_other() {
    let (_, whole, _) = run("messages", &[]).await;
    for place in [1, 5, 9, 14, 20] {
        let (_, after, _) = run("messages", &[place, 3, 7]).await;
        assert!(same(&whole, &after), "{place}\n{whole:#?}\n{after:#?}");
    }
}

#[tokio::test]
async fn a_cut_answer_stays_in_the_log_and_the_step_is_done_again() {
    let world = World::new("messages", vec![Say::Hang("half an answer"), Say::text("never")]).await;
    let id = world.begin().await;
    let worker = world.worker(None);
    {
        let work = Box::pin(worker.once());
        let cut = world.until(
            id,
            |part| matches!(part, Part::Text { text, .. } if text.contains("answer")),
        );
        tokio::select! {
            _ = work => panic!("it hangs"),
            () = cut => {}
        }
    }
    world.hand.advance(13);
    let second = world.worker(None);
    let work = Box::pin(second.once());
    // It is written down first that the model is asked.
    let again = async {
        world
            .until(id, |part| matches!(part, Part::StepStarted { step: 2 }))
            .await;
        while world.model.bodies.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = work => panic!("it hangs again"),
        () = again => {}
    }
    let parts = world.parts(id).await;
    assert!(parts.contains(&Part::StepCut { kept: false }), "{parts:?}");
    assert!(
        parts
            .iter()
            .any(|part| matches!(part, Part::Text { text, .. } if text.contains("half")))
    );
    let asked = world.model.bodies.lock().unwrap().clone();
    assert_eq!(asked[0], asked[1], "the same request, byte by byte");
}
