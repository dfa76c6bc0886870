use std::collections::BTreeMap;
use std::sync::Mutex;

use bailey_core::template::EgressRule;
use tokio::net::TcpListener;

use super::*;

/// Names with a list of answers for each time they are asked for; the last one stays.
#[derive(Default)]
struct Scripted {
    answers: BTreeMap<&'static str, Vec<Vec<&'static str>>>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    fn new(name: &'static str, answers: &[&[&'static str]]) -> Self {
        let answers = answers.iter().map(|list| list.to_vec()).collect();
        Self {
            answers: BTreeMap::from([(name, answers)]),
            asked: Mutex::default(),
        }
    }
}

impl Resolve for Scripted {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.asked.lock().unwrap();
        let times = asked.iter().filter(|other| *other == name).count();
        asked.push(name.to_owned());
        let lists = self.answers.get(name).ok_or(io::ErrorKind::NotFound)?;
        let list = lists.get(times).or_else(|| lists.last()).unwrap();
        Ok(list.iter().map(|text| text.parse().unwrap()).collect())
    }
}

fn rules(hosts: &[&str], port: u16) -> Rules {
    let rules: Vec<EgressRule> = hosts
        .iter()
        .map(|host| EgressRule {
            host: (*host).to_owned(),
            port,
        })
        .collect();
    Rules::new(&rules).unwrap()
}

/// Without names of the deployment's own.
fn policy<'a>(rules: &'a Rules, exceptions: &'a Exceptions) -> Policy<'a> {
    static NONE: std::sync::LazyLock<Hosts> = std::sync::LazyLock::new(Hosts::default);
    Policy {
        rules,
        exceptions,
        hosts: &NONE,
    }
}

/// Never answers.
struct Never;

