//! A person who has everything open is suspended, comes back, and is deleted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bailey_testkit::http::Call;
use serde_json::{Value, json};

use crate::relay::{bailey, run};
use crate::world::{World, test};

/// How long what is open may go on.
const SOON: Duration = Duration::from_secs(5);
/// A server of one page that never ends, and of WebSockets that say nothing.
const SERVE: &str = r#"exec perl -MIO::Socket::INET -e '
$SIG{CHLD} = "IGNORE";
my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 9998, Listen => 16, ReuseAddr => 1) or die;
while (my $c = $l->accept) {
  next if fork;
  $c->autoflush(1);
  my $up = 0;
  while (<$c>) { $up = 1 if /^upgrade:/i; last if /^\r\n$/ }
  if ($up) { print $c "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" }
  else { print $c "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nbegun\n" }
  sleep 1 while print $c ($up ? "" : "more\n");
}'"#;

fn manifest() -> String {
    format!(
        "[base]\nroot = \"host\"\n[resources]\ndisk = \"32MiB\"\n\
         [[parameters]]\nname = \"slow\"\ntype = \"bool\"\ndefault = false\n\
         [[scripts]]\nname = \"begin\"\nrun = \"start\"\nblocking = true\n\
         command = \"test ${{param.slow}} = false || sleep 86399\"\n\
         [[apps]]\nname = \"page\"\nport = 9998\ncommand = '''{SERVE}'''\n"
    )
}

/// Somebody with a token, and the server they ask.
struct Person {
    token: String,
    at: SocketAddr,
}

impl Person {
    fn new(world: &mut World, at: SocketAddr, name: &str) -> Self {
        let (status, made) = world.api("POST", "/users", Some(json!({ "name": name })));
        assert_eq!(status, 201, "{made}");
        let token = world.server.token_of(name).unwrap();
        Self { token, at }
    }

    fn api(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let path = format!("/api/v1{path}");
        let mut call = Call::bare(method, &path).bearer(&self.token);
        if let Some(body) = body {
            call = call
                .header("content-type", "application/json")
                .body(body.to_string().into_bytes());
        }
        let answer = call.send(self.at).unwrap();
        (answer.status, answer.json().unwrap_or_default())
    }

    /// A raw request whose head is answered with `status`; what comes after is on the stream.
    fn open(&self, host: &str, head: &str, status: u16) -> TcpStream {
        let (answer, stream) = self.ask(host, head);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        stream
    }

    /// A raw request; answers with the head of its answer, and the stream that goes on with the body.
    fn ask(&self, host: &str, head: &str) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let request = format!("{}\r\nhost: {host}\r\n\r\n", head.trim_end());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(
                stream.read(&mut byte).unwrap(),
                1,
                "{}",
                String::from_utf8_lossy(&answer)
            );
            answer.push(byte[0]);
        }
        (String::from_utf8_lossy(&answer).into_owned(), stream)
    }

    fn socket(&self, path: &str) -> TcpStream {
        let head = format!(
            "GET /api/v1{path} HTTP/1.1\r\nauthorization: Bearer {}\r\n{UPGRADE}",
            self.token
        );
        self.open(&self.at.to_string(), &head, 101)
    }

    /// The host of an app, and the cookie that opens it.
    fn app(&self, workspace: &str, app: &str) -> (String, String) {
        let (status, opened) = self.api(
            "POST",
            &format!("/workspaces/{workspace}/apps/{app}/open"),
            Some(json!({})),
        );
        assert_eq!(status, 200, "{opened}");
        let url = opened["url"]
            .as_str()
            .unwrap()
            .strip_prefix("http://")
            .unwrap()
            .to_owned();
        let (host, path) = url.split_once('/').unwrap();
        let mut stream = TcpStream::connect(self.at).unwrap();
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let cookie = cookie.unwrap_or_else(|| panic!("{answer}")).split(';').next().unwrap();
        (host.to_owned(), cookie.to_owned())
    }
}

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Reads to the end of a stream, in a thread of its own; says when it came.
fn watch(mut stream: TcpStream) -> std::thread::JoinHandle<Instant> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while matches!(stream.read(&mut buffer), Ok(1..)) {}
        Instant::now()
    })
}

