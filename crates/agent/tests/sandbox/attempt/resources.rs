//! Taking much of something. Prints how much was had; succeeds only with all of it.

use std::fs;
use std::io;

const MIB: usize = 1024 * 1024;

pub(super) fn take(name: &str, amount: usize, path: &str) -> io::Result<String> {
    let had = match name {
        "shared_memory" => shared_memory(amount)?,
        "messages" => messages(amount),
        "memory_file" => memory_file(amount)?,
        "watches" => watches(amount, path)?,
        "files" => (0..amount)
            .take_while(|number| fs::write(format!("{path}/{number}"), "").is_ok())
            .count(),
        "bytes" => bytes(amount, path)?,
        _ => return Err(io::Error::other("there is no such attempt")),
    };
    println!("{had}");
    if had == amount {
        return Ok("all".to_owned());
    }
    Err(io::Error::last_os_error())
}

/// A segment of System V shared memory of so many MiB, all of it written. It outlives this process.
fn shared_memory(amount: usize) -> io::Result<usize> {
    // SAFETY: the segment is as large as what is written to it.
    unsafe {
        let segment = libc::shmget(libc::IPC_PRIVATE, amount * MIB, libc::IPC_CREAT | 0o600);
        if segment == -1 {
            return Err(io::Error::last_os_error());
        }
        let at = libc::shmat(segment, std::ptr::null(), 0).cast::<u8>();
        if at as isize == -1 {
            return Err(io::Error::last_os_error());
        }
        // Removed with its last user, so that a control run leaves nothing.
        libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut());
        at.write_bytes(1, amount * MIB);
    }
    Ok(amount)
}

/// So many MiB in System V message queues, which are removed at the end.
fn messages(amount: usize) -> usize {
    const LENGTH: usize = 8192;
    #[repr(C)]
    struct Message {
        kind: libc::c_long,
        text: [u8; LENGTH],
    }
    let message = Message {
        kind: 1,
        text: [1; LENGTH],
    };
    let (mut queues, mut sent) = (Vec::new(), 0);
    // SAFETY: the message is as long as is said.
    unsafe {
        'all: while sent < amount * MIB {
            let queue = libc::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600);
            if queue == -1 {
                break;
            }
            queues.push(queue);
            for full in 0.. {
                if libc::msgsnd(queue, (&raw const message).cast(), LENGTH, libc::IPC_NOWAIT) == -1 {
                    if full == 0 {
                        break 'all;
                    }
                    break;
                }
                sent += LENGTH;
            }
        }
        for queue in queues {
            libc::msgctl(queue, libc::IPC_RMID, std::ptr::null_mut());
        }
    }
    (sent / MIB).min(amount)
}

/// A file of so many MiB that has no name.
fn memory_file(amount: usize) -> io::Result<usize> {
    // SAFETY: the name is a constant, and the descriptor is this process's own.
    let mut file: fs::File = unsafe {
        let file = libc::memfd_create(c"attempt".as_ptr(), 0);
        if file == -1 {
            return Err(io::Error::last_os_error());
        }
        std::os::fd::FromRawFd::from_raw_fd(file)
    };
    Ok(fill(&mut file, amount))
}

fn bytes(amount: usize, path: &str) -> io::Result<usize> {
    let mut file = fs::File::create(path)?;
    let written = fill(&mut file, amount);
    drop(file);
    fs::remove_file(path)?;
    Ok(written)
}

fn fill(file: &mut fs::File, amount: usize) -> usize {
    let block = vec![1; MIB];
    (0..amount)
        .take_while(|_| io::Write::write_all(file, &block).is_ok())
        .count()
}

/// So many inotify instances with one watch each, held until the end.
fn watches(amount: usize, path: &str) -> io::Result<usize> {
    let path = std::ffi::CString::new(path).map_err(io::Error::other)?;
    // SAFETY: the path is live for the call; the descriptors end with this process.
    let had = (0..amount).take_while(|_| unsafe {
        let instance = libc::inotify_init1(0);
        instance != -1 && libc::inotify_add_watch(instance, path.as_ptr(), libc::IN_CREATE) != -1
    });
    Ok(had.count())
}
