//! Git inside acts as the workspace's owner at a forge where they linked an account, and no token stays inside.

use std::net::SocketAddr;
use std::process::Command;

use bailey_testkit::http::{Answer, Call};
use bailey_testkit::idp::{CANARY, CLIENT, Forge, SECRET};
use serde_json::{Value, json};

use crate::relay::{bailey, run};
use crate::world::{World, test};

/// `Basic` credentials that begin with `oauth2:` and what every token of the forge begins with, as far as base64 cuts them.
const BEGINS: &str = "b2F1dGgyOmNhbmFyeS04ZjNhLWFjY2Vz";

/// A git server that lets in who has a token of the forge's. It writes none down.
const GIT_SERVER: &str = r#"
use strict; use IO::Socket::INET;
my ($port, $root, $begins) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 16, ReuseAddr => 1) or die $!;
$SIG{CHLD} = "IGNORE";
open(my $ready, ">", "$root/ready"); close $ready;
while (my $client = $listener->accept) {
  next if fork;
  $SIG{CHLD} = "DEFAULT";
  my ($method, $target) = split / /, scalar <$client>;
  my %head;
  while (my $line = <$client>) { $line =~ s/\r?\n//; last if $line eq ""; my ($n, $v) = split /: */, $line, 2; $head{lc $n} = $v; }
  if (($head{authorization} // "") !~ /^Basic \Q$begins\E/) {
    print $client "HTTP/1.1 401 Who\r\nwww-authenticate: Basic realm=\"git\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    exit;
  }
  my $body = "";
  read($client, $body, $head{"content-length"} // 0);
  open(my $file, "+>", undef); print $file $body; $file->flush; seek($file, 0, 0); sysseek($file, 0, 0);
  open(STDIN, "<&", $file);
  my ($path, $query) = split /\?/, $target, 2;
  %ENV = (%ENV, GIT_PROJECT_ROOT => $root, GIT_HTTP_EXPORT_ALL => 1, REQUEST_METHOD => $method, PATH_INFO => $path, QUERY_STRING => $query // "",
    CONTENT_TYPE => $head{"content-type"} // "", CONTENT_LENGTH => length $body, REMOTE_USER => "forge",
    HTTP_CONTENT_ENCODING => $head{"content-encoding"} // "", GIT_PROTOCOL => $head{"git-protocol"} // "");
  my $out = `git http-backend`;
  my $status = $out =~ s/^Status: ([^\r]+)\r\n// ? $1 : "200 OK";
  print $client "HTTP/1.1 $status\r\nconnection: close\r\n$out";
  exit;
}
"#;

/// What is done inside.
const WORK: &str = r#"
set -eu
export GIT_TERMINAL_PROMPT=0
mkdir -p /tmp/srv && git init -q --bare -b main /tmp/srv/project.git
git -C /tmp/srv/project.git config http.receivepack true
perl /tmp/server.pl "$PORT" /tmp/srv "$BEGINS" > /dev/null 2>&1 &
for n in $(seq 100); do [ -e /tmp/srv/ready ] && break; sleep 0.1; done
cd /home/dev
git clone -q "http://127.0.0.1:$PORT/project.git" work
cd work
echo hello > file && git add file && git commit -qm first && git push -q origin HEAD:main
cd .. && git clone -q "http://127.0.0.1:$PORT/project.git" again
git -C again log -1 --format='made by %an <%ae>, %cn <%ce>'
cat again/file
"#;

/// Looks everywhere a token could have been left, in files and in the environments of processes.
const LOOK: &str = r#"
grep -rIls "$CANARY" /home/dev /tmp /var/tmp /run /dev/shm /etc/bailey 2>/dev/null | grep -v '^/tmp/look' || true
cat /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | grep "$CANARY" | grep -v '^CANARY=' || true
"#;

/// A browser of a few lines.
pub(crate) struct Browser {
    at: SocketAddr,
    cookies: Vec<String>,
}

impl Browser {
    pub(crate) fn ask(&mut self, call: Call<'_>) -> Answer {
        let answer = call
            .header("origin", &format!("http://{}", self.at))
            .header("cookie", &self.cookies.join("; "))
            .send(self.at)
            .unwrap();
        let set = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        self.cookies
            .extend(set.map(|(_, value)| value.split(';').next().unwrap().to_owned()));
        answer
    }

    /// The owner's, who has just claimed the installation.
    pub(crate) fn claimed(world: &mut World, at: SocketAddr) -> Self {
        let data = world.data.display().to_string();
        let link = world.server.run(&["admin", "claim-link", "--data-dir", &data]).unwrap();
        let link = String::from_utf8(link.stdout).unwrap();
        let (_, token) = link.trim().split_once("/claim#").unwrap();
        let mut browser = Self {
            at,
            cookies: Vec::new(),
        };
        let body = json!({"token": token, "password": "correct horse battery"});
        let claimed = browser.ask(Call::post("/api/v1/claim", &body));
        assert_eq!(claimed.status, 200, "{}", claimed.text());
        browser
    }

    fn link(&mut self, forge: &Forge) {
        let begun = self.ask(Call::post("/api/v1/me/external-accounts/work/link", &json!({})));
        assert_eq!(begun.status, 200, "{}", begun.text());
        let begun: Value = begun.json().unwrap();
        let back = forge.give_leave(begun["url"].as_str().unwrap()).unwrap();
        let path = back.strip_prefix(&format!("http://{}", self.at)).unwrap();
        let landed = self.ask(Call::bare("GET", path));
        assert_eq!(landed.header("location"), Some("/profile"), "{landed:?}");
    }
}

/// Runs a script inside; answers with its status and all that it said.
fn inside(world: &mut World, at: SocketAddr, variables: &[(&str, &str)], script: &str) -> (i32, String) {
    let pairs: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut arguments = vec!["exec"];
    for pair in &pairs {
        arguments.extend(["--env", pair]);
    }
    arguments.extend(["dev", "--", "sh", "-c", script]);
    let (status, out, said) = run(bailey(world, at, &arguments), b"");
    (status, String::from_utf8(out).unwrap() + &said)
}

#[test]
fn git_clones_commits_and_pushes_as_the_owner_and_leaves_no_token() {
    let forge = Forge::start();
    test(|mut world| {
        world.configure(&format!(
            "[[external_auth]]\nname = \"work\"\nkind = \"gitlab\"\nbase_url = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n",
            forge.base_url()
        ));
        let at = world.start();
        let mut browser = Browser::claimed(&mut world, at);
        let id = world.create("dev");
        let port = forge.address().port().to_string();
        let place = [("PORT", port.as_str()), ("BEGINS", BEGINS)];
        let fill =
            "printf 'protocol=http\\nhost=127.0.0.1:%s\\n' \"$PORT\" | GIT_TERMINAL_PROMPT=0 git credential fill";
        // Nothing is linked, and the log says so.
        let (status, said) = inside(&mut world, at, &place, fill);
        assert_ne!(status, 0, "{said}");
        world.wait("the log does not say why", |world| {
            let log = world.server.run(&["logs", "dev"]).unwrap();
            String::from_utf8_lossy(&log.stdout).contains("no account at http://127.0.0.1:")
        });
        let listed = world.server.json(&["external-auth", "list"]).unwrap();
        assert_eq!(listed[0]["account"], Value::Null);

        browser.link(&forge);
        let listed = world.server.json(&["external-auth", "list"]).unwrap();
        assert_eq!(listed[0]["account"]["login"], "ada");
        world.lead(&id, "restart", "running");
        let (status, out, said) = run(
            bailey(
                &mut world,
                at,
                &["exec", "dev", "--", "sh", "-c", "cat > /tmp/server.pl"],
            ),
            GIT_SERVER.as_bytes(),
        );
        assert_eq!(status, 0, "{out:?} {said}");
        let (status, said) = inside(&mut world, at, &place, WORK);
        assert_eq!(status, 0, "{said}\n{}", world.server.log());
        assert!(
            said.contains("made by Ada Lovelace <ada@forge.example>, Ada Lovelace <ada@forge.example>\nhello\n"),
            "{said}"
        );
        // Another port is another place.
        let other = (forge.address().port() ^ 1).to_string();
        let (status, said) = inside(&mut world, at, &[("PORT", other.as_str())], fill);
        assert!(status != 0 && !said.contains(CANARY), "{said}");

        let (status, found) = inside(&mut world, at, &[("CANARY", CANARY)], LOOK);
        assert_eq!((status, found.as_str()), (0, ""));
        // The socket stays what it is, whoever is inside.
        let (status, _) = inside(&mut world, at, &[], "rm -f /etc/bailey/git-credentials || exit 7");
        assert_eq!(status, 7);
        // Outside, no file has one: logs, database, what agents keep.
        world.wait("uses are not recorded", |world| {
            let rows = world.server.json(&["audit", "list"]).unwrap();
            rows.to_string().contains("external_accounts.git_token")
        });
        assert!(!world.server.log().contains(CANARY));
        let found = Command::new("grep")
            .args(["-rlas", CANARY])
            .arg(world.dir())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");

        let unlinked = world.server.run(&["external-auth", "unlink", "work"]).unwrap();
        assert!(unlinked.status.success(), "{unlinked:?}");
        world.wait("the forge is not told", |_| {
            forge.behave(|conduct| conduct.good().is_empty())
        });
        let (status, said) = inside(&mut world, at, &place, fill);
        assert!(status != 0 && !said.contains(CANARY), "{said}");
        world.delete(&id);
    });
}
