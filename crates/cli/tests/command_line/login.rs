//! Signing in with a browser, as the command line sees it: a browser of a few lines stands in for a real one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Place, Server};

/// Sends a request as a page of the server's own would; answers with the head and the body.
fn post(server: &Server, path: &str, cookie: &str, body: &Value) -> (String, String) {
    let address = server.url.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\ncookie: {cookie}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    exchange(address, &head)
}

fn exchange(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Claims the owner with a link of the command line, and answers with the cookie.
fn claim(place: &Place, server: &Server) -> String {
    let link = place.ok(&["admin", "claim-link", "--data-dir", "data"]);
    let port = server.url.rsplit_once(':').unwrap().1;
    let token = link.trim().strip_prefix(&format!("http://localhost:{port}/claim#"));
    let body = json!({"token": token.unwrap(), "password": "correct horse battery"});
    let (head, body) = post(server, "/api/v1/claim", "", &body);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// What a query has under this name.
fn parameter(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').unwrap();
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    pair.unwrap().replace("%2D", "-").replace("%5F", "_")
}

/// Runs `bailey login`, and has a signed-in browser allow it.
fn login(place: &Place, server: &Server, cookie: &str) -> String {
    let mut command = place.command(&["login", "--url", &server.url]);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut address = String::new();
    lines.read_line(&mut String::new()).unwrap();
    lines.read_line(&mut address).unwrap();
    let address = address.trim();
    assert!(address.starts_with(&format!("{}/cli?", server.url)), "{address}");
    let ask = json!({"challenge": parameter(address, "challenge"), "name": "laptop"});
    let (head, body) = post(server, "/api/v1/login-codes", cookie, &ask);
    assert!(head.starts_with("HTTP/1.1 201 "), "{head}\n{body}");
    let code: Value = serde_json::from_str(&body).unwrap();
    let back = format!("127.0.0.1:{}", parameter(address, "port"));
    let visit = |query: &str| {
        exchange(
            &back,
            &format!("GET /?{query} HTTP/1.1\r\nhost: {back}\r\nconnection: close\r\n\r\n"),
        )
        .0
    };
    assert!(visit("code=stolen&state=wrong").starts_with("HTTP/1.1 404 "));
    let query = format!(
        "code={}&state={}",
        code["code"].as_str().unwrap(),
        parameter(address, "state")
    );
    assert!(visit(&query).starts_with("HTTP/1.1 200 "));
    let mut said = String::new();
    lines.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

#[test]
fn a_login_is_kept_used_rotated_and_ended() {
    let place = Place::new();
    let server = Server::start(&place);
    let cookie = claim(&place, &server);
    let said = login(&place, &server, &cookie);
    assert!(
        said.starts_with(&format!("signed in to {} as owner until ", server.url)),
        "{said}"
    );
    let file = place.path().join(".config/bailey/credentials.json");
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let kept = || std::fs::read_to_string(&file).unwrap();
    let first = kept();

    // Without --url and BAILEY_TOKEN: it is the server that was signed in to last.
    let tokens = place.ok(&["tokens", "list"]);
    assert!(tokens.contains("laptop"), "{tokens}");
    let nothing = place.run(&["tokens", "rotate", "--if-within", "1d", "--save"]);
    assert!(
        nothing.code == 0 && nothing.stderr.contains("nothing is done"),
        "{nothing:?}"
    );
    assert_eq!(kept(), first);
    place.ok(&["tokens", "rotate", "--if-within", "31d", "--save", "--expires-in", "7d"]);
    assert_ne!(kept(), first);
    assert_eq!(mode(), 0o600);
    place.ok(&["tokens", "list"]);

    // In a file of its own, for a job.
    let token = place.ok(&["tokens", "create", "--name", "job", "--expires-in", "7d"]);
    place.write("job.token", &token);
    place.ok(&[
        "tokens",
        "rotate",
        "--token-file",
        "job.token",
        "--url",
        &server.url,
        "--save",
    ]);
    let rotated = std::fs::read_to_string(place.path().join("job.token")).unwrap();
    assert!(rotated.starts_with("bly_") && rotated != token);
    place.ok(&["tokens", "list", "--token-file", "job.token", "--url", &server.url]);

    let invited = place.ok(&["users", "invite", "eve", "--role", "auditor"]);
    assert!(invited.contains("/invitation#bli_"), "{invited}");

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = place.run(&["tokens", "list"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("others can read"),
        "{refused:?}"
    );
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();

    let out = place.run(&["logout"]);
    assert!(out.code == 0 && out.stderr.contains("the token is revoked"), "{out:?}");
    assert!(!kept().contains("bly_"));
    let after = place.run(&["tokens", "list", "--url", &server.url]);
    assert!(after.code == 1 && after.stderr.contains("bailey login"), "{after:?}");
}
