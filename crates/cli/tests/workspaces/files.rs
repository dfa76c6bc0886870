//! Files of workspaces over the API and the command line, and logs as streams.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bailey_testkit::http::{Answer, Call};

use crate::relay::{bailey, noise, run};
use crate::world::{World, test};

fn call<'a>(world: &mut World, method: &'a str, path: &'a str) -> Call<'a> {
    let token = world.server.token().unwrap();
    Call::bare(method, path).bearer(&token)
}

fn ask(world: &mut World, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
    let mut call = call(world, method, path);
    if let Some(body) = body {
        call = call.body(body.to_vec());
    }
    call.send(world.server.addr().unwrap()).unwrap()
}

fn code(answer: &Answer) -> String {
    let problem = answer.json().unwrap_or_default();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn files_are_written_read_found_moved_and_removed() {
    test(|mut world| {
        world.start();
        let id = world.create("dev");
        let at = format!("/api/v1/workspaces/{id}/files");
        let mut ask =
            |method: &str, path: &str, body: Option<&[u8]>| ask(&mut world, method, &format!("{at}{path}"), body);
        let done = |answer: Answer| assert_eq!(answer.status, 204, "{}", answer.text());
        assert_eq!(
            code(&ask("PUT", "?path=a/b/note.txt", Some(b"one\ntwo\n"))),
            "file_not_found"
        );
        done(ask("PUT", "?path=a/b/note.txt&parents=true", Some(b"one\ntwo\n")));
        assert_eq!(ask("GET", "?path=a/b/note.txt", None).text(), "one\ntwo\n");
        let stat = ask("GET", "/stat?path=a/b/note.txt", None).json().unwrap();
        assert_eq!((stat["kind"].as_str(), stat["size"].as_u64()), (Some("file"), Some(8)));
        let list = ask("GET", "/list?path=a/b", None).json().unwrap();
        assert_eq!(list["entries"][0]["name"], "note.txt");
        let found = ask("GET", "/search?query=tw%5Bo%5D&regex=true", None).json().unwrap();
        assert_eq!(
            (found["matches"][0]["line"].as_u64(), found["truncated"].as_bool()),
            (Some(2), Some(false))
        );
        done(ask("POST", "/directories?path=c", None));
        assert_eq!(code(&ask("POST", "/directories?path=c", None)), "file_conflict");
        done(ask("POST", "/rename?from=a/b/note.txt&to=c/moved", None));
        assert_eq!(code(&ask("DELETE", "?path=c", None)), "file_conflict");
        done(ask("DELETE", "?path=c&recursive=true", None));
        assert_eq!(code(&ask("GET", "?path=c/moved", None)), "file_not_found");
        assert_eq!(code(&ask("GET", "?path=a", None)), "file_invalid");
        assert_eq!(code(&ask("PUT", "?path=/etc/passwd", Some(b"x"))), "file_forbidden");
        assert_eq!(code(&ask("GET", "?path=../../etc/shadow", None)), "file_not_found");
        assert_eq!(code(&ask("GET", "?path=x&deep=1", None)), "invalid_query");
        assert_eq!(code(&ask("GET", "/search?query=(&regex=true", None)), "file_invalid");
    });
}

#[test]
fn a_path_leads_no_further_than_the_person_could_go() {
    test(|mut world| {
        let at = world.start();
        let id = world.create("dev");
        // A file outside that anybody could read, and a link inside that names it.
        let secret = world.dir().join("secret");
        std::fs::write(&secret, "of the host").unwrap();
        let secret = secret.to_str().unwrap().to_owned();
        let (status, ..) = run(
            bailey(&mut world, at, &["exec", "dev", "--", "ln", "-s", &secret, "link"]),
            b"",
        );
        assert_eq!(status, 0);
        for path in [
            "link",
            &secret,
            &format!("../../../../../..{secret}"),
            "/proc/1/root/etc/shadow",
        ] {
            let path = format!("/api/v1/workspaces/{id}/files?path={path}");
            let answer = ask(&mut world, "GET", &path, None);
            assert!(
                matches!(answer.status, 403 | 404),
                "{path}: {} {}",
                answer.status,
                answer.text()
            );
        }
    });
}

#[test]
fn large_files_come_in_parts_and_a_failure_leaves_the_old_one() {
    test(|mut world| {
        let at = world.start();
        let id = world.create("dev");
        let bytes = noise(8 << 20);
        let (status, _, said) = run(bailey(&mut world, at, &["files", "put", "dev", "-", "big"]), &bytes);
        assert_eq!((status, said.as_str()), (0, ""));
        let (_, out, _) = run(bailey(&mut world, at, &["files", "get", "dev", "big", "-"]), b"");
        assert!(out == bytes);
        let path = format!("/api/v1/workspaces/{id}/files?path=big");
        let part = call(&mut world, "GET", &path).header("range", "bytes=5000000-5000099");
        let part = part.send(at).unwrap();
        assert_eq!(
            (part.status, part.header("content-range")),
            (206, Some("bytes 5000000-5000099/8388608"))
        );
        assert!(part.body == bytes[5_000_000..5_000_100]);

        // Cut halfway.
        let token = world.server.token().unwrap();
        let mut stream = TcpStream::connect(at).unwrap();
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {token}\r\ncontent-length: 1000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&bytes[..500_000]).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        drop(stream);
        // Too large for the disk of 32 MiB.
        let (status, _, said) = run(
            bailey(&mut world, at, &["files", "put", "dev", "-", "big"]),
            &noise(40 << 20),
        );
        assert!(status == 1 && said.contains("explains `disk_full`"), "{said}");
        let (_, out, _) = run(bailey(&mut world, at, &["files", "get", "dev", "big", "-"]), b"");
        assert!(out == bytes, "the old file is not whole");
        world.wait("a part is left", |world| {
            let list = ask(
                world,
                "GET",
                &format!("/api/v1/workspaces/{id}/files/list?path=."),
                None,
            )
            .json()
            .unwrap();
            let entries = list["entries"].as_array().unwrap();
            !entries
                .iter()
                .any(|entry| entry["name"].as_str().unwrap().starts_with(".big."))
        });
    });
}

