//! Places where a test can kill the process, to prove what survives.
//!
//! Debug builds only: a release build has no such places. Armed with `BAILEY_FAIL_AT=NAME:K`, the process ends itself
//! with SIGKILL when NAME is reached for the K-th time.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Plan {
        name: String,
        left: AtomicU64,
    }

    static PLAN: OnceLock<Plan> = OnceLock::new();

    pub(super) fn arm(spec: &str) {
        let (name, count) = spec.split_once(':').unwrap_or((spec, "1"));
        let left = AtomicU64::new(count.parse().unwrap_or(1));
        // Armed once, at start; a second call changes nothing.
        let _ = PLAN.set(Plan {
            name: name.to_owned(),
            left,
        });
    }

    pub(super) fn hit(name: &str) {
        let Some(plan) = PLAN.get() else { return };
        if plan.name == name && plan.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

/// Arms a failpoint from `NAME:K`; nothing in a release build.
pub fn arm(spec: &str) {
    #[cfg(debug_assertions)]
    armed::arm(spec);
    #[cfg(not(debug_assertions))]
    let _ = spec;
}

/// A place with a name; nothing in a release build.
#[inline]
pub fn hit(name: &str) {
    #[cfg(debug_assertions)]
    armed::hit(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}
