//! From a label to a merge request with a real server and real workspaces, killed at each step: it goes on, and nothing is made twice.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use bailey_demo_forge::{DemoConfig, DemoForge};
use bailey_testkit::http::Call;
use serde_json::{Value, json};

use crate::git::Browser;
use crate::relay::{bailey, run};
use crate::world::{World, test};

/// The model: it counts what it was told, so that a call whose result a crash made unknown is not called again.
pub(crate) const SCENARIO: &str = r#"
rules:
  - match: { text: Work on ticket, tool_results: 0 }
    answer: { text: I look first., tools: [{ name: run, arguments: { command: "sh test.sh; env" } }] }
  - match: { text: Work on ticket, tool_results: 1 }
    answer: { tools: [{ name: edit, arguments: { path: greet.sh, old: "{1:-}", new: "{1:-world}" } }] }
  - match: { text: Work on ticket, tool_results: 2 }
    answer: { tools: [{ name: run, arguments: { command: "sh test.sh && touch /tmp/slow && sleep 3 && printf 'protocol=http\\nhost=forge.demo.test:%s\\n' $FORGE_PORT | git credential fill" } }] }
  - match: { text: Work on ticket, tool_results: 3 }
    answer: { tools: [{ name: git_commit, arguments: { message: Greet the world } }] }
  - match: { text: Work on ticket, tool_results: 4 }
    answer: { tools: [{ name: git_push, arguments: {} }] }
  - match: { text: Work on ticket, tool_results: 5 }
    answer: { text: "Without a name the world is greeted." }
"#;

const PROJECT: &str = "demo/greeter";

/// A server, a forge that it is connected to, and somebody at both.
struct Shop {
    world: World,
    forge: DemoForge,
    at: SocketAddr,
    mia: String,
}

/// Runs a test with a server that has a forge.
fn shop(body: impl FnOnce(Shop)) {
    test(|mut world| {
        // The forge sends its deliveries there, before and after the server was killed.
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        world.server.listen_on(at);
        let mut config = DemoConfig::new(world.dir().join("forge"));
        config.names = vec!["forge.demo.test".to_owned()];
        let forge = world.runtime.block_on(DemoForge::start(config)).unwrap();
        let (port, url) = (forge.addr().port(), forge.url());
        let back = format!("http://{at}/auth/external/demo/callback");
        let scopes = ["read_user", "write_repository"];
        let client = forge.oauth_client_create("Bailey", &[&back], &scopes).unwrap();
        world.configure(&format!(
            "[egress.hosts]\n\"forge.demo.test:{port}\" = \"127.0.0.1\"\n[[external_auth]]\nname = \"demo\"\nkind = \"gitlab\"\n\
             base_url = \"http://forge.demo.test:{port}\"\nbrowser_url = \"{url}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n",
            client.id, client.secret
        ));
        world.more = format!(
            "[egress]\nallow = [{{ host = \"forge.demo.test\", port = {port} }}]\n[environment]\nFORGE_PORT = \"{port}\"\n"
        );
        world.start();
        let mut browser = Browser::claimed(&mut world, at);
        let begun = browser.ask(Call::post("/api/v1/me/external-accounts/demo/link", &json!({})));
        let begun: Value = begun.json().unwrap();
        let landed = browser.ask(Call::bare("GET", &consent(&forge, begun["url"].as_str().unwrap())));
        assert_eq!(landed.header("location"), Some("/profile"), "{landed:?}");
        let token = forge.token_create("bailey", "connection", &["api"], None).unwrap();
        let connection = json!({
            "name": "demo", "kind": "gitlab", "base_url": format!("http://forge.demo.test:{port}"), "projects": [PROJECT],
            "token": token, "template": "probe", "default_model": "m",
        });
        let (status, made) = world.api("POST", "/connections", Some(connection));
        assert_eq!(status, 201, "{made:#}");
        let (_, check) = world.api("POST", "/connections/demo/webhook", Some(json!({})));
        assert_eq!(check["ok"], true, "{check:#}");
        let mia = forge.token_create("mia", "test", &["api"], None).unwrap();
        body(Shop { world, forge, at, mia });
    });
}

