//! Webhooks: what arrives, how it is proven, and what goes wrong with it on purpose.

use std::time::Duration;

use bailey_demo_forge::{DeliveryFaults, DeliveryOutcome};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Arrived, GREETER, Receiver, World};

const KEY: [u8; 32] = [7; 32];

async fn hooked(world: &World, receiver: &Receiver) -> Value {
    let hook = json!({
        "url": receiver.url, "token": "canary-token-0123456789", "signing_token": format!("whsec_{}", STANDARD.encode(KEY)),
        "issues_events": true, "confidential_issues_events": true, "note_events": true, "push_events": false,
    });
    world
        .api(&world.token("mia"), "POST", &format!("{GREETER}/hooks"), &hook)
        .await
        .is(201)
}

async fn label(world: &World, number: usize) {
    world
        .forge
        .ticket_label("mia", "demo/greeter", 1, &[&format!("l{number}")], &[])
        .unwrap();
    // So that one after the other is queued.
    tokio::task::yield_now().await;
}

fn labels(arrived: &[Arrived]) -> Vec<String> {
    let newest = |arrived: &Arrived| {
        arrived.json()["labels"].as_array().unwrap().last().unwrap()["title"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    arrived.iter().map(newest).collect()
}

#[tokio::test]
async fn a_label_is_told_with_proof() {
    let world = World::start().await;
    let receiver = Receiver::start(&[]).await;
    hooked(&world, &receiver).await;
    world
        .forge
        .ticket_label("mia", "demo/greeter", 1, &["bailey-agent"], &[])
        .unwrap();
    world.forge.deliveries_idle().await;
    let arrived = receiver.last("Issue Hook");
    assert_eq!(arrived.header("x-gitlab-token"), "canary-token-0123456789");
    let id = arrived.header("webhook-id");
    assert_eq!(arrived.header("idempotency-key"), id);
    assert_eq!(arrived.header("x-gitlab-event-uuid").len(), 36);
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(format!("{id}.{}.", arrived.header("webhook-timestamp")).as_bytes());
    mac.update(&arrived.body);
    assert_eq!(
        arrived.header("webhook-signature"),
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    );

    let body = arrived.json();
    assert_eq!(
        (&body["object_kind"], &body["user"]["username"]),
        (&json!("issue"), &json!("mia"))
    );
    assert_eq!(body["project"]["path_with_namespace"], "demo/greeter");
    let attributes = &body["object_attributes"];
    assert_eq!(
        (&attributes["iid"], &attributes["action"], &attributes["confidential"]),
        (&json!(1), &json!("update"), &json!(false))
    );
    let titles = |list: &Value| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|label| label["title"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(titles(&body["changes"]["labels"]["previous"]), ["bug"]);
    assert_eq!(titles(&body["changes"]["labels"]["current"]), ["bug", "bailey-agent"]);
    // Doing it again changes nothing, and nothing is told.
    world
        .forge
        .ticket_label("mia", "demo/greeter", 1, &["bailey-agent"], &[])
        .unwrap();
    world
        .forge
        .ticket_assign("mia", "demo/greeter", 1, &["dan", "ria"])
        .unwrap();
    world.forge.deliveries_idle().await;
    assert_eq!(receiver.arrived().len(), 2);
    let changes = receiver.last("Issue Hook").json()["changes"]["assignees"].clone();
    assert_eq!(
        (
            changes["previous"].as_array().unwrap().len(),
            &changes["current"][1]["username"]
        ),
        (1, &json!("ria"))
    );
    assert!(world.forge.ticket_label("eve", "demo/greeter", 1, &["x"], &[]).is_err());
}

#[tokio::test]
async fn confidential_things_go_to_those_who_asked_for_them() {
    let world = World::start().await;
    let (open, all) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let (mia, ria) = (world.token("mia"), world.token("ria"));
    let hooks = format!("{GREETER}/hooks");
    world
        .api(
            &mia,
            "POST",
            &hooks,
            &json!({ "url": open.url, "issues_events": true, "note_events": true }),
        )
        .await
        .is(201);
    let hook = json!({ "url": all.url, "issues_events": true, "confidential_issues_events": true, "confidential_note_events": true });
    let hook = world.api(&mia, "POST", &hooks, &hook).await.is(201);
    let made = json!({ "title": "leak", "confidential": true });
    world
        .api(&ria, "POST", &format!("{GREETER}/issues"), &made)
        .await
        .is(201);
    world
        .api(
            &ria,
            "POST",
            &format!("{GREETER}/issues/2/notes"),
            &json!({ "body": "of it" }),
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
    world.forge.deliveries_idle().await;
    assert_eq!(open.arrived().len(), 0);
    let mut told: Vec<String> = all
        .arrived()
        .iter()
        .map(|arrived| arrived.header("x-gitlab-event").to_owned())
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "Confidential Issue Hook",
            "Confidential Note Hook",
            "Confidential Note Hook"
        ]
    );
    // Tested, changed, and gone.
    let path = format!("{hooks}/{}", hook["id"]);
    world
        .api(&mia, "POST", &format!("{path}/test/issues_events"), &Value::Null)
        .await
        .is(201);
    world.forge.deliveries_idle().await;
    assert_eq!(all.last("Issue Hook").json()["object_attributes"]["iid"], 1);
    let changed = world
        .api(&mia, "PUT", &path, &json!({ "issues_events": false }))
        .await
        .is(200);
    assert_eq!(
        (&changed["issues_events"], &changed["confidential_issues_events"]),
        (&json!(false), &json!(true))
    );
    world.api(&mia, "DELETE", &path, &Value::Null).await.is(204);
    world.get(&mia, &path).await.is(404);
}

#[tokio::test]
async fn a_delivery_that_fails_is_tried_again_under_the_same_id() {
    let world = World::start().await;
    let receiver = Receiver::start(&[500, 503]).await;
    hooked(&world, &receiver).await;
    label(&world, 1).await;
    world.forge.deliveries_idle().await;
    let arrived = receiver.arrived();
    assert_eq!(arrived.len(), 3);
    assert!(
        arrived
            .iter()
            .all(|one| one.header("idempotency-key") == arrived[0].header("idempotency-key"))
    );
    let record = world.forge.deliveries().pop().unwrap();
    assert_eq!(
        (record.attempts, record.status, record.outcome),
        (3, Some(200), DeliveryOutcome::Delivered)
    );

    // After the last attempt it is given up.
    let dead = Receiver::start(&[500, 500, 500]).await;
    hooked(&world, &dead).await;
    label(&world, 2).await;
    world.forge.deliveries_idle().await;
    assert_eq!(dead.arrived().len(), 3);
    assert_eq!(world.forge.deliveries().pop().unwrap().outcome, DeliveryOutcome::Failed);
}

#[tokio::test]
async fn deliveries_are_lost_doubled_delayed_and_reversed_on_demand() {
    let world = World::start().await;
    let receiver = Receiver::start(&[]).await;
    hooked(&world, &receiver).await;
    let faults = |faults| world.forge.delivery_faults_set(faults);
    faults(DeliveryFaults {
        lose_every: Some(2),
        duplicates: 1,
        ..DeliveryFaults::default()
    });
    label(&world, 1).await;
    label(&world, 2).await;
    world.forge.deliveries_idle().await;
    assert_eq!(labels(&receiver.arrived()), ["l1", "l1"]);
    let ids: Vec<String> = receiver
        .arrived()
        .iter()
        .map(|arrived| arrived.header("webhook-id").to_owned())
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(world.forge.deliveries()[1].outcome, DeliveryOutcome::Lost);

    faults(DeliveryFaults {
        reverse: 3,
        ..DeliveryFaults::default()
    });
    for number in 3..=6 {
        label(&world, number).await;
    }
    world.forge.deliveries_idle().await;
    // Three in the opposite order, and the last one when no more come.
    assert_eq!(labels(&receiver.arrived()[2..]), ["l5", "l4", "l3", "l6"]);

    faults(DeliveryFaults {
        delay: Duration::from_millis(300),
        ..DeliveryFaults::default()
    });
    label(&world, 7).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.arrived().len(), 6);
    world.forge.deliveries_idle().await;
    assert_eq!(receiver.arrived().len(), 7);
}
