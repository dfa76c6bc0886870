//! Every command against a real server with nothing configured.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::support::{Place, Server};

/// A server, and a place whose commands find it as its owner.
pub(crate) fn start() -> (Place, Server) {
    let mut place = Place::new();
    let server = Server::start(&place);
    let token = place.ok(&["admin", "token", "create", "--user", "owner", "--data-dir", "data"]);
    assert!(token.starts_with("bly_") && token.lines().count() == 1, "{token}");
    place.set("BAILEY_URL", &server.url.clone());
    place.set("BAILEY_TOKEN", token.trim());
    (place, server)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} is no text in {value}"))
}

/// Asks the mock through the model door, with nothing but a socket.
fn ask(server: &Server, key: &str) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let body = r#"{"model":"mock","max_tokens":50,"messages":[{"role":"user","content":"Hello there."}]}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: {address}\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_key_is_made_used_changed_and_ended() {
    let (place, server) = start();
    let made = place.json(&[
        "keys", "create", "--name", "laptop", "--scope", "user", "--budget", "5/day", "--rpm", "none",
    ]);
    let (id, key) = (text(&made, "/id"), text(&made, "/key"));
    assert_eq!(text(&made, "/budgets/0/limit/usd"), "5");
    let answer = ask(&server, key);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let shown = place.ok(&["keys", "show", id]);
    assert!(shown.contains("$5.00") && shown.contains("no limit"), "{shown}");
    let changed = place.json(&[
        "keys",
        "update",
        id,
        "--budget",
        "7/day",
        "--rpm",
        "9",
        "--metadata",
        "team=red",
    ]);
    assert_eq!(
        (text(&changed, "/budgets/0/limit/usd"), changed["rpm"].as_u64()),
        ("7", Some(9))
    );
    let list = place.ok(&["keys", "list"]);
    assert!(
        list.starts_with("NAME    SCOPE  STATE   PERSON  BUDGETS    EXPIRES (UTC)"),
        "{list}"
    );
    assert!(list.contains("laptop  user   active  owner   $7.00/day"), "{list}");

    let rotated = place.ok(&["keys", "rotate", id]);
    assert!(ask(&server, key).starts_with("HTTP/1.1 401 "));
    assert!(ask(&server, rotated.trim()).starts_with("HTTP/1.1 200 "));
    place.ok(&["keys", "revoke", id]);
    assert!(ask(&server, rotated.trim()).starts_with("HTTP/1.1 401 "));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_was_asked_is_shown_in_every_form() {
    let (place, server) = start();
    let made = place.json(&["keys", "create", "--name", "k"]);
    for _ in 0..3 {
        ask(&server, text(&made, "/key"));
    }
    let requests = place.json(&["requests", "--key", text(&made, "/id")]);
    let items = requests["items"].as_array().unwrap();
    let cost: i64 = items.iter().map(|item| item["cost"]["nanos"].as_i64().unwrap()).sum();
    assert!(items.len() == 3 && cost > 0, "{requests}");
    let one = place.ok(&["requests", text(&items[0], "/id")]);
    assert!(one.contains("outcome") && one.contains("ok (200)"), "{one}");
    assert_eq!(
        place.json(&["requests", "--limit", "2"])["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let csv = place.ok(&["requests", "--output", "csv"]);
    assert_eq!(csv.lines().count(), 4, "{csv}");

    let spend = place.json(&["spend", "--group-by", "key"]);
    assert_eq!(spend["rows"][0]["cost"]["nanos"].as_i64(), Some(cost));
    let table = place.ok(&["spend", "--group-by", "model,day"]);
    assert!(table.starts_with("MODEL  DAY"), "{table}");
    assert_eq!(place.ok(&["spend", "--output", "csv"]).lines().count(), 2);
    assert!(place.ok(&["models"]).contains("mock"), "models");
}

#[test]
fn connections_are_managed() {
    let (place, server) = start();
    place.write("token", "glpat-canary\n");
    let url = server.url.clone();
    let create = [
        "connections",
        "create",
        "--name",
        "lab",
        "--base-url",
        &url,
        "--project",
        "g/p",
    ];
    let more = ["--forge-token-file", "token", "--template", "shell", "--models", "a,b"];
    let made = place.ok(&[&create[..], &more[..]].concat());
    assert!(
        made.contains("a, b") && made.contains("/hooks/con_") && !made.contains("canary"),
        "{made}"
    );
    assert!(place.ok(&["connections", "list"]).contains("g/p"));
    let changed = place.ok(&["connections", "update", "lab", "--models", "none", "--template", "none"]);
    assert!(
        changed
            .lines()
            .any(|line| line.starts_with("models") && line.ends_with(" all")),
        "{changed}"
    );
    // Bailey itself answers there, and is no GitLab.
    let check = place.run(&["connections", "check", "lab"]);
    assert_eq!(check.code, 1, "{}", check.stderr);
    assert!(check.stderr.contains("lacks something"), "{}", check.stderr);
    assert!(
        check.stdout.contains("no template") && check.stdout.contains("g/p"),
        "{}",
        check.stdout
    );
    assert_eq!(place.ok(&["connections", "runs", "lab"]), "no runs\n");
    assert_eq!(place.ok(&["connections", "deliveries", "lab"]), "no deliveries\n");
    place.ok(&["connections", "delete", "lab"]);
    assert_eq!(place.ok(&["connections", "list"]), "no connections\n");
}

#[test]
fn people_groups_budgets_and_tokens_are_managed() {
    let (mut place, _server) = start();
    place.ok(&["users", "create", "--name", "ada", "--email", "ada@example.com"]);
    place.ok(&["groups", "create", "--name", "bench"]);
    place.ok(&["groups", "add-member", "bench", "ada"]);
    let shown = place.ok(&["groups", "show", "bench"]);
    let members = shown.lines().find(|line| line.starts_with("members"));
    assert!(members.is_some_and(|line| line.ends_with(" ada")), "{shown}");
    assert_eq!(text(&place.json(&["users", "show", "ada"]), "/groups/0/name"), "bench");
    place.ok(&["users", "update", "ada", "--charged-group", "bench", "--email", "none"]);
    let made = place.json(&["budgets", "create", "--group", "bench", "--limit", "100/week"]);
    place.ok(&["budgets", "create", "--user", "ada", "--limit", "50/day"]);
    place.ok(&["budgets", "create", "--organization", "--limit", "1000/month"]);
    place.ok(&["budgets", "update", text(&made, "/id"), "--limit", "120"]);
    let budgets = place.ok(&["budgets", "list"]);
    assert!(budgets.contains("$120.00") && budgets.lines().count() == 4, "{budgets}");
    place.ok(&["budgets", "delete", text(&made, "/id")]);
    place.ok(&["org", "update", "--display-name", "Example"]);
    assert_eq!(text(&place.json(&["org", "show"]), "/display_name"), "Example");

    let token = place.ok(&[
        "tokens",
        "create",
        "--name",
        "reader",
        "--scopes",
        "keys.read",
        "--expires-in",
        "1h",
    ]);
    let tokens = place.json(&["tokens", "list"]);
    assert_eq!(tokens["items"].as_array().unwrap().len(), 2);
    place.set("BAILEY_TOKEN", token.trim());
    place.ok(&["keys", "list"]);
    let ended = place.run(&["keys", "create", "--name", "more"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("hint: ") && ended.stderr.contains("explains `forbidden`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_refusal_names_the_field() {
    let (place, _server) = start();
    let ended = place.run(&["keys", "create", "--name", ""]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("\n  name: "), "{}", ended.stderr);
    let ended = place.run(&["keys", "show", "key_00000000000000000000000000000000"]);
    assert!(ended.stderr.contains("explains `not_found`"), "{}", ended.stderr);
}

#[test]
fn a_second_server_on_the_same_data_says_why_it_does_not_start() {
    let place = Place::new();
    let _server = Server::start(&place);
    let ended = place.run(&["server", "--listen", "127.0.0.1:0", "--data-dir", "data"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert!(
        ended
            .stderr
            .contains("error: another server runs on the data directory data"),
        "{}",
        ended.stderr
    );
}

#[test]
fn roles_are_made_granted_and_explained() {
    let (place, _server) = start();
    place.ok(&["users", "create", "--name", "ada"]);
    place.ok(&["groups", "create", "--name", "team"]);
    place.ok(&["groups", "add-member", "team", "ada"]);
    let made = place.ok(&[
        "roles",
        "create",
        "--name",
        "lead",
        "--description",
        "Looks after a team",
        "--allow",
        "ledger.read=group",
    ]);
    assert!(made.contains("ledger.read") && made.contains("group"), "{made}");
    let list = place.ok(&["roles", "list"]);
    assert!(list.contains("lead") && list.contains("built-in"), "{list}");
    let grant = place.json(&["grants", "add", "lead", "--group", "team"]);
    assert_eq!(text(&grant, "/group/name"), "team");
    assert!(place.ok(&["grants", "list", "--role", "lead"]).contains("group team"));
    let why = place.ok(&["policy", "explain", "ada", "ledger.read", "on", "person:ada"]);
    assert!(
        why.starts_with("allowed, reaching group") && why.contains("granted to the group `team`"),
        "{why}"
    );
    let why = place.ok(&["policy", "explain", "ada", "budgets.write"]);
    assert!(why.starts_with("not allowed"), "{why}");
    assert!(
        place
            .ok(&["policy", "explain", "me", "budgets.write"])
            .starts_with("allowed, reaching all")
    );
    place.ok(&["roles", "update", "lead", "--allow", "keys.read=group"]);
    assert!(!place.ok(&["roles", "show", "lead"]).contains("ledger.read"));
    place.ok(&["grants", "remove", text(&grant, "/id")]);
    place.ok(&["roles", "delete", "lead"]);

    let limited = place.ok(&[
        "groups",
        "limit",
        "team",
        "--workspaces",
        "3",
        "--memory",
        "16GiB",
        "--models",
        "small,large",
    ]);
    assert!(
        limited.contains("workspaces 3, memory 16GiB") && limited.contains("small, large"),
        "{limited}"
    );
    let limited = place.ok(&["groups", "limit", "team", "--workspaces", "none", "--models", "none"]);
    assert!(
        !limited.contains("workspaces 3") && limited.contains("memory 16GiB"),
        "{limited}"
    );
    assert!(place.ok(&["quota"]).contains("organization"));
    let access = place.ok(&["templates", "access", "shell", "--group", "team"]);
    assert!(access.contains("everyone  no") && access.contains("team"), "{access}");
    assert!(
        place
            .ok(&["templates", "access", "shell", "--everyone"])
            .contains("everyone  yes")
    );
}

#[test]
fn a_person_is_suspended_comes_back_and_is_deleted() {
    let (place, server) = start();
    place.ok(&["users", "create", "--name", "ada"]);
    let made = place.json(&["keys", "create", "--name", "k", "--user", "ada", "--scope", "user"]);
    let key = text(&made, "/key");
    assert!(ask(&server, key).starts_with("HTTP/1.1 200 "));
    let shown = place.ok(&["users", "suspend", "ada", "--reason", "left"]);
    assert!(
        shown.contains("reason       left") && shown.contains("all ended    yes"),
        "{shown}"
    );
    let report = place.json(&["users", "suspension", "ada"]);
    assert_eq!(
        (text(&report, "/person/name"), report["keys"].as_u64()),
        ("ada", Some(1))
    );
    assert!(ask(&server, key).starts_with("HTTP/1.1 401 "));
    let back = place.json(&["users", "reactivate", "ada"]);
    assert_eq!(text(&back, "/status"), "active");
    assert!(
        ask(&server, key).starts_with("HTTP/1.1 401 "),
        "what was ended stays ended"
    );
    // An active person is suspended first.
    let gone = place.json(&["users", "delete", "ada"]);
    assert_eq!(text(&gone, "/person/name"), "ada");
    let list = place.ok(&["users", "list"]);
    assert!(!list.contains("ada"), "{list}");
    let list = place.ok(&["users", "list", "--status", "deleted"]);
    assert!(list.contains("ada"), "{list}");
    assert_eq!(place.ok(&["homes", "list"]), "no kept homes\n");
}
