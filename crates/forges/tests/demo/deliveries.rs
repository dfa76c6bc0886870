//! What the forge delivers is what Bailey verifies and reads.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bailey_core::{Secret, Timestamp};
use bailey_forges::event::{StateChange, What};
use bailey_forges::forge::HookWanted;
use bailey_forges::model::ForgeKind;
use bailey_forges::webhook::{HookSecret, Parsed, Verifier};
use bailey_forges::{Event, Forge as _};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::World;

const SHARED: &str = "canary-token-0123456789";

type Arrived = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn receiver() -> (String, Arrived, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/1", listener.local_addr().unwrap());
    let arrived = Arrived::default();
    let seen = Arc::clone(&arrived);
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = Arc::clone(&seen);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    seen.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((head.headers, body));
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
                }
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    (url, arrived, accepting)
}

/// The time of a delivery, which Bailey compares with its own.
fn sent_at(headers: &HeaderMap) -> Timestamp {
    let seconds = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
    Timestamp::from_seconds(seconds)
}

fn read(headers: &HeaderMap, body: &[u8], secret: HookSecret) -> Parsed {
    let verifier = Verifier::new(ForgeKind::GitLab, vec![secret]).unwrap();
    let good = verifier.verify(headers, body, sent_at(headers)).unwrap();
    assert_eq!(good.delivery(), headers["idempotency-key"].to_str().unwrap());
    good.parse().unwrap()
}

fn signing() -> HookSecret {
    HookSecret::signing(HookSecret::signing_token([7; 32]).expose()).unwrap()
}

fn events(arrived: &Arrived) -> Vec<Event> {
    let all = arrived.lock().unwrap_or_else(PoisonError::into_inner);
    let parsed = all.iter().map(|(headers, body)| match read(headers, body, signing()) {
        Parsed::Event(event) => *event,
        Parsed::Ignored(why) => panic!("{why}"),
    });
    parsed.collect()
}

#[tokio::test]
async fn deliveries_are_verified_and_read() {
    let world = World::start().await;
    let (url, arrived, _accepting) = receiver().await;
    let (forge, project) = (world.bailey(), world.project().await);
    let wanted = HookWanted {
        url,
        token: Secret::new(SHARED.to_owned()),
        signing_token: Some(HookSecret::signing_token([7; 32])),
    };
    forge.hook_ensure(&project, &wanted).await.unwrap();
    world
        .forge
        .ticket_label("mia", "demo/greeter", 1, &["bailey-agent"], &[])
        .unwrap();
    world.forge.deliveries_idle().await;
    world
        .forge
        .ticket_assign("mia", "demo/greeter", 1, &["dan", "ria"])
        .unwrap();
    world.forge.deliveries_idle().await;
    world
        .gitlab("ria", &["api"])
        .comment_create(&project, 1, "please\n/close")
        .await
        .unwrap();
    world.forge.deliveries_idle().await;
    let events = events(&arrived);
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.project == project));
    let What::Ticket(labelled) = &events[0].what else {
        panic!("{:?}", events[0])
    };
    assert_eq!(
        (labelled.number, labelled.confidential, labelled.state),
        (1, false, None::<StateChange>)
    );
    assert!(format!("{:?}", labelled.labels).contains("bailey-agent"));
    assert_eq!(events[0].sender.name, "mia");
    let What::Ticket(assigned) = &events[1].what else {
        panic!("{:?}", events[1])
    };
    let names: Vec<&str> = assigned.assigned.iter().map(|actor| actor.name.as_str()).collect();
    assert_eq!(names, ["ria"]);
    let What::Comment(comment) = &events[2].what else {
        panic!("{:?}", events[2])
    };
    assert_eq!(
        (comment.number, comment.body.as_str(), comment.edited),
        (1, "please\n/close", false)
    );

    // The plain token proves it as well, and another one proves nothing.
    let all = arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (headers, body) = &all[0];
    assert!(matches!(
        read(headers, body, HookSecret::shared(SHARED.to_owned()).unwrap()),
        Parsed::Event(_)
    ));
    let other = HookSecret::signing(HookSecret::signing_token([8; 32]).expose()).unwrap();
    let verifier = Verifier::new(ForgeKind::GitLab, vec![other]).unwrap();
    assert!(verifier.verify(headers, body, sent_at(headers)).is_err());
}