impl Resolve for Never {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

async fn try_it(resolver: &Scripted, rules: &Rules, host: &str, port: u16) -> Result<SocketAddr, Refusal> {
    connect(resolver, policy(rules, &Exceptions::default()), host, port, PATIENCE)
        .await
        .map(|(_, address)| address)
}

#[tokio::test]
async fn what_no_rule_names_is_not_even_looked_up() {
    let resolver = Scripted::new("evil.example", &[&["8.8.8.8"]]);
    let rules = rules(&["good.example"], 443);
    for host in [
        "evil.example",
        "good.example.evil.example",
        "8.8.8.8",
        "127.0.0.1",
        "localhost",
    ] {
        let refused = try_it(&resolver, &rules, host, 443).await.unwrap_err();
        assert_eq!(refused.code(), "no_rule", "{host}");
    }
    for host in [
        "good.example\0.evil.example",
        "good.example@evil.example",
        "2130706433",
        "good.example/",
        "file:///etc/passwd",
        "gopher://x",
    ] {
        let refused = try_it(&resolver, &rules, host, 443).await.unwrap_err();
        assert_eq!(refused.code(), "malformed", "{host:?}");
    }
    assert!(resolver.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused() {
    let rules = rules(&["good.example"], 443);
    for answer in [
        "0.0.0.0",
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
    ] {
        let resolver = Scripted::new("good.example", &[&[answer]]);
        let refused = try_it(&resolver, &rules, "good.example", 443).await.unwrap_err();
        assert_eq!(refused.code(), "not_public", "{answer}");
        assert!(!refused.to_string().contains(answer), "{refused}");
    }
}

#[tokio::test]
async fn one_bad_answer_among_good_ones_refuses_all() {
    let rules = rules(&["good.example"], 443);
    let resolver = Scripted::new("good.example", &[&["93.184.216.34", "127.0.0.1"]]);
    let refused = try_it(&resolver, &rules, "good.example", 443).await.unwrap_err();
    assert_eq!(refused.code(), "not_public");
}

#[tokio::test]
async fn a_literal_address_needs_a_rule_and_must_be_public_all_the_same() {
    let resolver = Scripted::default();
    let rules = rules(&["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"], 80);
    for host in ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"] {
        let refused = try_it(&resolver, &rules, host, 80).await.unwrap_err();
        assert_eq!(refused.code(), "not_public", "{host}");
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_the_judged_address_is_dialled() {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // A second look would answer another address, where nothing listens.
    let resolver = Scripted::new("mirror.example", &[&["127.0.0.2"], &["127.0.0.3"]]);
    let exceptions = Exceptions::new(vec!["127.0.0.2/32".parse().unwrap()]);
    let rules = rules(&["mirror.example"], port);
    let connected = connect(
        &resolver,
        policy(&rules, &exceptions),
        "Mirror.Example.",
        port,
        PATIENCE,
    )
    .await;
    let (stream, address) = connected.unwrap();
    assert_eq!(address, listener.local_addr().unwrap());
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert_eq!(*resolver.asked.lock().unwrap(), ["mirror.example"]);
    // The name leads elsewhere now, outside of the exception.
    let refused = connect(&resolver, policy(&rules, &exceptions), "mirror.example", port, PATIENCE).await;
    assert_eq!(refused.unwrap_err().code(), "not_public");
}

#[tokio::test]
async fn failures_of_the_network_are_told_apart_from_denials() {
    let exceptions = Exceptions::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let rules = rules(&["gone.example", "empty.example", "dead.example", "slow.example"], port);
    let mut resolver = Scripted::new("dead.example", &[&["127.0.0.1", "127.0.0.2"]]);
    resolver.answers.insert("empty.example", vec![vec![]]);
    for (host, code) in [
        ("gone.example", "lookup"),
        ("empty.example", "no_address"),
        ("dead.example", "unreachable"),
    ] {
        let refused = connect(&resolver, policy(&rules, &exceptions), host, port, PATIENCE)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code);
        assert!(!refused.is_denial());
    }
    let patience = Duration::from_millis(20);
    let refused = connect(&Never, policy(&rules, &exceptions), "slow.example", port, patience).await;
    assert_eq!(refused.unwrap_err().code(), "timed_out");
}

#[tokio::test]
async fn localhost_is_found_and_refused() {
    let rules = rules(&["localhost"], 22);
    let refused = connect(
        &SystemResolver::default(),
        policy(&rules, &Exceptions::default()),
        "localhost.",
        22,
        PATIENCE,
    )
    .await;
    assert_eq!(refused.unwrap_err().code(), "not_public");
}

/// Rules of several hosts at several ports.
fn many(list: &[(&str, u16)]) -> Rules {
    let rule = |(host, port): &(&str, u16)| EgressRule {
        host: (*host).to_owned(),
        port: *port,
    };
    Rules::new(&list.iter().map(rule).collect::<Vec<_>>()).unwrap()
}

#[tokio::test]
async fn a_name_of_the_deployment_leads_to_its_address_at_its_port_alone() {
    let (forge, other) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (port, beside) = (forge.local_addr().unwrap().port(), other.local_addr().unwrap().port());
    let hosts = Hosts::new([(format!("forge.test:{port}").as_str(), "127.0.0.1")]).unwrap();
    // Everything has a rule; what decides is where it leads.
    let hostile = [
        "forge.test",
        "alias.test",
        "localhost",
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "*.forge.test",
    ];
    let rules = many(
        &hostile
            .iter()
            .flat_map(|host| [(*host, port), (*host, beside)])
            .collect::<Vec<_>>(),
    );
    let mut resolver = Scripted::new("forge.test", &[&["127.0.0.1"]]);
    for name in ["alias.test", "localhost", "a.forge.test"] {
        resolver.answers.insert(name, vec![vec!["127.0.0.1"]]);
    }
    let exceptions = Exceptions::default();
    macro_rules! policy {
        ($rules:expr) => {
            Policy {
                rules: $rules,
                exceptions: &exceptions,
                hosts: &hosts,
            }
        };
    }
    for name in ["forge.test", "FORGE.test."] {
        let (_, address) = connect(&resolver, policy!(&rules), name, port, PATIENCE).await.unwrap();
        assert_eq!(address, forge.local_addr().unwrap());
    }
    assert!(resolver.asked.lock().unwrap().is_empty(), "it is not looked up");
    for (name, port) in [
        ("forge.test", beside),
        ("alias.test", port),
        ("a.forge.test", port),
        ("localhost", port),
        ("127.0.0.1", port),
        ("::1", port),
        ("::ffff:127.0.0.1", port),
    ] {
        let refused = connect(&resolver, policy!(&rules), name, port, PATIENCE).await;
        assert_eq!(refused.unwrap_err().code(), "not_public", "{name}:{port}");
    }
    // The template has to name it as well, at this port.
    for rules in [
        Rules::default(),
        many(&[("forge.test", beside)]),
        many(&[("127.0.0.1", port)]),
    ] {
        let refused = connect(&resolver, policy!(&rules), "forge.test", port, PATIENCE).await;
        assert_eq!(refused.unwrap_err().code(), "no_rule");
    }
    // Where nothing listens, it is said as of any other host.
    drop(forge);
    let refused = connect(&resolver, policy!(&rules), "forge.test", port, PATIENCE).await;
    assert_eq!(refused.unwrap_err().code(), "unreachable");
}

#[tokio::test]
async fn one_name_at_two_ports_is_two_names() {
    let (one, other) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.2:0").await.unwrap(),
    );
    let ports = [one.local_addr().unwrap().port(), other.local_addr().unwrap().port()];
    let names = ports.map(|port| format!("forge.test:{port}"));
    let hosts = Hosts::new([(names[0].as_str(), "127.0.0.1"), (names[1].as_str(), "127.0.0.2")]).unwrap();
    let rules = many(&ports.map(|port| ("forge.test", port)));
    let policy = Policy {
        rules: &rules,
        exceptions: &Exceptions::default(),
        hosts: &hosts,
    };
    for (port, listener) in ports.into_iter().zip([&one, &other]) {
        let (_, address) = connect(&Never, policy, "forge.test", port, PATIENCE).await.unwrap();
        assert_eq!(address, listener.local_addr().unwrap());
    }
}
