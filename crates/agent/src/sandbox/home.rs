//! The home directory: a directory of the host, or a file system in a file, whose size is the quota.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt as _, OpenOptionsExt, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bailey_api::agent::HomeStorage;
use rustix::fs::{AtFlags, Gid, SeekFrom, Uid, chownat};
use rustix::mount::MountAttrFlags;

use super::mounts::{self, PLAIN};
use super::protocol::{Failure, Step};
use super::sys;

/// How often another process may take the loop device that was free a moment ago.
const TRIES: usize = 50;
/// How often, and how long apart, the end of a former mount of an image is looked for.
const IN_USE_TRIES: u32 = 200;
const IN_USE_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
/// Bytes that are copied at once.
const COPIED: usize = 256 * 1024;

/// Makes an image that is missing or too small. Outside the sandbox, before it is made.
pub(super) fn prepare(home: &HomeStorage) -> Result<(), Failure> {
    match home {
        HomeStorage::Directory(path) => fs::create_dir_all(path).step("make the home directory"),
        HomeStorage::Image { path, bytes } => match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() && metadata.len() >= *bytes => Ok(()),
            Ok(metadata) if metadata.is_file() => grow(path, *bytes),
            Ok(_) => Err(Failure::text("open the home image", "it is not a file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, *bytes),
            Err(error) => Err(Failure::new("open the home image", error)),
        },
    }
}

/// Copies the image of this size that was made once, which takes a fraction of making one.
fn create(path: &Path, bytes: u64) -> Result<(), Failure> {
    let unfinished = path.with_extension("new");
    let step = "make the home image";
    if template(path, bytes).is_some_and(|template| copy(&template, &unfinished).is_ok()) {
        return put_in_place(&unfinished, path).step(step);
    }
    format(path, &unfinished, bytes)
}

/// The image of this size that new ones are copied from; made if it is not there. It lies in the server's data directory,
/// which is known where the workspace's own directory is `workspaces/ID` in it.
fn template(path: &Path, bytes: u64) -> Option<PathBuf> {
    let own = path.parent()?;
    let all = own
        .parent()
        .filter(|all| all.file_name().is_some_and(|name| name == "workspaces"))?;
    let directory = all.with_file_name("images");
    let made = fs::DirBuilder::new().mode(0o700).create(&directory);
    if made.is_err() && !directory.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        return None;
    }
    let template = directory.join(format!("home-{bytes}.ext4"));
    if !template
        .symlink_metadata()
        .is_ok_and(|found| found.is_file() && found.len() == bytes)
    {
        // Several workspaces may make it at the same time.
        let id = own.file_name()?.to_str()?;
        format(&template, &directory.join(format!("home-{bytes}.{id}.new")), bytes).ok()?;
    }
    Some(template)
}

/// Shares the blocks where the file system can, and otherwise copies what is no hole.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let source = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(from)?;
    let target = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(to)?;
    if rustix::fs::ioctl_ficlone(&target, &source).is_ok() {
        return Ok(());
    }
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut at = 0;
    while at < length {
        at = match rustix::fs::seek(&source, SeekFrom::Data(at)) {
            Ok(data) => data,
            // Nothing but a hole is left.
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(&source, SeekFrom::Hole(at))?;
        copy_range(&source, &target, at, end)?;
        at = end;
    }
    Ok(())
}

fn copy_range(source: &File, target: &File, mut at: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPIED];
    while at < end {
        let most = usize::try_from(end - at).unwrap_or(COPIED).min(COPIED);
        let part = buffer.get_mut(..most).unwrap_or_default();
        source.read_exact_at(part, at)?;
        target.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    Ok(())
}

/// Made under another name, so that an image that is there is whole.
fn format(path: &Path, unfinished: &Path, bytes: u64) -> Result<(), Failure> {
    let step = "make the home image";
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(unfinished)
        .step(step)?;
    file.set_len(bytes).step(step)?;
    // No blocks kept back for root, and none written that need not be.
    let mut command = Command::new("mkfs.ext4");
    command
        .args([
            "-q",
            "-F",
            "-m",
            "0",
            "-E",
            "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
        ])
        .arg(unfinished);
    run(command, step)?;
    put_in_place(unfinished, path).step(step)
}

/// Under its own name only when it is on the disk: after a loss of power there is a whole image or none.
fn put_in_place(unfinished: &Path, path: &Path) -> io::Result<()> {
    File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, path)?;
    path.parent()
        .map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn grow(path: &Path, bytes: u64) -> Result<(), Failure> {
    let step = "grow the home image";
    let file = OpenOptions::new().write(true).open(path).step(step)?;
    // Before it is touched: what a former sandbox still writes would undo it.
    until_free(&file, path).step(step)?;
    file.set_len(bytes).step(step)?;
    let mut check = Command::new("e2fsck");
    check.args(["-f", "-p"]).arg(path);
    // 1 = errors were found, and corrected.
    run_with(check, step, &[0, 1])?;
    let mut resize = Command::new("resize2fs");
    resize.arg(path);
    run(resize, step)
}

