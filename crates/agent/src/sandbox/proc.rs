//! `/proc` inside: of its own process namespace, other people's processes hidden, and what tells of the machine masked.

use std::path::Path;

use rustix::mount::MountAttrFlags;

use super::mounts::{READ_ONLY, attach, copy, new};
use super::protocol::{Failure, Step};
use super::root::directory;
use super::sys::MountAttributes;

/// What may be read, and never be written, whoever one is.
const READ_ONLY_PATHS: &[&str] = &["bus", "fs", "irq", "sys", "sysrq-trigger"];
/// What is not even read.
const MASKED: &[&str] = &[
    "acpi",
    "asound",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
    "timer_stats",
];

pub(super) fn make(root: &Path) -> Result<(), Failure> {
    let proc = root.join("proc");
    let flags =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    directory(&proc, 0o555)
        .and_then(|()| attach(new("proc", &[("hidepid", "2")], flags)?, &proc))
        .step("mount /proc (it must not be masked on the host)")?;
    for name in READ_ONLY_PATHS {
        let path = proc.join(name);
        if path.exists() {
            let attributes = READ_ONLY.and(MountAttributes::NO_EXECUTION);
            copy(&path, attributes)
                .and_then(|mount| attach(mount, &path))
                .step_with(|| format!("make /proc/{name} read-only"))?;
        }
    }
    for name in MASKED {
        let path = proc.join(name);
        let Ok(metadata) = path.symlink_metadata() else {
            continue;
        };
        let cover = if metadata.is_dir() {
            new(
                "tmpfs",
                &[("size", "4k"), ("mode", "0555")],
                flags | MountAttrFlags::MOUNT_ATTR_RDONLY,
            )
        } else {
            copy(Path::new("/dev/null"), MountAttributes::READ_ONLY)
        };
        cover
            .and_then(|cover| attach(cover, &path))
            .step_with(|| format!("mask /proc/{name}"))?;
    }
    Ok(())
}
