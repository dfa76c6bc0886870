//! `/etc` inside: written here where it tells of this sandbox, a short list of the host's own otherwise.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use bailey_core::template::ManagedFile;
use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};

use super::mounts::{READ_ONLY, attach, bind, copy};
use super::protocol::{Failure, Setup, Step};
use super::root::{directory, host_network, show};

/// Where the agent's own DNS is found; every address leads to it.
const NAMESERVER: &str = "nameserver 198.18.0.1\noptions timeout:2 attempts:2\n";
/// Of the host's `/etc`: nothing that could hold a secret, or that says what the host is for.
const FROM_HOST: &[&str] = &[
    "alternatives",
    "bash.bashrc",
    "bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "host.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.conf",
    "localtime",
    "lsb-release",
    "magic",
    "mime.types",
    "nanorc",
    "os-release",
    "perl",
    "profile",
    "protocols",
    "rpc",
    "services",
    "shells",
    "terminfo",
    "timezone",
    "vim",
];
/// Directories of which a part alone is shown, since private keys lie beside it.
const IN_PART: &[(&str, &[&str])] = &[
    ("ssl", &["certs", "cert.pem", "openssl.cnf"]),
    ("pki", &["ca-trust"]),
    ("pki/tls", &["certs", "cert.pem", "openssl.cnf"]),
];
/// Where systems keep all the authorities they trust in one file.
const BUNDLES: &[&str] = &[
    "ssl/certs/ca-certificates.crt",
    "ssl/cert.pem",
    "ssl/ca-bundle.pem",
    "pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];
/// Files up to this size are copied; a mount costs more.
const COPIED: u64 = 16 * 1024;

/// The authorities that are trusted inside beside the system's.
pub(super) fn read_certificates(paths: &[PathBuf]) -> Result<String, Failure> {
    let mut all = String::new();
    for path in paths {
        let text =
            fs::read_to_string(path).step_with(|| format!("read the certificate authority {}", path.display()))?;
        all.push_str(text.trim_end());
        all.push('\n');
    }
    Ok(all)
}

pub(super) fn make(setup: &Setup, root: &Path, certificates: &str) -> Result<(), Failure> {
    let etc = root.join("etc");
    directory(&etc, 0o755).step("make /etc")?;
    let ours = written(setup, root).step("read the host's resolv.conf")?;
    for (name, content) in &ours {
        write(&etc.join(name), content.as_bytes()).step_with(|| format!("write /etc/{name}"))?;
    }
    symlink("/proc/self/mounts", etc.join("mtab")).step("make /etc/mtab")?;
    let is_ours = |name: &str| name == "mtab" || ours.iter().any(|(own, _)| *own == name);
    match &setup.spec.root {
        Some(archive) => {
            let source = archive.join("etc");
            if source.symlink_metadata().is_ok_and(|source| source.is_dir()) {
                let managed = |name: &str| tops(&setup.spec.files).any(|top| top == name);
                show(&source, &etc, |name| !is_ours(name) && !managed(name)).step("show the archive's /etc")?;
            }
        }
        None => host(&etc).step("show parts of the host's /etc")?,
    }
    trust(root, certificates).step("add certificate authorities")?;
    for file in &setup.spec.files {
        managed(&etc, file).step_with(|| format!("write {}", file.path))?;
    }
    Ok(())
}

/// What tells of this sandbox.
fn written(setup: &Setup, root: &Path) -> io::Result<Vec<(&'static str, String)>> {
    let name = &setup.host_name;
    let shell = if root.join("usr/bin/bash").exists() || root.join("bin/bash").exists() {
        "/bin/bash"
    } else {
        "/bin/sh"
    };
    let resolver = if host_network(&setup.spec) {
        fs::read_to_string("/etc/resolv.conf")?
    } else {
        NAMESERVER.to_owned()
    };
    Ok(vec![
        ("group", "root:x:0:\ndev:x:1000:\nnogroup:x:65534:\n".to_owned()),
        ("hostname", format!("{name}\n")),
        ("hosts", format!("127.0.0.1 localhost {name}\n")),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n".to_owned(),
        ),
        (
            "passwd",
            format!(
                "root:x:0:0:root:/root:/usr/sbin/nologin\ndev:x:1000:1000:dev:/home/dev:{shell}\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
            ),
        ),
        ("resolv.conf", resolver),
    ])
}

fn host(etc: &Path) -> io::Result<()> {
    let source = Path::new("/etc");
    for name in FROM_HOST {
        share(&source.join(name), &etc.join(name))?;
    }
    for (parent, names) in IN_PART {
        if source.join(parent).is_dir() {
            directory(&etc.join(parent), 0o755)?;
            for name in *names {
                let path = format!("{parent}/{name}");
                share(&source.join(&path), &etc.join(&path))?;
            }
        }
    }
    Ok(())
}

/// Shows one entry, if the host has it and this process may read it.
fn share(source: &Path, target: &Path) -> io::Result<()> {
    let Ok(metadata) = source.symlink_metadata() else {
        return Ok(());
    };
    if metadata.is_symlink() {
        return symlink(fs::read_link(source)?, target);
    }
    if metadata.is_file() && metadata.len() <= COPIED {
        return match fs::read(source) {
            Ok(content) => write(target, &content),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
        };
    }
    if metadata.is_dir() || metadata.is_file() {
        return bind(source, target, READ_ONLY);
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(content)
}

/// Lays the system's bundle with our authorities added over the system's own, and puts ours alone beside it for programs
/// that read an additional file (`NODE_EXTRA_CA_CERTS`).
fn trust(root: &Path, certificates: &str) -> io::Result<()> {
    if certificates.is_empty() {
        return Ok(());
    }
    let own = root.join("etc/bailey");
    directory(&own, 0o755)?;
    write(&own.join("ca.pem"), certificates.as_bytes())?;
    for (number, name) in BUNDLES.iter().enumerate() {
        let bundle = root.join("etc").join(name);
        if !bundle.symlink_metadata().is_ok_and(|bundle| bundle.is_file()) {
            continue;
        }
        let mut content = fs::read_to_string(&bundle)?;
        content.push('\n');
        content.push_str(certificates);
        let all = own.join(format!("bundle-{number}.pem"));
        write(&all, content.as_bytes())?;
        attach(copy(&all, READ_ONLY)?, &bundle)?;
    }
    Ok(())
}

/// The first part of each managed file's path below `/etc`.
fn tops(files: &[ManagedFile]) -> impl Iterator<Item = &str> {
    files
        .iter()
        .filter_map(|file| file.path.strip_prefix("/etc/")?.split('/').next())
}

/// Writes a managed file. No symbolic link is followed and no mount entered: what an archive brings must not lead it
/// elsewhere.
fn managed(etc: &Path, file: &ManagedFile) -> io::Result<()> {
    let strict = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let relative = file
        .path
        .strip_prefix("/etc/")
        .ok_or_else(|| io::Error::other("managed files are below /etc or the home directory"))?;
    let mut parts: Vec<&str> = relative.split('/').collect();
    let name = parts.pop().unwrap_or_default();
    let directory_flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut directory = rustix::fs::open(etc, directory_flags, Mode::empty())?;
    for part in parts {
        match mkdirat(&directory, part, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        directory = openat2(&directory, part, directory_flags, Mode::empty(), strict)?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let file_mode = if file.executable { 0o755 } else { 0o644 };
    let opened = openat2(&directory, name, flags, Mode::from_raw_mode(file_mode), strict)?;
    let mut opened = fs::File::from(opened);
    opened.write_all(file.content.as_bytes())?;
    opened.set_permissions(fs::Permissions::from_mode(file_mode))
}
