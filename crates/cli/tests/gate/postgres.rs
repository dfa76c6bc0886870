//! The same on PostgreSQL: one server, and no second one.

use bailey_testkit::db::{TestTarget, on_postgres};

use crate::world::{World, call, nanos, protocols, total};

#[test]
fn a_server_on_postgresql_keeps_the_books_and_lets_no_second_one_in() {
    on_postgres(async |db| {
        let TestTarget::Postgres(url) = db.target() else { return };
        let url = url.clone();
        tokio::task::spawn_blocking(move || one_server(&url)).await.unwrap();
    });
}

fn one_server(url: &str) {
    let mut world = World::new("");
    world.server.set_env("BAILEY__DATABASE__URL", Some(url));
    let addr = world.server.start().unwrap();
    let (id, key) = world
        .server
        .key(&["--name", "k", "--scope", "user", "--budget", "1/day"])
        .unwrap();
    for stream in [false, true] {
        for (path, body) in protocols(stream) {
            assert_eq!(call(path, &body, &key).send(addr).unwrap().status, 200);
        }
    }
    let mut second = World::new("");
    second.server.set_env("BAILEY__DATABASE__URL", Some(url));
    let refused = second.server.start().unwrap_err().to_string();
    assert!(refused.contains("another"), "{refused}");
    let rows = world.rows(6);
    assert_eq!(total(&rows), i64::try_from(world.judged().total.cost_nanos).unwrap());
    world.server.kill().unwrap();
    world.server.start().unwrap();
    let budgets = world.server.json(&["budgets", "list", "--key", &id]).unwrap();
    assert_eq!(nanos(&budgets["items"][0]["spent"]), total(&rows));
    world.rows(6);
}