/// Dan says at the forge that Bailey may act for him; answers with where the browser is sent.
fn consent(forge: &DemoForge, asked: &str) -> String {
    let path = asked.strip_prefix(&forge.url()).unwrap();
    let (page, query) = path.split_once('?').unwrap();
    let form = format!("{query}&user=dan&decision=allow");
    let answer = Call::bare("POST", page)
        .header("origin", &forge.url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into_bytes())
        .send(forge.addr())
        .unwrap();
    let back = answer.header("location").unwrap();
    back.split_once("/auth/")
        .map(|(_, rest)| format!("/auth/{rest}"))
        .unwrap()
}

impl Shop {
    fn label(&self) {
        self.forge
            .ticket_label("mia", PROJECT, 1, &["bailey-agent"], &[])
            .unwrap();
    }

    /// What the forge has.
    fn ask(&self, path: &str) -> Value {
        let path = format!("/api/v4/projects/demo%2Fgreeter{path}");
        let answer = Call::bare("GET", &path)
            .header("private-token", &self.mia)
            .send(self.forge.addr());
        answer.unwrap().json().unwrap()
    }

    /// Bailey's comments on the ticket.
    fn comments(&self) -> Vec<String> {
        let notes = self.ask("/issues/1/notes");
        let ours = notes
            .as_array()
            .unwrap()
            .iter()
            .filter(|note| note["author"]["username"] == "bailey" && note["system"] == false);
        ours.map(|note| note["body"].as_str().unwrap().to_owned()).collect()
    }

    fn restarted(&mut self) {
        self.world.server.wait_ended().unwrap();
        assert_eq!(self.world.start_to_fail_at(None), self.at);
    }

