//! One attempt to get out, as its own program: ends with 0 and prints what it got if it succeeds, with 1 and the reason if
//! it does not. The tests run each outside first, where it succeeds, and then inside.
#![expect(
    clippy::cast_lossless,
    clippy::too_many_lines,
    clippy::wildcard_imports,
    clippy::indexing_slicing,
    reason = "a table of system calls, in the kernel's own words"
)]
#![expect(unsafe_code, reason = "escapes are made of raw system calls")]
#![expect(clippy::print_stdout, reason = "its output is its result")]

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::ExitCode;
use std::time::Duration;

mod resources;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match attempt(&arguments) {
        Ok(got) => {
            println!("{got}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn attempt(arguments: &[&str]) -> io::Result<String> {
    match *arguments {
        ["tcp", address] => {
            let mut stream = TcpStream::connect_timeout(&address.parse().map_err(io::Error::other)?, WAIT)?;
            stream.set_read_timeout(Some(WAIT))?;
            greeting(&mut stream)
        }
        ["udp", address] => {
            let socket = UdpSocket::bind(if address.starts_with('[') {
                "[::]:0"
            } else {
                "0.0.0.0:0"
            })?;
            socket.set_read_timeout(Some(WAIT))?;
            socket.send_to(b"hello", address)?;
            let mut buffer = [0; 64];
            let (length, _) = socket.recv_from(&mut buffer)?;
            Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
        }
        ["unix", path] => greeting(&mut UnixStream::connect(path)?),
        ["abstract", name] => greeting(&mut UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)?),
        ["read", path] => match fs::read(path)?.len() {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => Ok(format!("{length} bytes")),
        },
        ["list", path] => {
            let names: Result<Vec<_>, _> = fs::read_dir(path)?
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect();
            Ok(format!("{:?}", names?))
        }
        ["write", path] => fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .write(b"")
            .map(|_| "opened".to_owned()),
        ["create", path] => {
            fs::File::create(path)?;
            fs::remove_file(path).map(|()| "created".to_owned())
        }
        ["resource", name, amount, ref rest @ ..] => {
            let amount = amount.parse().map_err(io::Error::other)?;
            resources::take(name, amount, rest.first().copied().unwrap_or_default())
        }
        [name, ref rest @ ..] => call(name, rest.first().and_then(|value| value.parse().ok()).unwrap_or(0)),
        [] => Err(io::ErrorKind::InvalidInput.into()),
    }
}

const WAIT: Duration = Duration::from_millis(400);

fn greeting(from: &mut impl Read) -> io::Result<String> {
    let mut buffer = [0; 64];
    let length = from.read(&mut buffer)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// Sets loopback down, over the netlink that programs may read their addresses from.
#[expect(clippy::cast_possible_truncation, reason = "the flags are of 16 bits in the message")]
unsafe fn link_down() -> libc::c_long {
    use libc::*;
    const LENGTH: u32 = 32;
    let mut message = [0_u8; LENGTH as usize];
    message[..4].copy_from_slice(&LENGTH.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&((NLM_F_REQUEST | NLM_F_ACK) as u16).to_ne_bytes());
    // `struct ifinfomsg`: interface 1, and of its flags that it is up is changed, to no.
    message[20..24].copy_from_slice(&1_i32.to_ne_bytes());
    message[28..32].copy_from_slice(&(IFF_UP as u32).to_ne_bytes());
    let mut answer = [0_u8; 256];
    // SAFETY: both buffers are live for the calls, and their lengths are passed.
    unsafe {
        let netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
        if netlink == -1 || send(netlink, message.as_ptr().cast(), message.len(), 0) == -1 {
            return -1;
        }
        if recv(netlink, answer.as_mut_ptr().cast(), answer.len(), 0) < 20 {
            return -1;
        }
        let error = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
        *__errno_location() = -error;
    }
    if i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) == 0 {
        0
    } else {
        -1
    }
}

/// A single system call, with `value` where it takes a process or a group.
fn call(name: &str, value: i64) -> io::Result<String> {
    use libc::*;
    let zero: c_long = 0;
    let mut room = [0_u8; 256];
    if name == "perf" {
        // The kind (software) and the structure's size.
        room[..8].copy_from_slice(&[1, 0, 0, 0, 112, 0, 0, 0]);
    }
    let at = room.as_mut_ptr();
    // SAFETY: pointers are null or to `room` or to constants, which is larger than what is written to them.
    let result = unsafe {
        match name {
            "mptcp" => c_long::from(socket(AF_INET, SOCK_STREAM, 262)),
            "sctp" => c_long::from(socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP)),
            "ping" => c_long::from(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)),
            "ping6" => c_long::from(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6)),
            "udplite" => c_long::from(socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)),
            "dccp" => c_long::from(socket(AF_INET, SOCK_DCCP, 33)),
            "bluetooth" => c_long::from(socket(AF_BLUETOOTH, SOCK_RAW, 1)),
            "can" => c_long::from(socket(AF_CAN, SOCK_RAW, 1)),
            "raw" => c_long::from(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)),
            "raw6" => c_long::from(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)),
            "packet" => c_long::from(socket(AF_PACKET, SOCK_RAW, 0x0300)),
            "vsock" => c_long::from(socket(AF_VSOCK, SOCK_STREAM, 0)),
            "alg" => c_long::from(socket(AF_ALG, SOCK_SEQPACKET, 0)),
            "uevent" => c_long::from(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)),
            "netfilter" => c_long::from(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)),
            "io_uring" => syscall(SYS_io_uring_setup, 4 as c_long, at),
            "io_setup" => syscall(SYS_io_setup, 1 as c_long, [0_u64; 1].as_mut_ptr()),
            "scheduler" => syscall(
                SYS_sched_setscheduler,
                value,
                SCHED_BATCH as c_long,
                [0_i32; 1].as_ptr(),
            ),
            "parameters" => syscall(SYS_sched_setparam, value, [0_i32; 1].as_ptr()),
            // The structure's size, SCHED_BATCH, no flags, the least niceness. Never more: the tests may be nice themselves.
            "attributes" => syscall(
                SYS_sched_setattr,
                value,
                [48_u32, 3, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0].as_ptr(),
                zero,
            ),
            "affinity" => syscall(SYS_sched_setaffinity, value, 8 as c_long, [1_u64; 1].as_ptr()),
            "nice" => syscall(SYS_setpriority, zero, value, 19 as c_long),
            "nice_group" => syscall(SYS_setpriority, 1 as c_long, zero, 19 as c_long),
            "nice_user" => syscall(SYS_setpriority, 2 as c_long, zero, zero),
            // Best effort, the last of its levels.
            "io_priority" => syscall(SYS_ioprio_set, 1 as c_long, value, (2 << 13 | 7) as c_long),
            "io_priority_group" => syscall(SYS_ioprio_set, 2 as c_long, zero, (2 << 13 | 7) as c_long),
            "ptrace" => syscall(SYS_ptrace, PTRACE_SEIZE as c_long, value, zero, zero),
            "signal" => syscall(SYS_kill, value, zero),
            "kill" => syscall(SYS_kill, value, SIGKILL as c_long),
            "vm_read" => {
                let local = iovec {
                    iov_base: at.cast(),
                    iov_len: 1,
                };
                let remote = iovec {
                    iov_base: at.add(1).cast(),
                    iov_len: 1,
                };
                syscall(
                    SYS_process_vm_readv,
                    c_long::from(getpid()),
                    &raw const local,
                    1 as c_long,
                    &raw const remote,
                    1 as c_long,
                    zero,
                )
            }
            "prlimit" => {
                let limit = rlimit64 {
                    rlim_cur: 1000,
                    rlim_max: 1000,
                };
                syscall(SYS_prlimit64, value, RLIMIT_NOFILE as c_long, &raw const limit, zero)
            }
            "mount" => syscall(
                SYS_mount,
                c"none".as_ptr(),
                c"/tmp".as_ptr(),
                c"tmpfs".as_ptr(),
                zero,
                zero,
            ),
            "umount" => syscall(SYS_umount2, c"/proc".as_ptr(), MNT_DETACH as c_long),
            "fsopen" => syscall(SYS_fsopen, c"tmpfs".as_ptr(), zero),
            "open_tree" => syscall(SYS_open_tree, AT_FDCWD as c_long, c"/".as_ptr(), 1 as c_long),
            "chroot" => syscall(SYS_chroot, c"/".as_ptr()),
            "unshare" => syscall(SYS_unshare, value),
            "clone_user" => match syscall(SYS_clone, (CLONE_NEWUSER | SIGCHLD) as c_long, zero, zero, zero, zero) {
                0 => _exit(0),
                pid => pid,
            },
            "clone3" => {
                let mut arguments = [0_u64; 11];
                arguments[0] = CLONE_NEWUSER as u64;
                arguments[4] = SIGCHLD as u64;
                match syscall(SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) {
                    0 => _exit(0),
                    pid => pid,
                }
            }
            "setns" => {
                let own = open(c"/proc/self/ns/uts".as_ptr(), O_RDONLY);
                syscall(SYS_setns, c_long::from(own), zero)
            }
            "mknod" => {
                let made = mknod(c"/tmp/bailey-attempt".as_ptr(), S_IFCHR | 0o600, makedev(1, 3));
                unlink(c"/tmp/bailey-attempt".as_ptr());
                c_long::from(made)
            }
            "sti" => {
                setsid();
                let (master, mut side) = (posix_openpt(O_RDWR | O_NOCTTY), 0);
                unlockpt(master);
                grantpt(master);
                if ptsname_r(master, at.cast(), 256) == 0 {
                    side = open(at.cast(), O_RDWR);
                }
                c_long::from(ioctl(side, TIOCSTI, c"x".as_ptr()))
            }
            "add_key" => syscall(
                SYS_add_key,
                c"user".as_ptr(),
                c"bailey".as_ptr(),
                c"x".as_ptr(),
                1 as c_long,
                -2 as c_long,
            ),
            "request_key" => {
                syscall(
                    SYS_add_key,
                    c"user".as_ptr(),
                    c"bailey".as_ptr(),
                    c"x".as_ptr(),
                    1 as c_long,
                    -2 as c_long,
                );
                syscall(
                    SYS_request_key,
                    c"user".as_ptr(),
                    c"bailey".as_ptr(),
                    zero,
                    -2 as c_long,
                )
            }
            "pidfd_getfd" => {
                let process = syscall(SYS_pidfd_open, value, zero);
                syscall(SYS_pidfd_getfd, process, zero, zero)
            }
            "signal_all" => syscall(SYS_kill, -1 as c_long, SIGKILL as c_long),
            "shm" => syscall(SYS_shmget, value, zero, zero),
            "msg" => syscall(SYS_msgget, value, zero),
            "sem" => syscall(SYS_semget, value, zero, zero),
            "lo_down" => link_down(),
            "keyctl" => syscall(SYS_keyctl, zero, -3 as c_long, 1 as c_long),
            "bpf" => syscall(SYS_bpf, zero, [1_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0].as_ptr(), 48),
            "userfaultfd" => syscall(SYS_userfaultfd, 1 as c_long),
            "perf" => syscall(SYS_perf_event_open, at, zero, -1 as c_long, -1 as c_long, zero),
            "sethostname" => syscall(SYS_sethostname, c"test".as_ptr(), 4),
            "setuid" => syscall(SYS_setuid, value),
            "personality" => syscall(SYS_personality, 0x0040_0000 as c_long),
            #[cfg(target_arch = "x86_64")]
            "x32" => syscall(0x4000_0000 + SYS_getpid),
            _ => {
                return Err(io::Error::other("there is no such attempt"));
            }
        }
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result.to_string())
}
