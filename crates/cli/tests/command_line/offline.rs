//! What the binary says without a server: help, failures, exit codes.

use crate::support::{Ended, Place};

fn failed(stderr: &str) -> Ended {
    Ended {
        code: 1,
        stdout: String::new(),
        stderr: stderr.to_owned(),
    }
}

#[test]
fn help_fits_on_one_screen() {
    let ended = Place::new().run(&["--help"]);
    assert_eq!(
        ended.stdout,
        "\
One gate for every model call: keys, budgets, routes, and a ledger of what was spent

Usage: bailey <COMMAND>

Commands:
  server         Run the server
  login          Sign in to a server by way of a browser, and keep the token
  logout         Revoke the token that `login` got, and forget it
  create         Make a workspace from a template
  list           List workspaces
  show           Show a workspace, its apps and its figures
  start          Start a workspace
  stop           Stop a workspace; its home is kept
  restart        Stop a workspace and start it again
  update         Move a workspace to the template's version in force, or to other parameters
  delete         Delete a workspace, and its home unless told otherwise
  terminal       Open a terminal in a workspace; it stays when this ends
  exec           Run a command in a workspace
  chat           Talk to an AI agent that works in a workspace
  chats          List, show and stop chats with AI agents
  tasks          List and run a template's tasks, which are named jobs for AI agents
  files          List, read, write and search the files of a workspace
  open           Show an address that opens an app of a workspace in a browser
  logs           Show the log of a workspace's build
  homes          List or remove homes that were kept when their workspaces were deleted
  templates      Manage templates, which workspaces are made from
  connections    Connect forges, whose labelled tickets become workspaces
  keys           Manage keys, which open the model door
  spend          Show what was spent
  requests       Show the requests that were made
  audit          Show, export and verify the log of what was done
  budgets        Manage budgets, which are never exceeded
  users          Manage people
  groups         Manage groups of people
  roles          Manage roles: what may be done, and on whose things
  grants         Manage who was granted which roles
  policy         Explain why something is allowed, or is not
  quota          Show what you may have of workspaces, and have
  org            Show or change the organization
  external-auth  Link your accounts at GitLab and GitHub, so that git in your workspaces acts as you
  tokens         Manage API tokens
  models         Show models, where they lead, and how that is
  prices         Check or import price tables
  admin          Do what needs no running server
  config         Check or show the configuration
  doctor         Find out what is wrong with this machine or its configuration
  demo           Show how a ticket becomes a merge request, on this machine alone
  mock           Run a scripted model provider
  openapi        Print the description of the HTTP API
  version        Print the version

Options:
  -h, --help     Print help
  -V, --version  Print version

Commands that talk to a server use BAILEY_URL and BAILEY_TOKEN, or what `login` kept.
Start with: bailey server
"
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn a_wrong_call_ends_with_two() {
    let place = Place::new();
    for arguments in [
        &["serve"][..],
        &["keys"],
        &["keys", "create"],
        &["keys", "create", "--name", "x", "--rpm", "many"],
    ] {
        let ended = place.run(arguments);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_command_without_a_token_says_how_to_get_one() {
    assert_eq!(
        Place::new().run(&["keys", "list"]),
        failed(
            "error: there is no API token\n\
             hint: run `bailey login`, or set BAILEY_TOKEN; on the server's machine `bailey admin token create --user owner --data-dir DIR` makes one\n"
        )
    );
}

#[test]
fn a_command_without_a_server_says_so() {
    let mut place = Place::new();
    place.set("BAILEY_TOKEN", "canary-token");
    // Port 9 is discard, which nothing here answers.
    let ended = place.run(&["spend", "--url", "http://127.0.0.1:9"]);
    assert_eq!(ended.code, 1);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(
        lines.first(),
        Some(&"error: cannot reach a server at http://127.0.0.1:9")
    );
    assert_eq!(
        lines.last(),
        Some(&"hint: start one with `bailey server`, or name another with --url or BAILEY_URL")
    );
    assert!(!ended.stderr.contains("canary-token"));
    let ended = place.run(&["spend", "--url", "nowhere at all"]);
    assert!(
        ended.stderr.ends_with("hint: write it as http://HOST:PORT\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_token_is_made_where_there_is_a_database() {
    assert_eq!(
        Place::new().run(&["admin", "token", "create", "--user", "owner", "--data-dir", "data"]),
        failed(
            "error: there is no database at data/bailey.db\n\
             hint: start the server once, or name its data directory with --data-dir\n"
        )
    );
}

#[test]
fn the_configuration_is_checked_all_at_once() {
    let place = Place::new();
    place.write("bailey.toml", "[server]\nlisten = \"here\"\n[limits]\nheader = 1\n");
    let expected = "\
error: the configuration has 2 errors (bailey.toml)
  line 2: server.listen: `here` is no address; write an IP address and a port, such as 127.0.0.1:7080
  line 4: limits.header: unknown key; allowed here: body_bytes, header_bytes, headers, json_depth, body_idle_timeout, \
        body_min_rate, kept_bodies, connections
";
    assert_eq!(place.run(&["config", "check"]), failed(expected));
    assert_eq!(place.run(&["config", "show"]), failed(expected));
    assert_eq!(place.run(&["server"]), failed(expected));
    let ended = place.run(&["config", "check", "--output", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (ended.code, told["errors"][0]["path"].as_str()),
        (1, Some("server.listen"))
    );
}

#[test]
fn a_good_configuration_is_shown_without_secrets() {
    let mut place = Place::new();
    let fine = place.ok(&["config", "check"]);
    assert_eq!(fine, "the configuration (no file) is fine: 1 provider, 1 model\n");
    place.write(
        "bailey.toml",
        "[providers.a]\nkind = \"anthropic\"\napi_key_env = \"A_KEY\"\n",
    );
    place.set("A_KEY", "canary-secret");
    place.set("BAILEY__DATABASE__URL", "postgres://bailey:canary-password@db/bailey");
    let shown = place.ok(&["config", "show", "--data-dir", "/data"]);
    for line in [
        "listen = \"127.0.0.1:7080\"",
        "data_dir = \"/data\"",
        "api_key_env = \"A_KEY\"",
        "url = \"[redacted]\"",
    ] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
    let json = place.ok(&["config", "show", "--output", "json"]);
    assert!(!shown.contains("canary") && !json.contains("canary"));
}

#[test]
fn prices_are_checked() {
    let place = Place::new();
    assert!(
        place
            .ok(&["prices", "check"])
            .starts_with("the shipped price list is fine: ")
    );
    place.write("prices.toml", "nonsense = 1\n");
    let ended = place.run(&["prices", "check", "prices.toml"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.starts_with("error: prices.toml is no good price file\n  "),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_public_price_list_becomes_a_price_file() {
    let place = Place::new();
    let list = r#"{
        "claude-x": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05},
        "painter": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_pixel": 4e-08}
    }"#;
    place.write("list.json", list);
    let import = [
        "prices",
        "import",
        "list.json",
        "--from",
        "litellm",
        "--date",
        "2026-01-31",
    ];
    let ended = place.run(&import);
    assert!(ended.stdout.contains("models = [\"claude-x\"]"), "{}", ended.stdout);
    assert!(
        ended.stderr.starts_with("1 price; 1 left out\n  painter: "),
        "{}",
        ended.stderr
    );
    let to_file: Vec<&str> = import.iter().copied().chain(["--to", "prices.toml"]).collect();
    place.ok(&to_file);
    assert!(
        place
            .ok(&["prices", "check", "prices.toml"])
            .starts_with("prices.toml is fine: 1 price, version 2026-01-31-")
    );
    // A file that is no good stays out, and the one that is there stays.
    place.write("list.json", "[]");
    assert_eq!(place.run(&to_file).code, 1);
    place.ok(&["prices", "check", "prices.toml"]);
}

#[test]
fn the_doctor_looks_at_everything_and_fails_where_something_is_wrong() {
    let place = Place::new();
    let ended = place.run(&["doctor", "--listen", "127.0.0.1:0", "--output", "json"]);
    let checks: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let names: Vec<&str> = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    // What follows depends on the machine.
    assert_eq!(
        names[..9],
        [
            "configuration",
            "data directory",
            "disk",
            "port",
            "file descriptors",
            "database",
            "provider mock",
            "prices",
            "workspaces"
        ]
    );
    place.write("data", "a file");
    let ended = place.run(&[
        "doctor",
        "--data-dir",
        "data/below",
        "--database-url",
        "postgres://127.0.0.1:9/bailey",
    ]);
    assert_eq!(ended.code, 1);
    // How wide the names' column is depends on the machine.
    let words: Vec<&str> = ended.stdout.split_whitespace().collect();
    assert!(
        words.join(" ").contains("FAIL database PostgreSQL at 127.0.0.1:9"),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
}

#[test]
fn the_mock_prints_its_address_and_refuses_bad_scenarios() {
    let place = Place::new();
    place.write("bad.yaml", "rules:\n  - answr: {}\n");
    let ended = place.run(&["mock", "--listen", "127.0.0.1:0", "--scenarios", "bad.yaml"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""));
    assert!(ended.stderr.contains("answr"), "{}", ended.stderr);
    let ended = place.run(&["mock", "--usage", "inputs=1"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("unknown class `inputs`"), "{}", ended.stderr);
}

#[test]
fn the_version_is_shown_in_both_forms() {
    let place = Place::new();
    let version = concat!("bailey ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(place.ok(&["version"]), version);
    assert_eq!(place.ok(&["--version"]), version);
    assert_eq!(place.json(&["version"])["version"], env!("CARGO_PKG_VERSION"));
}
