//! Archives that mean no good, or are none.

use std::io::Write as _;

use bailey_core::authz::Role;
use bailey_workspaces::template::{MAX_FILES, MAX_PACKED, MAX_UNPACKED};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::send;
use crate::harness::test;

/// An entry of an archive, as tar writes it.
fn entry(name: &str, kind: u8, link: &str, size: u64, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn file(name: &str) -> Vec<u8> {
    entry(name, b'0', "", 2, b"x\n")
}

fn manifest() -> Vec<u8> {
    entry("template.toml", b'0', "", 0, b"")
}

/// An archive of a good `template.toml` and these entries.
fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let end = vec![0u8; 1024];
    [manifest(), entries.concat(), end].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// Inflates to much more than a template may have.
fn bomb() -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(&archive(&[])).unwrap();
    // Zeros behind the end of an archive are padding, of which tar writes little.
    let zeros = vec![0u8; 1 << 20];
    for _ in 0..340 {
        out.write_all(&zeros).unwrap();
    }
    out.finish().unwrap()
}

#[test]
fn bad_archives_are_refused_whole() {
    test(async |app| {
        let admin = app.person("tess", Role::TemplateAdmin).await;
        let many: Vec<_> = (0..MAX_FILES)
            .map(|i| entry(&format!("f{i}"), b'0', "", 0, b""))
            .collect();
        let cut = |bytes: Vec<u8>, end: usize| bytes[..bytes.len() - end].to_vec();
        let setuid = {
            let mut made = entry("run.sh", b'0', "", 0, b"");
            made[100..107].copy_from_slice(b"0004755");
            made[148..156].copy_from_slice(b"        ");
            let sum: u32 = made.iter().map(|b| u32::from(*b)).sum();
            made[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            made
        };
        for (what, bytes, said) in [
            ("traversal", archive(&[file("../x")]), "`../x`"),
            ("traversal within", archive(&[file("a/../../x")]), "not a path within"),
            ("absolute", archive(&[file("/etc/cron.d/x")]), "not a path within"),
            ("backslashes", archive(&[file("a\\..\\x")]), "not a path within"),
            (
                "link out",
                archive(&[entry("l", b'2', "/etc/passwd", 0, b"")]),
                "symbolic link",
            ),
            (
                "link within",
                archive(&[entry("l", b'2', "template.toml", 0, b"")]),
                "symbolic link",
            ),
            (
                "written through a link",
                archive(&[entry("l", b'2', "/etc", 0, b""), file("l/passwd")]),
                "symbolic link",
            ),
            (
                "hard link",
                archive(&[entry("l", b'1', "/etc/passwd", 0, b"")]),
                "hard link",
            ),
            ("device", archive(&[entry("d", b'3', "", 0, b"")]), "device"),
            ("pipe", archive(&[entry("p", b'6', "", 0, b"")]), "pipe"),
            ("setuid", archive(&[setuid]), "setuid"),
            ("twice", archive(&[manifest()]), "twice"),
            ("twice but for case", archive(&[file("Template.toml")]), "twice"),
            ("file and directory", archive(&[file("template.toml/x")]), "is a file"),
            ("too many", archive(&many), "more than 10000 files"),
            (
                "larger than it may be",
                archive(&[entry("big", b'0', "", MAX_UNPACKED as u64 + 1, b"")]),
                "256 MiB",
            ),
            ("a bomb", bomb(), "256 MiB"),
            ("no archive", b"[base]\nroot = \"host\"\n".to_vec(), "cannot be read"),
            ("zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), "cannot be read"),
            ("cut", cut(archive(&[file("a")]), 1024 + 511), "cannot be read"),
            ("cut gzip", cut(gzip(&archive(&[file("a")])), 12), "cannot be read"),
        ] {
            let reply = send(&admin, "name=t", "application/x-tar", bytes).await;
            assert_eq!(
                (reply.status.as_u16(), reply.code().as_str()),
                (422, "template_invalid"),
                "{what}"
            );
            let problem = reply.json();
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains(said), "{what}: {detail}");
        }
        let large = send(&admin, "name=t", "application/x-tar", vec![0; MAX_PACKED + 1]).await;
        assert_eq!((large.status.as_u16(), large.code().as_str()), (413, "body_too_large"));
        let empty = send(&admin, "name=t", "application/x-tar", Vec::new()).await;
        assert_eq!(empty.code(), "template_invalid");
        assert_eq!(admin.get("/api/v1/templates").await.ok(200)["items"], json!([]));
        // What these are made of is taken where nothing is wrong with it.
        let good = archive(&[file("a/b"), entry("a/", b'5', "", 0, b"")]);
        send(&admin, "name=t", "application/x-tar", gzip(&good)).await.ok(201);
    });
}
