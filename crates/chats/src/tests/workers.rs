//! Whole workers: they find work by themselves, share it, stop and are replaced.

use std::time::{Duration, Instant};

use bailey_core::chat::{ChatState, Outcome, Part};
use serde_json::json;
use tokio_util::sync::CancellationToken;

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
    let calls = (0..6)
        .map(|_| ("run", json!({ "command": "pause 100" }).to_string()))
        .collect();
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
    // A follow-up wakes a worker of the same process at once.
    let began = Instant::now();
    world.chats.interrupt(ids[0]).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5));
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
async fn a_lost_worker_is_replaced_within_fifteen_seconds() {
    let options = crate::WorkerOptions::default();
    assert!(options.lease + options.poll < Duration::from_secs(15));
    assert!(options.heartbeat * 2 < options.lease, "one sign of life may be missed");
}
