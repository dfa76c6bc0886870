//! Which system calls are refused inside. All that is not named here is allowed: a list of what programs need would break
//! with each new one, and what is refused here has no business in a workspace or has a history of ways out.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use super::protocol::Failure;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refused whatever their arguments.
const REFUSED: &[i64] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // Namespaces.
    libc::SYS_setns,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Large and seldom needed parts of the kernel.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_vhangup,
];
/// Of Linux 6.15; libc does not name it on all machines.
const OPEN_TREE_ATTR: i64 = 467;
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];
/// As if the kernel did not have them: programs then do without. `clone3` hides its flags from this filter, `io_uring`
/// all of its work.
const ABSENT: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Its contexts are counted for the whole machine (`fs.aio-max-nr`).
    libc::SYS_io_setup,
];
/// Calls whose first argument is a process that then runs less, or elsewhere.
const SCHEDULING: &[i64] = &[
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setaffinity,
];
/// Init, as everybody inside sees it.
const INIT: u64 = 1;
const NEW_NAMESPACE: &[i32] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
/// Fake input on a terminal (two ways), and changing a terminal's line discipline, which loads kernel modules.
const TERMINAL_REQUESTS: &[u64] = &[0x5412, 0x541C, 0x5423];
/// `PER_LINUX` and `PER_LINUX32`, with and without `UNAME26`, and the question what it is now.
const PERSONALITIES: &[u64] = &[0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The programs for the kernel, to be installed in this order.
pub(super) fn filters() -> Result<Vec<BpfProgram>, Failure> {
    build().map_err(|error| Failure::text("build the system call filter", error.to_string()))
}

fn build() -> Result<Vec<BpfProgram>, seccompiler::BackendError> {
    let mut programs = vec![
        program(absent(), libc::ENOSYS)?,
        program(families()?, libc::EAFNOSUPPORT)?,
        program(protocols()?, libc::EPROTONOSUPPORT)?,
        program(refused()?, libc::EPERM)?,
    ];
    if cfg!(target_arch = "x86_64") {
        programs.push(no_x32());
    }
    Ok(programs)
}

/// Other machines' system calls (32 bit) end the process: they are counted differently.
fn program(rules: Rules, errno: i32) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = if cfg!(target_arch = "x86_64") {
        TargetArch::x86_64
    } else {
        TargetArch::aarch64
    };
    let action = SeccompAction::Errno(errno.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()
}

/// The x32 calls have the same architecture and other numbers: 0x40000000 and up.
fn no_x32() -> BpfProgram {
    const LOAD_NUMBER: (u16, u32) = (0x20, 0);
    const JUMP_IF_AT_LEAST: (u16, u32) = (0x35, 0x4000_0000);
    const KILL_PROCESS: (u16, u32) = (0x06, 0x8000_0000);
    const ALLOW: (u16, u32) = (0x06, 0x7fff_0000);
    let step = |(code, k), jf| sock_filter { code, jt: 0, jf, k };
    vec![
        step(LOAD_NUMBER, 0),
        step(JUMP_IF_AT_LEAST, 1),
        step(KILL_PROCESS, 0),
        step(ALLOW, 0),
    ]
}

fn absent() -> Rules {
    ABSENT.iter().map(|call| (*call, Vec::new())).collect()
}

/// Sockets of no family but unix, IPv4, IPv6 and netlink.
fn families() -> Result<Rules, seccompiler::BackendError> {
    let allowed = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let conditions: Result<Vec<_>, _> = allowed
        .iter()
        .map(|family| argument(0, SeccompCmpOp::Ne, word(*family)))
        .collect();
    Ok(Rules::from([(libc::SYS_socket, vec![SeccompRule::new(conditions?)?])]))
}

/// Of IPv4 and IPv6 only streams and datagrams, over TCP and UDP (so no MPTCP, SCTP, ICMP, raw); of netlink only routes,
/// which programs read to learn their addresses.
fn protocols() -> Result<Rules, seccompiler::BackendError> {
    const KIND: u64 = 0xf;
    let mut rules = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        rules.push(SeccompRule::new(vec![
            argument(0, SeccompCmpOp::Eq, word(family))?,
            argument(2, SeccompCmpOp::Ne, 0)?,
            argument(2, SeccompCmpOp::Ne, word(libc::IPPROTO_TCP))?,
            argument(2, SeccompCmpOp::Ne, word(libc::IPPROTO_UDP))?,
        ])?);
    }
    for kind in [
        libc::SOCK_RAW,
        libc::SOCK_RDM,
        libc::SOCK_SEQPACKET,
        libc::SOCK_DCCP,
        SOCK_PACKET,
    ] {
        for family in [libc::AF_INET, libc::AF_INET6] {
            rules.push(SeccompRule::new(vec![
                argument(0, SeccompCmpOp::Eq, word(family))?,
                argument(1, SeccompCmpOp::MaskedEq(KIND), word(kind))?,
            ])?);
        }
    }
    rules.push(SeccompRule::new(vec![
        argument(0, SeccompCmpOp::Eq, word(libc::AF_NETLINK))?,
        argument(2, SeccompCmpOp::Ne, word(libc::NETLINK_ROUTE))?,
    ])?);
    Ok(Rules::from([(libc::SYS_socket, rules)]))
}