#[test]
fn a_log_is_followed_to_its_end_and_gone_on_with() {
    test(|mut world| {
        let at = world.start();
        let id = world.create("dev");
        let (status, _) = world.api("POST", &format!("/workspaces/{id}/stop"), None);
        assert_eq!(status, 202);
        let path = format!("/api/v1/workspaces/{id}/builds/2/log");
        let mut follow = |last: &str| {
            let call = call(&mut world, "GET", &path).header("accept", "text/event-stream");
            let call = if last.is_empty() {
                call
            } else {
                call.header("last-event-id", last)
            };
            let answer = call.send(at).unwrap();
            assert_eq!(answer.header("content-type"), Some("text/event-stream"));
            answer.text()
        };
        let text = follow("");
        let ids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        let counted: Vec<String> = (1..=ids.len()).map(|n| n.to_string()).collect();
        assert!(ids.len() > 1 && ids == counted, "{text}");
        let end = text.split("event: end\ndata: ").nth(1).unwrap();
        assert!(end.contains("\"state\":\"succeeded\""), "{end}");
        assert!(
            text.contains("ended") || text.contains("script:end") || text.contains("done"),
            "{text}"
        );
        let rest = follow("1");
        assert!(
            !rest.contains("id: 1\n") && rest.contains("id: 2\n") && rest.contains("event: end"),
            "{rest}"
        );
        let mut plain = String::new();
        let answer = call(&mut world, "GET", &path).send(at).unwrap();
        answer.body.as_slice().read_to_string(&mut plain).unwrap();
        assert!(plain.starts_with("{\"items\":["), "{plain}");
    });
}
