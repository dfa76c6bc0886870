//! Archives of every hostile form, and that ordinary ones come through.

use std::io::Write as _;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

/// One entry of a made-up archive.
struct Made<'a> {
    name: &'a [u8],
    kind: u8,
    mode: &'a str,
    size: Option<u64>,
    content: &'a [u8],
    link: &'a [u8],
}

const FILE: Made<'static> = Made {
    name: b"template.toml",
    kind: b'0',
    mode: "0000644",
    size: None,
    content: b"",
    link: b"",
};

fn entry(out: &mut Vec<u8>, made: &Made<'_>) {
    let mut block = [0u8; 512];
    block[..made.name.len()].copy_from_slice(made.name);
    block[100..107].copy_from_slice(made.mode.as_bytes());
    let size = made.size.unwrap_or(made.content.len() as u64);
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = made.kind;
    block[157..157 + made.link.len()].copy_from_slice(made.link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(made.content);
    out.resize(out.len().next_multiple_of(512), 0);
}

fn archive(entries: &[Made<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for made in entries {
        entry(&mut out, made);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn named(name: &[u8]) -> Vec<u8> {
    archive(&[Made {
        name,
        content: b"x",
        ..FILE
    }])
}

fn pax(records: &str, entry: Made<'_>) -> Vec<u8> {
    let header = Made {
        name: b"pax",
        kind: b'x',
        content: records.as_bytes(),
        ..FILE
    };
    archive(&[header, entry])
}

fn refused(what: &str, bytes: &[u8], said: &str) {
    for bytes in [bytes.to_vec(), gzip(bytes)] {
        let error = unpack(&bytes).expect_err(what).to_string();
        assert!(error.contains(said), "{what}: should say {said}, says {error}");
    }
}

#[test]
fn hostile_entries_are_refused() {
    let link = |kind| {
        archive(&[Made {
            kind,
            link: b"/etc/passwd",
            ..FILE
        }])
    };
    refused("absolute", &named(b"/etc/passwd"), "not a path within");
    refused("parent", &named(b"../x"), "not a path within");
    refused("parent within", &named(b"a/../../x"), "not a path within");
    refused("dot within", &named(b"a/./x"), "not a path within");
    refused("parent behind a dot", &named(b"./../x"), "not a path within");
    refused("empty component", &named(b"a//x"), "not a path within");
    refused("backslash", &named(b"a\\..\\x"), "not a path within");
    refused("newline", &named(b"a\nb"), "not a path within");
    refused("no utf-8", &named(b"a\xff"), "no UTF-8");
    refused("no name", &named(b""), "not a path within");
    refused("a file like a directory", &named(b"a/"), "not a path within");
    refused("symbolic link", &link(b'2'), "symbolic link");
    refused("hard link", &link(b'1'), "hard link");
    refused("character device", &link(b'3'), "device");
    refused("block device", &link(b'4'), "device");
    refused("pipe", &link(b'6'), "pipe");
    refused("sparse", &link(b'S'), "sparse");
    refused("unknown kind", &link(b'Z'), "of a kind");
    refused(
        "setuid",
        &archive(&[Made {
            mode: "0004755",
            ..FILE
        }]),
        "setuid",
    );
    refused(
        "setgid",
        &archive(&[Made {
            mode: "0002755",
            ..FILE
        }]),
        "setuid",
    );
    refused("twice", &archive(&[FILE, FILE]), "twice");
    let folded = Made {
        name: b"Template.TOML",
        ..FILE
    };
    refused("case", &archive(&[FILE, folded]), "twice");
    let below = Made {
        name: b"template.toml/x",
        ..FILE
    };
    refused("file and directory", &archive(&[FILE, below]), "is a file");
    let (above, below) = (Made { name: b"A", ..FILE }, Made { name: b"a/x", ..FILE });
    refused("directory and file", &archive(&[below, above]), "file and a directory");
    let directory = Made {
        name: b"../a/",
        kind: b'5',
        ..FILE
    };
    refused("directory outside", &archive(&[directory]), "not a path within");
    let full = Made {
        name: b"a/",
        kind: b'5',
        content: b"x",
        ..FILE
    };
    refused("directory with content", &archive(&[full]), "directory with content");
    let long = [b'a'; 300];
    let name = Made {
        name: b"long",
        kind: b'L',
        content: &long,
        ..FILE
    };
    refused("long component", &archive(&[name, FILE]), "not a path within");
}

#[test]
fn hostile_headers_are_refused() {
    refused(
        "two sizes",
        &pax("10 size=3\n", Made { content: b"x", ..FILE }),
        "two sizes",
    );
    let smuggled = Made {
        content: b"x",
        size: Some(0),
        ..FILE
    };
    refused("size of PAX alone", &pax("10 size=1\n", smuggled), "two sizes");
    refused("path by PAX", &pax("13 path=../x\n", FILE), "not a path within");
    refused("NUL by PAX", &pax("12 path=a\0b\n", FILE), "damaged");
    refused("path twice", &pax("10 path=a\n10 path=b\n", FILE), "damaged");
    refused("link by PAX", &pax("19 linkpath=/etc/x\n", FILE), "makes a link");
    refused("sparse by PAX", &pax("22 GNU.sparse.major=1\n", FILE), "sparse");
    refused("length that lies", &pax("99 path=a\n", FILE), "damaged");
    refused("length of nothing", &pax("0 path=a\n", FILE), "damaged");
    let global = Made {
        name: b"g",
        kind: b'g',
        content: b"10 path=a\n",
        ..FILE
    };
    refused("global path", &archive(&[global, FILE]), "global header");
    let dangling = Made {
        name: b"pax",
        kind: b'x',
        content: b"10 path=a\n",
        ..FILE
    };
    refused("announced and missing", &archive(&[dangling]), "announced and missing");
    let mut broken = named(b"a");
    broken[0] = b'b';
    refused("wrong sum", &broken, "damaged");
    let mut number = named(b"a");
    number[124] = 0x80;
    refused("base 256", &number, "damaged");
    refused("cut in a file", &named(b"a")[..512], "ends within a file");
    refused("cut in a header", &named(b"a")[..100], "cut off");
    refused("no end", &named(b"a")[..1024], "cut off");
    refused("empty", b"", "cut off");
    let mut behind = named(b"a");
    behind.push(b'x');
    refused("something behind", &behind, "behind the archive's end");
    let claims = Made {
        size: Some(0o77_777_777_777),
        ..FILE
    };
    refused("claims gigabytes", &archive(&[claims]), "more than 256 MiB");
}

#[test]
fn bombs_are_not_inflated_to_their_end() {
    // 300 MiB of zeros: one file that is too large, and a tail of zeros behind the archive's end.
    let zeros = vec![0u8; 300 << 20];
    let bomb = gzip(&archive(&[Made {
        content: &zeros,
        ..FILE
    }]));
    assert!(bomb.len() < 1 << 20);
    assert_eq!(unpack(&bomb), Err(ArchiveError::Unpacked));
    let mut tail = gzip(&named(b"a"));
    tail.extend_from_slice(&gzip(&zeros));
    tail.extend_from_slice(&gzip(&zeros));
    assert_eq!(unpack(&tail), Err(ArchiveError::Unpacked));
    drop(zeros);
    // Many files that are small each.
    let content = vec![0u8; 60 << 20];
    let names = ["a", "b", "c", "d", "e"];
    let made: Vec<_> = names
        .iter()
        .map(|n| Made {
            name: n.as_bytes(),
            content: &content,
            ..FILE
        })
        .collect();
    assert_eq!(unpack(&gzip(&archive(&made))), Err(ArchiveError::Unpacked));
    assert_eq!(unpack(&vec![0u8; MAX_PACKED + 1]), Err(ArchiveError::Packed));
}

#[test]
fn a_million_entries_are_not_read() {
    let names: Vec<String> = (0..=MAX_FILES).map(|n| format!("f{n}")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|n| Made {
            name: n.as_bytes(),
            ..FILE
        })
        .collect();
    assert_eq!(unpack(&gzip(&archive(&files))), Err(ArchiveError::Files));
    assert_eq!(
        unpack(&gzip(&archive(&files[..MAX_FILES]))).unwrap().files().len(),
        MAX_FILES
    );
    let directory = Made {
        name: b"a/",
        kind: b'5',
        ..FILE
    };
    let mut many = Vec::new();
    entry(&mut many, &directory);
    let many = many.repeat(MAX_ENTRIES + 1);
    assert_eq!(unpack(&gzip(&many)), Err(ArchiveError::Files));
}

#[test]
fn damaged_gzip_is_refused() {
    let mut bytes = gzip(&named(b"a"));
    let last = bytes.len() - 5;
    bytes[last] ^= 1;
    assert!(matches!(unpack(&bytes), Err(ArchiveError::Broken(_))));
    let mut garbage = gzip(&named(b"a"));
    garbage.extend_from_slice(b"garbage");
    assert!(matches!(unpack(&garbage), Err(ArchiveError::Broken(_))));
    let cut = gzip(&named(b"a"));
    assert!(matches!(unpack(&cut[..cut.len() - 4]), Err(ArchiveError::Broken(_))));
}

#[test]
fn what_ordinary_programs_pack_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let deep = format!("{0}/{0}", "d".repeat(90));
    std::fs::create_dir_all(dir.path().join(&deep)).unwrap();
    std::fs::write(dir.path().join(&deep).join("file"), "deep").unwrap();
    std::fs::write(dir.path().join("template.toml"), "").unwrap();
    for format in ["gnu", "ustar", "pax", "v7"] {
        let mut command = Command::new("tar");
        command.arg("-C").arg(dir.path()).args(["-cz", "--format", format]);
        // The oldest format has no long names.
        let what = if format == "v7" { "./template.toml" } else { "." };
        let output = command.arg(what).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let package = unpack(&output.stdout).unwrap_or_else(|error| panic!("{format}: {error}"));
        assert!(package.get("template.toml").is_some());
        if format != "v7" {
            assert_eq!(
                package.get(&format!("{deep}/file")).unwrap().content,
                b"deep",
                "{format}"
            );
            assert_eq!(package, Package::read(dir.path()).unwrap());
        }
    }
}

#[test]
fn what_we_pack_ordinary_programs_read() {
    let mut package = Package::default();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    for (path, executable) in [("template.toml", false), ("run.sh", true), (long.as_str(), false)] {
        let content = path.as_bytes().to_vec();
        package.add(path, File { content, executable }).unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.tar.gz");
    std::fs::write(&file, package.to_gzip().unwrap()).unwrap();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let status = Command::new("tar")
        .arg("-xzf")
        .arg(&file)
        .arg("-C")
        .arg(&out)
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(Package::read(&out).unwrap(), package);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_package_comes_back_as_it_was(
        files in prop::collection::btree_map("[a-zäß]{1,60}(/[a-z.]{2,60}){0,3}x", (prop::collection::vec(any::<u8>(), 0..1500), any::<bool>()), 0..8)
    ) {
        let mut package = Package::default();
        for (path, (content, executable)) in files {
            // What collides is refused, and is not what this is about.
            let _ = package.add(&path, File { content, executable });
        }
        let packed = package.to_gzip().unwrap();
        let unpacked = unpack(&packed).unwrap();
        prop_assert_eq!(&unpacked, &package);
        prop_assert_eq!(unpacked.digest(), package.digest());
        prop_assert_eq!(unpacked.to_gzip().unwrap(), packed);
    }

    #[test]
    fn noise_is_refused_or_stays_below(noise in prop::collection::vec(any::<u8>(), 0..3000), at in 0usize..1536, byte: u8) {
        let _ = unpack(&noise);
        let mut bytes = archive(&[Made { name: b"a/b", content: b"hello", ..FILE }]);
        bytes[at] = byte;
        if let Ok(package) = unpack(&bytes) {
            prop_assert!(package.files().keys().all(|path| bailey_core::template::names::relative_path(path).is_ok()));
        }
    }
}
