//! Where what is sent inside comes out.

use std::io::{Read, Write};
use std::time::Duration;

use crate::attempts::{bring, inside, program};
use crate::support::{Place, is_root, run};

/// A question for the address of `a.test`.
const QUESTION: &str = r#""\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01""#;
const BYTES: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01";

#[tokio::test]
async fn questions_for_names_come_to_the_agent() {
    let place = Place::new();
    let (sandbox, listeners) = place.launch().await;
    for listener in [&listeners.gate, &listeners.redirect, &listeners.dns_tcp] {
        assert!(listener.accept().is_err(), "they do not block");
    }
    listeners.dns_udp.set_nonblocking(false).unwrap();
    listeners
        .dns_udp
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    listeners.dns_tcp.set_nonblocking(false).unwrap();
    let (udp, tcp) = (listeners.dns_udp, listeners.dns_tcp);
    let answers = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..2 {
            let mut buffer = [0; 512];
            let (length, from) = udp.recv_from(&mut buffer).unwrap();
            asked.push(buffer[..length].to_vec());
            udp.send_to(b"by udp", from).unwrap();
            let (mut stream, _) = tcp.accept().unwrap();
            let mut question = vec![0; BYTES.len()];
            stream.read_exact(&mut question).unwrap();
            asked.push(question);
            stream.write_all(b"by tcp").unwrap();
        }
        asked
    });
    for server in ["198.18.0.1", "8.8.8.8"] {
        for (protocol, expected) in [("udp", "by udp"), ("tcp", "by tcp")] {
            let script = format!(
                "use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => '{protocol}', PeerAddr => '{server}', \
                 PeerPort => 53) or die $!; alarm 10; $s->send({QUESTION}); $s->recv(my $b, 512); print $b"
            );
            let output = run(&sandbox, &["perl", "-e", &script]).await;
            assert_eq!(output.text, expected, "{protocol} to {server}");
        }
    }
    assert_eq!(answers.join().unwrap(), vec![BYTES.to_vec(); 4]);
}

#[tokio::test]
async fn no_interface_but_loopback_has_a_route() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    let read = |file: &str| std::fs::read_to_string(file).unwrap();
    let devices = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.split_whitespace().last());
        names.map(str::to_owned).filter(|name| name != "lo").collect()
    };
    // The control run: the machine itself has more.
    assert!(read("/proc/net/route").lines().count() > 1);
    let output = run(&sandbox, &["cat", "/proc/net/route"]).await;
    assert_eq!(output.text.lines().count(), 1, "{}", output.text);
    let output = run(&sandbox, &["cat", "/proc/net/ipv6_route"]).await;
    assert_eq!(devices(&output.text), Vec::<String>::new(), "{}", output.text);
}

/// The rules only say where connections come out. Without them they end inside all the more.
#[tokio::test]
async fn without_the_rules_nothing_gets_out_either() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    bring(&place);
    let (sandbox, listeners) = place.launch().await;
    let init = sandbox.init_pid().to_string();
    let host = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = host.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in host.incoming().flatten() {
            let _ = stream.write_all(b"host");
        }
    });
    let own = std::process::Command::new("hostname").arg("-I").output().unwrap();
    let own = String::from_utf8(own.stdout).unwrap();
    let own = own.split_whitespace().find(|address| !address.contains(':'));
    let target = format!("{}:{port}", own.unwrap_or("127.0.0.1"));
    crate::attempts::control(&["tcp", &target]);
    // The person cannot flush them; root can, from outside.
    for attempt in ["netfilter", "lo_down"] {
        let output = inside(&sandbox, &[attempt]).await;
        assert_ne!(output.status, 0, "{attempt}: {}", output.text);
    }
    let control = std::process::Command::new("unshare")
        .args(["--net", "--"])
        .arg(program())
        .arg("lo_down")
        .status();
    assert!(control.unwrap().success());
    let nft = |arguments: &[&str]| {
        std::process::Command::new("nsenter")
            .args(["--net", "--target", &init, "nft"])
            .args(arguments)
            .output()
    };
    match nft(&["list", "ruleset"]) {
        Ok(output) if output.status.success() => {
            assert!(String::from_utf8_lossy(&output.stdout).contains("redirect"));
        }
        _ => return println!("left out: the program nft is not installed"),
    }
    assert!(nft(&["flush", "ruleset"]).unwrap().status.success());
    for target in [target.as_str(), "93.184.216.34:443", "169.254.169.254:80"] {
        let output = inside(&sandbox, &["tcp", target]).await;
        assert_ne!(output.status, 0, "{target}: {}", output.text);
        let output = inside(&sandbox, &["udp", target]).await;
        assert_ne!(output.status, 0, "{target}: {}", output.text);
    }
    for target in ["[2001:db8::1]:443", "[fd00:ec2::254]:80", "[fe80::1%lo]:80"] {
        let output = inside(&sandbox, &["tcp", target]).await;
        assert_ne!(output.status, 0, "{target}: {}", output.text);
    }
    assert!(listeners.redirect.accept().is_err());
}
