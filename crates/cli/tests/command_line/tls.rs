//! A server that speaks TLS, and commands that talk to it.

use bailey_testkit::tls::{Authority, When};

use crate::support::{Place, Server};

const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];
const CERTIFICATE: [&str; 4] = ["--tls-cert", "tls.crt", "--tls-key", "tls.key"];

/// A place with a certificate and the authority that vouches for it.
fn place(when: When) -> Place {
    let (place, authority) = (Place::new(), Authority::new().unwrap());
    place.write("ca.pem", authority.pem());
    authority.issue(&NAMES, when).unwrap().write(place.path()).unwrap();
    place
}

#[test]
fn commands_trust_a_private_authority_that_is_named_and_no_other() {
    let mut place = place(When::Now);
    let server = Server::start_with(&place, &CERTIFICATE);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let token = place.ok(&["admin", "token", "create", "--user", "owner", "--data-dir", "data"]);
    place.set("BAILEY_URL", &server.url);
    place.set("BAILEY_TOKEN", token.trim());

    let refused = place.run(&["users", "list"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("invalid peer certificate"),
        "{}",
        refused.stderr
    );
    let hint = "hint: if that is the right server, name the certificate authority that vouches for it with --ca-file or BAILEY_CA_FILE\n";
    assert!(refused.stderr.ends_with(hint), "{}", refused.stderr);
    assert!(place.ok(&["users", "list", "--ca-file", "ca.pem"]).contains("owner"));

    place.write("other.pem", Authority::new().unwrap().pem());
    place.set("BAILEY_CA_FILE", "other.pem");
    assert_eq!(place.run(&["users", "list"]).code, 1);
    place.set("BAILEY_CA_FILE", "ca.pem");
    assert!(place.ok(&["users", "list"]).contains("owner"));

    let plain = server.url.replace("https://", "http://");
    let told = place.run(&["users", "list", "--url", &plain]);
    assert_eq!(
        (told.code, told.stderr.as_str()),
        (
            1,
            "error: this port speaks https and nothing else; write https:// instead of http://\n\
             hint: name the server with https:// in --url or BAILEY_URL\n"
        )
    );
    // Links that are printed lead where the server is.
    let link = place.ok(&["admin", "claim-link", "--data-dir", "data"]);
    assert!(link.contains("https://localhost:"), "{link}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_server_does_not_start_with_a_certificate_that_nobody_would_accept() {
    let place = place(When::Past);
    let arguments = [
        &["server", "--listen", "127.0.0.1:0", "--data-dir", "data"][..],
        &CERTIFICATE,
    ]
    .concat();
    let ended = place.run(&arguments);
    assert_eq!(ended.code, 1);
    let told = "the certificate tls.crt expired at 2021-01-01T00:00:00Z; renew it";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let doctor = place.run(&[&["doctor", "--data-dir", "data"][..], &CERTIFICATE].concat());
    assert!(doctor.stdout.contains(told), "{}", doctor.stdout);

    let ended = place.run(&["server", "--tls-cert", "tls.crt"]);
    assert!(ended.stderr.contains("--tls-key <FILE>"), "{}", ended.stderr);
}