fn run(command: Command, step: &str) -> Result<(), Failure> {
    run_with(command, step, &[0])
}

fn run_with(mut command: Command, step: &str, good: &[i32]) -> Result<(), Failure> {
    // e2fsprogs is found in sbin, which need not be in the PATH of an ordinary user.
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .stdin(Stdio::null());
    let output = command
        .output()
        .step_with(|| format!("{step} (is e2fsprogs installed?)"))?;
    if output.status.code().is_some_and(|code| good.contains(&code)) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(Failure::text(step, format!("{}: {}", output.status, text.trim())))
}

/// The home directory as a mount that is not attached yet, owned by `owner`.
pub(super) fn open(home: &HomeStorage, owner: u32) -> Result<OwnedFd, Failure> {
    let mount = match home {
        HomeStorage::Directory(path) => mounts::copy(path, PLAIN).step("open the home directory")?,
        HomeStorage::Image { path, .. } => image(path)?,
    };
    chownat(
        &mount,
        "",
        Some(Uid::from_raw(owner)),
        Some(Gid::from_raw(owner)),
        AtFlags::EMPTY_PATH,
    )
    .step("own the home directory")?;
    open_to_owner(&mount).step("open the home directory to its owner")?;
    Ok(mount)
}

/// A person may have taken away their own rights, without which nothing can be started in it.
fn open_to_owner(mount: &OwnedFd) -> io::Result<()> {
    const OWNERS: u32 = 0o700;
    let mode = rustix::fs::fstat(mount)?.st_mode & 0o7777;
    if mode & OWNERS == OWNERS {
        return Ok(());
    }
    // A descriptor that only names a place cannot be used for this itself.
    let path = format!("/proc/self/fd/{}", mount.as_raw_fd());
    fs::set_permissions(path, fs::Permissions::from_mode(mode | OWNERS))
}

/// The loop device goes when the mount goes, and that when the sandbox goes.
fn image(path: &Path) -> Result<OwnedFd, Failure> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .step("open the home image")?;
    until_free(&file, path).step("wait until the home image is free")?;
    // Held until the file system is mounted: without a user the device would let go of the file.
    let (device, name) = loop_device(&file).step("tie the home image to a loop device")?;
    let mount = mounts::new(
        "ext4",
        &[("source", &name), ("noinit_itable", "")],
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
    )
    .step("mount the home image")?;
    drop(device);
    Ok(mount)
}

/// Waits until no loop device is tied to the image: a file system that is mounted twice is soon destroyed. A sandbox that was
/// ended may need a moment, with processes in it that write.
fn until_free(image: &File, path: &Path) -> io::Result<()> {
    let (device, number) = (image.metadata()?.dev(), image.metadata()?.ino());
    for _ in 0..IN_USE_TRIES {
        let mut in_use = false;
        for entry in fs::read_dir("/sys/block")? {
            let entry = entry?;
            let Ok(backing) = fs::read_to_string(entry.path().join("loop/backing_file")) else {
                continue;
            };
            let status =
                File::open(Path::new("/dev").join(entry.file_name())).and_then(|other| sys::loop_status(&other));
            in_use |= match status {
                Ok(tied) => tied == (device, number),
                // The kernel cannot be asked: the name that it shows, in which the workspace's id is, must do.
                Err(_) => same_end(Path::new(backing.trim_end()), path),
            };
        }
        if !in_use {
            return Ok(());
        }
        std::thread::sleep(IN_USE_PAUSE);
    }
    Err(io::Error::other("another sandbox has it mounted"))
}

/// Whether the file's and its directory's names are the same; what is above them depends on who looks.
fn same_end(one: &Path, other: &Path) -> bool {
    let end = |path: &Path| {
        path.components()
            .rev()
            .take(2)
            .map(|part| part.as_os_str().to_owned())
            .collect::<Vec<_>>()
    };
    end(one) == end(other)
}

fn loop_device(file: &File) -> io::Result<(File, String)> {
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control")?;
    for _ in 0..TRIES {
        let name = format!("/dev/loop{}", sys::loop_free(&control)?);
        let device = OpenOptions::new().read(true).write(true).open(&name)?;
        match sys::loop_configure(&device, file) {
            Ok(()) => return Ok((device, name)),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            Err(error) => return Err(error),
        }
    }
    Err(rustix::io::Errno::BUSY.into())
}
