//! Whole workers: they find work by themselves, share it, stop and are replaced.

use std::sync::Arc;
use std::time::Duration;

use bailey_core::WorkerId;
use bailey_core::chat::{Cause, ChatState, Outcome, Part};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::crash::Crash;
use super::script::Say;
use super::world::{ADA, World};

async fn at_rest(world: &World, id: bailey_core::ChatId) {
    for _ in 0..2_000 {
        if !world.chat(id).await.run.state.is_active() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not come to rest: {:?}", world.parts(id).await);
}

#[tokio::test]
async fn workers_share_the_chats_and_run_tools_side_by_side() {
    let search = json!({ "pattern": "x", "path": "pause 100" });
    let calls = (0..6).map(|_| ("search", search.to_string())).collect();
    let world = World::new("messages", vec![Say::Answer("", calls), Say::text("Done.")]).await;
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..2)
        .map(|_| world.tasks.spawn(world.worker(None).run(stop.clone())))
        .collect();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.begin().await);
    }
    for id in &ids {
        at_rest(&world, *id).await;
        assert_eq!(world.chat(*id).await.run.state, ChatState::Waiting);
        assert_eq!(world.results(*id).await.len(), 6);
    }
    let (now, most) = world.memory.running();
    assert_eq!(now, 0);
    assert!((2..=12).contains(&most), "{most} at once");
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn a_worker_that_stops_gives_its_chats_back() {
    let says = vec![Say::call("run", &json!({ "command": "hang" })), Say::text("I see.")];
    let world = World::new("messages", says).await;
    let id = world.begin().await;
    let stop = CancellationToken::new();
    let worker = world.tasks.spawn(world.worker(None).run(stop.clone()));
    world.until(id, |part| matches!(part, Part::ToolStarted { .. })).await;
    world.chats.post(id, Some(ADA), "while it hangs").await.unwrap();
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(world.memory.running().0, 0);
    assert_eq!(world.results(id).await[0].0, Outcome::Unknown);
    // The clock stands: nobody has to wait for the lease to end.
    world.rest().await;
    let chat = world.chat(id).await;
    assert_eq!((chat.run.state, chat.run.losses), (ChatState::Waiting, 0));
}

#[tokio::test]
async fn a_message_wakes_a_worker_at_once() {
    let mut world = World::new("chat", vec![Say::text("Done.")]).await;
    world.options.poll = Duration::from_mins(10);
    let start = crate::Start {
        message: None,
        ..world.start()
    };
    let id = world.chats.create(start).await.unwrap().id;
    let stop = CancellationToken::new();
    let worker = world.tasks.spawn(world.worker(None).run(stop.clone()));
    // It has looked for work, and found none.
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.chats.post(id, Some(ADA), "go").await.unwrap();
    at_rest(&world, id).await;
    assert_eq!(world.chat(id).await.run.state, ChatState::Waiting);
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_sign_of_life_keeps_a_chat_and_one_that_was_taken_is_let_go_of() {
    let mut world = World::new("messages", vec![Say::call("run", &json!({ "command": "hang" }))]).await;
    world.options.heartbeat = Duration::from_millis(20);
    let id = world.begin().await;
    let stop = CancellationToken::new();
    let worker = world.tasks.spawn(world.worker(None).run(stop.clone()));
    world.until(id, |part| matches!(part, Part::ToolOutput { .. })).await;
    let other = WorkerId::from_uuid(uuid::Uuid::from_u128(99));
    let claim = async || {
        let now = world.hand_now();
        world.store.chat_claim(other, now, now.plus_seconds(12)).await.unwrap()
    };
    for _ in 0..4 {
        world.hand.advance(8);
        // Two beats of the heart.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(claim().await.is_none(), "it is alive");
    }
    // Its heart is slower than the clock now, so that another one takes the chat.
    let taken = loop {
        world.hand.advance(13);
        if let Some((chat, _)) = claim().await {
            break chat;
        }
    };
    assert_eq!(taken.id, id);
    assert_eq!(world.results(id).await[0].0, Outcome::Unknown);
    for _ in 0..400 {
        if world.memory.running().0 == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.memory.running().0, 0, "the one that lost it has let go");
    stop.cancel();
    worker.await.unwrap();
}

#[test]
fn another_worker_takes_over_within_fifteen_seconds() {
    let options = crate::WorkerOptions::default();
    assert!(options.lease + options.poll < Duration::from_secs(15));
    assert!(options.heartbeat * 2 < options.lease, "one sign of life may be missed");
}

/// Lets a worker with a quick heart work until the chat is at rest, a second of the clock at a time; answers with the seconds.
async fn seconds_until_rest(world: &mut World, crash: Option<Crash>, id: bailey_core::ChatId) -> i64 {
    world.options.heartbeat = Duration::from_millis(10);
    let stop = CancellationToken::new();
    let worker = world.worker(crash.map(Arc::new));
    let worker = world.tasks.spawn(worker.run(stop.clone()));
    let mut seconds = 0;
    while seconds < 100 {
        // Several beats of the heart, and looks for work.
        tokio::time::sleep(Duration::from_millis(60)).await;
        if !world.chat(id).await.run.state.is_active() {
            break;
        }
        world.hand.advance(1);
        seconds += 1;
    }
    stop.cancel();
    worker.await.unwrap();
    seconds
}

#[tokio::test]
async fn a_store_that_fails_for_a_moment_holds_a_chat_up_for_no_longer_than_a_lease() {
    let says = vec![Say::call("list", &json!({})), Say::text("Done.")];
    // Two writes fail one after the other: each costs a lease at most.
    for at in [2, 3, 9] {
        let mut world = World::new("messages", says.clone()).await;
        let id = world.begin().await;
        let seconds = seconds_until_rest(&mut world, Some(Crash::failing(at, 2)), id).await;
        let chat = world.chat(id).await;
        assert_eq!(chat.run.state, ChatState::Waiting, "after {seconds} s");
        assert!(seconds <= 30, "{seconds} s");
    }
}

#[tokio::test]
async fn what_fails_in_the_same_way_each_time_ends() {
    // A script without an answer panics.
    let mut world = World::new("messages", vec![]).await;
    let id = world.begin().await;
    seconds_until_rest(&mut world, None, id).await;
    let chat = world.chat(id).await;
    assert_eq!(
        (chat.run.state, chat.run.cause),
        (ChatState::Failed, Some(Cause::Crashes))
    );
    let mut world = World::new("messages", vec![Say::text("Done.")]).await;
    let id = world.begin().await;
    let seconds = seconds_until_rest(&mut world, Some(Crash::failing(0, 1_000)), id).await;
    assert_eq!(world.chat(id).await.run.cause, Some(Cause::Crashes));
    assert!(seconds > 30, "it was tried again at once");
}
