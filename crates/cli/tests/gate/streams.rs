//! Clients that leave, providers that break off.

use std::time::Duration;

use crate::world::{World, call, nanos, protocols, total};

/// A scenario whose streams have gaps, so that a client can leave between any two events.
const SLOW: &str = "rules: [{answer: {text: one two three four five six, chunks: 6, delay: {between: 3ms}}}]";

#[test]
fn a_client_that_hangs_up_at_any_event_border_is_billed_what_the_provider_bills() {
    let mut world = World::new(SLOW).start();
    let (_, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--rpm", "100000"])
        .unwrap();
    let addr = world.server.addr().unwrap();
    let mut sent = 0;
    for (path, body) in protocols(true) {
        let whole = call(path, &body, &key).send(addr).unwrap();
        assert_eq!(whole.status, 200, "{}", whole.text());
        sent += 1;
        let events = whole.body.windows(2).filter(|w| w == b"\n\n").count();
        assert!(events >= 6, "{path}: {}", whole.text());
        for border in 0..events {
            call(path, &body, &key)
                .open(addr)
                .unwrap()
                .hang_up_after(border)
                .unwrap();
            sent += 1;
        }
    }
    let rows = world.rows(sent);
    let judged = world.judged();
    assert_eq!(judged.total.calls, sent as u64);
    assert_eq!(
        total(&rows),
        i64::try_from(judged.total.cost_nanos).unwrap(),
        "read on to the final usage"
    );
    for row in &rows {
        assert!(
            ["ok", "client_gone"].contains(&row["outcome"].as_str().unwrap()),
            "{row}"
        );
        assert!(row["flag"].is_null(), "{row}");
    }
    assert!(rows.iter().any(|row| row["outcome"] == "client_gone"));
}

#[test]
fn a_self_hosted_provider_is_cancelled_when_the_client_leaves() {
    let slow = "rules: [{answer: {text: one two three four five six, chunks: 6, delay: {between: 300ms}}}]";
    let mut world = World::with(slow, "", |url| {
        format!(
            "[providers.own]\nkind = \"openai-compatible\"\nbase_url = \"{url}\"\n[[models]]\nname = \"m\"\ntier = \"$\"\n\
             routes = [{{ provider = \"own\", model = \"m\", price = {{ input = \"1\", output = \"2\" }} }}]\n"
        )
    })
    .start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    call("/v1/chat/completions", &crate::world::chat(true), &key)
        .open(addr)
        .unwrap()
        .hang_up_after(2)
        .unwrap();
    let judged = world.judged();
    assert_eq!(format!("{:?}", judged.entries[0].outcome), "ClientGone");
    let rows = world.rows(1);
    assert_eq!(rows[0]["outcome"], "client_gone");
    assert_eq!(rows[0]["flag"], "estimated");
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_that_the_client_understands() {
    let mut world =
        World::new("rules: [{answer: {text: one two three four, chunks: 4}, cut: {after_events: 4, how: fin}}]")
            .start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    for (path, body) in protocols(true) {
        let answer = call(path, &body, &key).send(addr).unwrap();
        assert!(answer.whole, "the body itself ends well");
        let text = answer.text();
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        assert!(
            last.contains("error") || last.contains("response.failed"),
            "{path}: {text}"
        );
    }
    let rows = world.rows(3);
    let judged = world.judged();
    for row in &rows {
        assert_eq!(row["outcome"], "error");
        assert_eq!(row["flag"], "hold_charged");
    }
    assert!(total(&rows) >= i64::try_from(judged.total.cost_nanos).unwrap());
}

#[test]
fn revoking_a_key_ends_its_open_stream_at_once() {
    let mut world =
        World::new("rules: [{answer: {text: one two three four, chunks: 4}, stall: {after_events: 4, for: 20s}}]")
            .start();
    let (id, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let (path, body) = protocols(true).into_iter().next().unwrap();
    let mut open = call(path, &body, &key).open(addr).unwrap();
    open.piece().unwrap();
    let began = std::time::Instant::now();
    world.server.json(&["keys", "revoke", &id]).unwrap();
    let answer = open.finish().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(answer.text().contains("revoked"), "{}", answer.text());
    assert_eq!(call(path, &body, &key).send(addr).unwrap().status, 401);
}

#[test]
fn shutdown_lets_a_stream_end_and_settles_it() {
    let mut world =
        World::new("rules: [{answer: {text: one two three four, chunks: 4, delay: {between: 150ms}}}]").start();
    let (_, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let (path, body) = protocols(true).into_iter().next().unwrap();
    let mut open = call(path, &body, &key).open(addr).unwrap();
    open.piece().unwrap();
    let reader = std::thread::spawn(move || open.finish().unwrap());
    world.server.stop().unwrap();
    let answer = reader.join().unwrap();
    assert!(
        answer.whole && answer.text().contains("message_stop"),
        "{}",
        answer.text()
    );
    world.server.start().unwrap();
    let rows = world.rows(1);
    assert_eq!(rows[0]["outcome"], "ok");
    assert_eq!(
        nanos(&rows[0]["cost"]),
        i64::try_from(world.judged().total.cost_nanos).unwrap()
    );
}

#[test]
fn a_key_that_is_revoked_before_the_first_byte_waits_no_longer() {
    let mut world = World::new("rules: [{answer: {text: late}, stall: {at: headers, for: 20s}}]").start();
    let (id, key) = world.server.key(&["--name", "k", "--scope", "user"]).unwrap();
    let addr = world.server.addr().unwrap();
    let began = std::time::Instant::now();
    let waiting = std::thread::spawn({
        let (key, body) = (key.clone(), crate::world::messages(false));
        move || call("/v1/messages", &body, &key).send(addr).unwrap()
    });
    while world.mock.ledger().open == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    world.server.json(&["keys", "revoke", &id]).unwrap();
    let answer = waiting.join().unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // It was sent, so it is charged, at worst in full.
    let rows = world.rows(1);
    assert_eq!(rows[0]["flag"], "hold_charged");
}