/// Signs somebody in who was invited; answers with their session's cookie.
fn session(world: &mut World, at: SocketAddr, name: &str) -> String {
    let (status, made) = world.api("POST", "/invitations", Some(json!({ "name": name })));
    assert_eq!(status, 201, "{made}");
    let secret = made["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let body = json!({ "token": secret, "password": "a long enough password" }).to_string();
    let mut stream = TcpStream::connect(at).unwrap();
    let host = format!("localhost:{}", at.port());
    write!(
        stream,
        "POST /api/v1/invitations/accept HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    cookie
        .unwrap_or_else(|| panic!("{answer}"))
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

fn begin(world: &mut World) -> SocketAddr {
    let at = world.start();
    let directory = world.dir().join("serves");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("template.toml"), manifest()).unwrap();
    let (status, _, said) = run(
        bailey(world, at, &["templates", "push", &directory.to_string_lossy()]),
        b"",
    );
    assert_eq!(status, 0, "{said}");
    at
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn everything_of_a_suspended_person_ends_within_five_seconds_and_the_report_names_it() {
    test(|mut world| {
        let at = begin(&mut world);
        let cookie = session(&mut world, at, "ann");
        let token = world.server.token_of("ann").unwrap();
        let ann = Person { token, at };
        let begun = |name: &str, slow: bool| {
            let body = json!({ "template": "serves", "name": name, "parameters": { "slow": slow } });
            let (status, made) = ann.api("POST", "/workspaces", Some(body));
            assert_eq!(status, 201, "{made}");
            made["id"].as_str().unwrap().to_owned()
        };
        let dev = begun("dev", false);
        world.until(&dev, "running");
        let slow = begun("slow", true);
        let (_, key) = ann.api("POST", "/keys", Some(json!({ "name": "k", "scope": "user" })));
        let key = key["key"].as_str().unwrap().to_owned();

        let mut open = vec![ann.socket(&format!("/workspaces/{dev}/terminal?name=main"))];
        open.push(ann.socket(&format!("/workspaces/{dev}/exec?command=sleep&command=86398")));
        let (host, app) = ann.app(&dev, "page");
        let origin = format!("origin: http://{host}\r\ncookie: {app}\r\n");
        open.push(ann.open(&host, &format!("GET /ws HTTP/1.1\r\n{origin}{UPGRADE}"), 101));
        open.push(ann.open(&host, &format!("GET /page HTTP/1.1\r\n{origin}"), 200));
        let log = format!(
            "GET /api/v1/workspaces/{slow}/builds/1/log HTTP/1.1\r\nauthorization: Bearer {}\r\n\
             accept: text/event-stream\r\nconnection: close",
            ann.token
        );
        open.push(ann.open(&at.to_string(), &log, 200));
        let stream = json!({ "model": "m", "max_tokens": 100, "stream": true,
            "messages": [{ "role": "user", "content": "say hello endlessly" }] })
        .to_string();
        let mut head = format!(
            "POST /v1/messages HTTP/1.1\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            stream.len()
        );
        head = format!("{head}host: {at}\r\nconnection: close\r\n\r\n{stream}");
        let mut call = TcpStream::connect(at).unwrap();
        call.write_all(head.as_bytes()).unwrap();
        let mut first = [0; 12];
        call.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        open.push(call);
        // The slow one asks for its key as soon as its agent is there.
        world.wait("no key", |world| world.live_keys(&slow) == 1);
        let (_, keys) = world.api("GET", "/keys?person=ann&state=active", None);
        let keys = keys["items"].as_array().unwrap().len();

        let watched: Vec<_> = open.into_iter().map(watch).collect();
        std::thread::sleep(Duration::from_millis(500));
        assert!(
            watched.iter().all(|thread| !thread.is_finished()),
            "something ended by itself"
        );
        let asked = Instant::now();
        let (status, report) = world.api("POST", "/users/ann/suspend", Some(json!({ "reason": "left" })));
        assert_eq!(status, 200, "{report}");
        for (number, thread) in watched.into_iter().enumerate() {
            let took = thread.join().unwrap().duration_since(asked);
            assert!(took < SOON, "{number}: {took:?}");
        }
        let counted = [
            "sessions",
            "tokens",
            "keys",
            "streams",
            "terminals",
            "exec",
            "apps",
            "logs",
            "files",
        ];
        let counted = counted.map(|name| usize::try_from(report[name].as_u64().unwrap()).unwrap());
        assert_eq!(counted, [1, 1, keys, 1, 1, 1, 2, 1, 0], "{report:#}");
        assert_eq!(
            (&report["finished"], &report["reason"]),
            (&json!(true), &json!("left")),
            "{report:#}"
        );
        let mut named: Vec<_> = report["workspaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| w["name"].clone())
            .collect();
        named.sort_by_key(ToString::to_string);
        assert_eq!(named, [json!("dev"), json!("slow")], "{report:#}");

        let (status, refused) = ann.api("GET", "/me", None);
        assert_eq!((status, &refused["code"]), (403, &json!("person_suspended")));
        let by_cookie = Call::bare("GET", "/api/v1/me")
            .header("cookie", &cookie)
            .send(at)
            .unwrap();
        assert!([401, 403].contains(&by_cookie.status), "{}", by_cookie.text());
        // What a new visit to an app goes by is a moment old at most.
        let head = format!("GET /page HTTP/1.1\r\ncookie: {app}\r\norigin: http://{host}\r\n");
        while !ann.ask(&host, &head).0.starts_with("HTTP/1.1 401 ") {
            assert!(asked.elapsed() < SOON, "the app is open to them");
            std::thread::sleep(Duration::from_millis(100));
        }
        let refused = Call::post("/v1/messages", &serde_json::from_str(&stream).unwrap()).bearer(&key);
        assert_eq!(refused.send(at).unwrap().status, 401);
        for id in [&dev, &slow] {
            world.wait("it runs on", |world| {
                let (_, found) = world.api("GET", &format!("/workspaces/{id}"), None);
                ["stopped", "failed"].contains(&found["status"].as_str().unwrap_or_default())
            });
        }
        world.nothing_runs();
        let (_, later) = world.api("GET", "/users/ann/suspension", None);
        assert_eq!(later["terminals"], 1);
    });
}

#[test]
fn a_server_that_is_killed_while_it_suspends_leaves_nothing_alive() {
    test(|mut world| {
        let at = begin(&mut world);
        let ann = Person::new(&mut world, at, "ann");
        let (status, made) = ann.api(
            "POST",
            "/workspaces",
            Some(json!({ "template": "probe", "name": "dev" })),
        );
        assert_eq!(status, 201, "{made}");
        let id = made["id"].as_str().unwrap().to_owned();
        world.until(&id, "running");
        world.one_inside();
        world.server.kill().unwrap();
        let at = world.start_to_fail_at(Some("suspend.begun"));
        world.wait("no link", |world| {
            world.api("GET", &format!("/workspaces/{id}/live"), None).1["connected"] == true
        });
        let ann = Person { at, ..ann };
        let terminal = watch(ann.socket(&format!("/workspaces/{id}/terminal?name=main")));
        let asked = world.try_api("POST", "/users/ann/suspend", Some(json!({})));
        assert!(asked.is_err(), "{asked:?}");
        world.server.wait_ended().unwrap();
        terminal.join().unwrap();
        let at = world.start_to_fail_at(None);
        let (status, report) = world.api("GET", "/users/ann/suspension", None);
        assert_eq!(
            (status, &report["terminals"], &report["finished"]),
            (200, &json!(1), &json!(true)),
            "{report}"
        );
        assert_eq!(Person { at, ..ann }.api("GET", "/me", None).0, 403);
        world.until(&id, "stopped");
        world.nothing_runs();
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn a_deleted_person_s_workspaces_go_to_another_or_away_and_the_name_stays() {
    test(|mut world| {
        let at = begin(&mut world);
        let (ann, bob) = (Person::new(&mut world, at, "ann"), Person::new(&mut world, at, "bob"));
        let make = |person: &Person, name: &str| {
            let (status, made) = person.api(
                "POST",
                "/workspaces",
                Some(json!({ "template": "serves", "name": name })),
            );
            assert_eq!(status, 201, "{made}");
            made["id"].as_str().unwrap().to_owned()
        };
        let dev = make(&ann, "dev");
        world.until(&dev, "running");
        let write = |person: &Person, id: &str, text: &str| {
            let path = format!("/api/v1/workspaces/{id}/files?path=/home/dev/note");
            let call = Call::bare("PUT", &path).bearer(&person.token).body(text.into());
            let answer = call
                .header("content-type", "application/octet-stream")
                .send(at)
                .unwrap();
            assert!([201, 204].contains(&answer.status), "{}", answer.text());
        };
        write(&ann, &dev, "hers");
        let (status, early) = world.api("DELETE", "/users/ann?workspaces=hand-over&to=bob", None);
        assert_eq!((status, &early["code"]), (409, &json!("person_active")), "{early}");
        assert_eq!(world.api("POST", "/users/ann/suspend", Some(json!({}))).0, 200);
        world.until(&dev, "stopped");
        // The same name twice is refused before anything is changed.
        let clash = make(&bob, "dev");
        world.until(&clash, "running");
        let hand_over = "/users/ann?workspaces=hand-over&to=bob";
        let (status, taken) = world.api("DELETE", hand_over, None);
        assert_eq!((status, &taken["code"]), (409, &json!("name_taken")), "{taken}");
        world.delete(&clash);
        let (status, done) = world.api("DELETE", hand_over, None);
        assert_eq!((status, &done["handed_to"]["name"]), (200, &json!("bob")), "{done}");
        assert_eq!(done["workspaces"][0]["id"], json!(dev));

        // The home went along, the key charges its new owner, and the address is his.
        assert_eq!(bob.api("POST", &format!("/workspaces/{dev}/start"), None).0, 202);
        world.until(&dev, "running");
        let path = format!("/api/v1/workspaces/{dev}/files?path=/home/dev/note");
        let note = Call::bare("GET", &path).bearer(&bob.token).send(at).unwrap();
        assert_eq!(note.text(), "hers");
        let (_, keys) = world.api("GET", &format!("/keys?workspace={dev}&state=active"), None);
        assert_eq!(
            keys["items"][0]["person"]["name"]
                .as_str()
                .or(keys["items"][0]["person"].as_str()),
            Some("bob")
        );
        let (host, _) = bob.app(&dev, "page");
        assert!(host.starts_with("page--dev--bob."), "{host}");

        // The name is nobody else's, and what is left says so.
        let (status, again) = world.api("POST", "/users", Some(json!({ "name": "ann" })));
        assert_eq!((status, &again["code"]), (409, &json!("name_taken")), "{again}");
        let (_, tombstone) = world.api("GET", "/users/ann", None);
        assert_eq!(
            (&tombstone["status"], &tombstone["email"]),
            (&json!("deleted"), &Value::Null)
        );
        let (status, back) = world.api("POST", "/users/ann/reactivate", None);
        assert_eq!((status, &back["code"]), (409, &json!("person_deleted")), "{back}");

        // Bob keeps a home, and is deleted with all that he has.
        let kept = make(&bob, "kept");
        world.until(&kept, "running");
        let path = format!("/workspaces/{kept}?keep_home=true");
        assert_eq!(bob.api("DELETE", &path, None).0, 202);
        world.until(&kept, "deleted");
        let (_, homes) = bob.api("GET", "/homes", None);
        assert_eq!(homes["items"][0]["id"], json!(kept));
        assert!(world.data.join("workspaces").join(&kept).exists());
        assert_eq!(world.api("POST", "/users/bob/suspend", Some(json!({}))).0, 200);
        let (status, asked) = world.api("DELETE", "/users/bob", None);
        assert_eq!((status, &asked["code"]), (400, &json!("invalid_query")), "{asked}");
        let (status, done) = world.api("DELETE", "/users/bob?workspaces=delete", None);
        assert_eq!((status, &done["homes"]), (200, &json!(1)), "{done}");
        world.until(&dev, "deleted");
        world.gone(&dev);
        world.wait("the kept home is there", |world| {
            !world.data.join("workspaces").join(&kept).exists()
        });
        world.wait("it is listed", |world| {
            world.api("GET", "/homes", None).1["items"] == json!([])
        });
    });
}
