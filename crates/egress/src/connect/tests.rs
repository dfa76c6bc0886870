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

/// Never answers.
struct Never;

impl Resolve for Never {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}

const PATIENCE: Duration = Duration::from_secs(5);

async fn try_it(resolver: &Scripted, rules: &Rules, host: &str, port: u16) -> Result<SocketAddr, Refusal> {
    connect(resolver, rules, &Exceptions::default(), host, port, PATIENCE)
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
    let connected = connect(&resolver, &rules, &exceptions, "Mirror.Example.", port, PATIENCE).await;
    let (stream, address) = connected.unwrap();
    assert_eq!(address, listener.local_addr().unwrap());
    assert_eq!(stream.peer_addr().unwrap(), address);
    assert_eq!(*resolver.asked.lock().unwrap(), ["mirror.example"]);
    // The name leads elsewhere now, outside of the exception.
    let refused = connect(&resolver, &rules, &exceptions, "mirror.example", port, PATIENCE).await;
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
        let refused = connect(&resolver, &rules, &exceptions, host, port, PATIENCE)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), code);
        assert!(!refused.is_denial());
    }
    let patience = Duration::from_millis(20);
    let refused = connect(&Never, &rules, &exceptions, "slow.example", port, patience).await;
    assert_eq!(refused.unwrap_err().code(), "timed_out");
}

#[tokio::test]
async fn localhost_is_found_and_refused() {
    let rules = rules(&["localhost"], 22);
    let refused = connect(
        &SystemResolver::default(),
        &rules,
        &Exceptions::default(),
        "localhost.",
        22,
        PATIENCE,
    )
    .await;
    assert_eq!(refused.unwrap_err().code(), "not_public");
}
