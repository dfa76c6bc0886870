//! The name of a ticket's branch.

use std::fmt;

use crate::label::Prefix;

/// A branch's name: `<prefix>/ticket-<number>`, and from the second run on `<prefix>/ticket-<number>-<run>`.
///
/// It depends on nothing else, so a run that is taken up again after a crash finds its own branch. The ticket's title has no part in it:
/// titles change, and a confidential one must not show in a repository that others read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BranchName(String);

impl BranchName {
    /// The branch for the run number `run` (from 1) of the ticket `number`.
    pub fn of_ticket(prefix: &Prefix, number: u64, run: u32) -> Self {
        match run {
            0 | 1 => Self(format!("{prefix}/ticket-{number}")),
            _ => Self(format!("{prefix}/ticket-{number}-{run}")),
        }
    }

    /// The ticket's number and the run of a branch with such a name; `None` for every other branch.
    pub fn read(prefix: &Prefix, name: &str) -> Option<(u64, u32)> {
        let rest = name.strip_prefix(prefix.as_str())?.strip_prefix("/ticket-")?;
        let (number, run) = match rest.split_once('-') {
            Some((number, run)) => (number, run.parse().ok()?),
            None => (rest, 1),
        };
        let number = number.parse().ok()?;
        // There is one way to write each.
        (Self::of_ticket(prefix, number, run).as_str() == name).then_some((number, run))
    }

    /// The name, as git takes it after `refs/heads/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether git and a forge's address take `name` as a branch: the rules of `git check-ref-format --branch`, and ASCII alone.
///
/// For names that others chose, such as a project's default branch.
#[expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "git refuses `.lock` in lower case alone"
)]
pub fn is_safe(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_./+#=@,".contains(&b);
    let part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock");
    (1..=255).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.contains("..")
        && name != "@"
        && name.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_say_prefix_ticket_and_run() {
        let prefix = Prefix::default();
        assert_eq!(BranchName::of_ticket(&prefix, 12, 1).as_str(), "bailey/ticket-12");
        assert_eq!(BranchName::of_ticket(&prefix, 12, 3).to_string(), "bailey/ticket-12-3");
    }

    #[test]
    fn a_branch_tells_its_ticket() {
        let prefix = Prefix::default();
        assert_eq!(BranchName::read(&prefix, "bailey/ticket-12"), Some((12, 1)));
        assert_eq!(BranchName::read(&prefix, "bailey/ticket-12-3"), Some((12, 3)));
        for name in [
            "main",
            "bailey/ticket-",
            "bailey/ticket-012",
            "bailey/ticket-12-1",
            "bailey/ticket-12-x",
            "bailey/ticket-+1",
            "other/ticket-1",
        ] {
            assert_eq!(BranchName::read(&prefix, name), None, "{name}");
        }
    }

    #[test]
    fn what_git_refuses_is_not_safe() {
        for name in ["main", "release/1.2", "feature/a_b-c", "user@host", "fix-#12"] {
            assert!(is_safe(name), "{name}");
        }
        for name in [
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "@",
            "a@{b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a.",
            "a\n",
            "ä",
            "$(id)",
            "`id`",
            "a;b",
            "a\u{7f}",
        ] {
            assert!(!is_safe(name), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_a_safe_ref_and_different_ones_differ(
            prefix in "[a-z]([a-z0-9-]{0,30}[a-z0-9])?", a in any::<(u64, u32)>(), b in any::<(u64, u32)>()
        ) {
            let prefix = Prefix::parse(&prefix).unwrap();
            let name = |(number, run): (u64, u32)| BranchName::of_ticket(&prefix, number, run.max(1));
            prop_assert!(is_safe(name(a).as_str()));
            prop_assert_eq!(BranchName::read(&prefix, name(a).as_str()), Some((a.0, a.1.max(1))));
            prop_assert_eq!(name(a) == name(b), (a.0, a.1.max(1)) == (b.0, b.1.max(1)));
        }
    }
}