const SOCK_PACKET: i32 = 10;

fn refused() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = REFUSED
        .iter()
        .chain(REFUSED_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    let mut clone = Vec::new();
    let mut unshare = Vec::new();
    for flag in NEW_NAMESPACE {
        let flag = word(*flag);
        clone.push(SeccompRule::new(vec![argument(
            0,
            SeccompCmpOp::MaskedEq(flag),
            flag,
        )?])?);
        unshare.push(SeccompRule::new(vec![argument(
            0,
            SeccompCmpOp::MaskedEq(flag),
            flag,
        )?])?);
    }
    // For clone this bit is part of the signal's number.
    let time = word(libc::CLONE_NEWTIME);
    unshare.push(SeccompRule::new(vec![argument(
        0,
        SeccompCmpOp::MaskedEq(time),
        time,
    )?])?);
    rules.insert(libc::SYS_clone, clone);
    rules.insert(libc::SYS_unshare, unshare);
    let terminal: Result<Vec<_>, _> = TERMINAL_REQUESTS
        .iter()
        .map(|request| SeccompRule::new(vec![argument(1, SeccompCmpOp::Eq, *request)?]))
        .collect();
    rules.insert(libc::SYS_ioctl, terminal?);
    let personality: Result<Vec<_>, _> = PERSONALITIES
        .iter()
        .map(|value| argument(0, SeccompCmpOp::Ne, *value))
        .collect();
    rules.insert(libc::SYS_personality, vec![SeccompRule::new(personality?)?]);
    // Limits of another process could end it, and for an ordinary user init has the same id on the host.
    let others = vec![
        argument(0, SeccompCmpOp::Ne, 0)?,
        SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?,
    ];
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(others)?]);
    scheduling(&mut rules)?;
    Ok(rules)
}

/// Init's effective id is the person's, which is enough to make it slow, and with it all that is started inside.
fn scheduling(rules: &mut Rules) -> Result<(), seccompiler::BackendError> {
    for call in SCHEDULING {
        let of_init = SeccompRule::new(vec![argument(0, SeccompCmpOp::Eq, INIT)?])?;
        rules.insert(*call, vec![of_init]);
    }
    // Who is meant is said by one argument, and whether that is a process, a group or a user by the one before it. Groups and
    // users may have init among them.
    for (call, process) in [
        (libc::SYS_setpriority, PRIORITY_OF_PROCESS),
        (libc::SYS_ioprio_set, IO_OF_PROCESS),
    ] {
        let of_init = vec![
            argument(0, SeccompCmpOp::Eq, process)?,
            argument(1, SeccompCmpOp::Eq, INIT)?,
        ];
        let of_many = vec![argument(0, SeccompCmpOp::Ne, process)?];
        rules.insert(call, vec![SeccompRule::new(of_init)?, SeccompRule::new(of_many)?]);
    }
    Ok(())
}

const PRIORITY_OF_PROCESS: u64 = 0;
const IO_OF_PROCESS: u64 = 1;

/// A condition on an argument of 32 bits; the kernel ignores the upper half of such arguments too.
fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value)
}

fn word(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}