    /// Waits for the merge request, and sees that there is one of everything.
    fn comes_to_one_merge_request(mut self) {
        let mut told = Vec::new();
        for _ in 0..600 {
            told = self.comments();
            if told.iter().any(|comment| comment.contains("**Bailey: merge request**")) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let (_, runs) = self.world.api("GET", "/connections/demo/runs", None);
        assert_eq!(
            (runs["items"].as_array().unwrap().len(), &runs["items"][0]["state"]),
            (1, &json!("ready")),
            "{told:?} {runs:#}"
        );
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("**Bailey: merge request**"),
            "{told:?} {}",
            self.world.server.log()
        );
        let made = self.ask("/merge_requests");
        assert_eq!(made.as_array().unwrap().len(), 1, "{made:#}");
        let branches = self.ask("/repository/branches");
        assert_eq!(branches.as_array().unwrap().len(), 2, "{branches:#}");
        let (_, chats) = self.world.api("GET", "/chats", None);
        assert_eq!(
            (chats["items"].as_array().unwrap().len(), &chats["items"][0]["steps"]),
            (1, &json!(6)),
            "{chats:#}"
        );
        let (_, spaces) = self.world.api("GET", "/workspaces", None);
        assert_eq!(spaces["items"].as_array().unwrap().len(), 1);
        // Each step was asked and paid for once.
        let chat = chats["items"][0]["id"].as_str().unwrap();
        let (_, asked) = self.world.api("GET", "/requests?limit=100", None);
        let asked: Vec<&Value> = asked["items"].as_array().unwrap().iter().collect();
        assert_eq!(asked.len(), 6, "{asked:#?}");
        // What is pushed passes the test, is Dan's, and says who helped.
        let clone = self.world.dir().join("looked-at");
        let git = |arguments: &[&str]| {
            let output = Command::new("git").args(arguments).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let place = clone.to_str().unwrap();
        let address = format!("{}/{PROJECT}.git", self.forge.url());
        git(&["clone", "-q", "-b", "bailey/ticket-1", &address, place]);
        let test = Command::new("sh").arg("test.sh").current_dir(&clone).status().unwrap();
        assert!(test.success());
        let commit = git(&["-C", place, "log", "-1", "--format=%an %ae%n%B"]);
        assert!(
            commit.starts_with("Dan ") && commit.contains("Co-authored-by: Bailey agent"),
            "{commit}"
        );
        self.no_secret_is_out(chat, &commit, &told[0], &made[0]["description"]);
        let id = spaces["items"][0]["id"].as_str().unwrap().to_owned();
        self.world.delete(&id);
    }

    /// The agent printed its environment and what git is given: neither the key nor the person's token is in what is kept or told.
    fn no_secret_is_out(&mut self, chat: &str, commit: &str, comment: &str, description: &Value) {
        let key = self.world.key();
        let (_, spaces) = self.world.api("GET", "/workspaces", None);
        let name = spaces["items"][0]["name"].as_str().unwrap().to_owned();
        let fill = "printf 'protocol=http\\nhost=forge.demo.test:%s\\n' $FORGE_PORT | git credential fill";
        let asked = bailey(&mut self.world, self.at, &["exec", &name, "--", "sh", "-c", fill]);
        let (status, out, said) = run(asked, b"");
        let out = String::from_utf8(out).unwrap();
        assert_eq!(status, 0, "{said}");
        let token = out.lines().find_map(|line| line.strip_prefix("password=")).unwrap();
        let (_, log) = self.world.api("GET", &format!("/chats/{chat}/events?limit=1000"), None);
        let log = log.to_string();
        assert!(log.contains("BAILEY_KEY="), "{log}");
        let server = self.world.server.log();
        for place in [&log, commit, comment, description.as_str().unwrap(), &server] {
            assert!(!place.contains(&key) && !place.contains(token), "{place}");
        }
    }
}

fn killed_at(failpoint: &str) {
    shop(|mut shop| {
        shop.world.server.stop().unwrap();
        shop.world.start_to_fail_at(Some(failpoint));
        shop.label();
        shop.restarted();
        shop.comes_to_one_merge_request();
    });
}

#[test]
fn killed_when_a_run_is_stored() {
    killed_at("ticket.begun");
}

#[test]
fn killed_when_its_workspace_is_made() {
    killed_at("ticket.workspace");
}

#[test]
fn killed_when_its_workspace_is_ready() {
    killed_at("build.ready");
}

#[test]
fn killed_when_its_repository_is_cloned() {
    killed_at("ticket.cloned");
}

#[test]
fn killed_when_its_chat_is_begun() {
    killed_at("ticket.chat");
}

#[test]
fn killed_when_its_merge_request_is_made() {
    killed_at("ticket.proposed");
}

#[test]
fn killed_when_its_comment_is_written() {
    killed_at("ticket.told");
}

#[test]
fn killed_while_its_agent_works() {
    shop(|mut shop| {
        shop.label();
        shop.until_slow();
        shop.world.server.kill().unwrap();
        assert_eq!(shop.world.start_to_fail_at(None), shop.at);
        shop.comes_to_one_merge_request();
    });
}

#[test]
fn killed_workspace_while_its_agent_works() {
    shop(|mut shop| {
        shop.label();
        shop.until_slow();
        let (_, spaces) = shop.world.api("GET", "/workspaces", None);
        let id = spaces["items"][0]["id"].as_str().unwrap().to_owned();
        let lock = std::fs::read_to_string(shop.world.data.join("workspaces").join(&id).join("lock")).unwrap();
        let pid = rustix::process::Pid::from_raw(lock.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        shop.comes_to_one_merge_request();
    });
}

impl Shop {
    /// Waits until the agent runs what takes a while.
    fn until_slow(&mut self) {
        self.world.wait("the agent does not work", |world| {
            let inside = world.inside();
            inside
                .first()
                .is_some_and(|pid| std::path::Path::new(&format!("/proc/{pid}/root/tmp/slow")).exists())
        });
    }
}
