//! Landlock, as a second layer below the mounts: writing only where a person's files are, and no signals or abstract
//! sockets that reach out. Where the kernel has none, `probe` says so.

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};

use super::protocol::Failure;

/// The newest version whose rules are used.
const NEWEST: ABI = ABI::V6;
const WRITABLE: &[&str] = &["/home/dev", "/tmp", "/var/tmp", "/run", "/dev", "/proc"];

/// Restricts this process and all that it starts; they stay free towards each other.
pub(super) fn restrict(installing: bool) -> Result<(), Failure> {
    apply(installing).map_err(|error| Failure::text("restrict init with Landlock", error.to_string()))
}

fn apply(installing: bool) -> Result<(), Box<dyn std::error::Error>> {
    let write = AccessFs::from_write(NEWEST);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(write)?
        .scope(Scope::AbstractUnixSocket)?
        .scope(Scope::Signal)?
        .create()?;
    let opt = installing.then_some("/opt");
    for path in WRITABLE.iter().copied().chain(opt) {
        rules = rules.add_rule(PathBeneath::new(PathFd::new(path)?, write))?;
    }
    rules.restrict_self()?;
    Ok(())
}

/// The version that the kernel has; `None` = it has none, or it is switched off.
pub(super) fn version() -> Option<i64> {
    super::sys::landlock_version().ok().filter(|version| *version > 0)
}
