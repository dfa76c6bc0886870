//! Names of workspaces. They are part of host names (`app--workspace--owner`), so they are held to what fits there.

/// The longest name.
const MOST: usize = 32;
/// Names that addresses and commands need for themselves.
const RESERVED: [&str; 10] = [
    "admin",
    "api",
    "app",
    "apps",
    "bailey",
    "errors",
    "healthz",
    "localhost",
    "new",
    "www",
];

/// Why a text is no name of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Its length.
    #[error("must have 1 to {MOST} characters")]
    Length,
    /// Its characters.
    #[error("must be made of a-z, 0-9 and single dashes, with no dash at an end")]
    Characters,
    /// It is taken by Bailey.
    #[error("is a name that Bailey keeps for itself")]
    Reserved,
}

/// Whether `name` can be the name of a workspace: a DNS label of at most 32 characters in lower case, without `--`.
///
/// # Errors
/// Says what is wrong with it.
pub fn valid_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() || name.len() > MOST {
        return Err(NameError::Length);
    }
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !plain || name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return Err(NameError::Characters);
    }
    if RESERVED.contains(&name) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_host_names() {
        for name in ["a", "a-b", "7", "x2", &"a".repeat(32)] {
            assert_eq!(valid_name(name), Ok(()), "{name}");
        }
        for name in ["A", "a_b", "-a", "a-", "a--b", "ä", "a.b", "a b", "a/b", "a\n"] {
            assert_eq!(valid_name(name), Err(NameError::Characters), "{name:?}");
        }
        assert_eq!(valid_name(""), Err(NameError::Length));
        assert_eq!(valid_name(&"a".repeat(33)), Err(NameError::Length));
        assert_eq!(valid_name("api"), Err(NameError::Reserved));
    }
}
