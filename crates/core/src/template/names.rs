//! What names, paths and hosts may look like.

/// A template's name, an app's name: a DNS label of lower-case letters, digits and single dashes, at most 32 long.
pub fn label(text: &str) -> Result<(), String> {
    let good = (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--");
    if good {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a name of 1 to 32 lower-case letters, digits and single dashes between them",
        shown(text)
    ))
}

/// The name of a parameter, script, figure or task: letters, digits, `_` and `-`, a letter first, at most 64 long.
pub fn identifier(text: &str) -> Result<(), String> {
    let good = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if good {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a name of letters, digits, `_` and `-` that begins with a letter and has at most 64 characters",
        shown(text)
    ))
}

/// The name of an environment variable that a template may set.
pub fn variable(text: &str) -> Result<(), String> {
    let good = text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !good {
        return Err(format!("`{}` is not the name of an environment variable", shown(text)));
    }
    // The loader's variables work on every program that starts, ours included.
    if text.starts_with("LD_") || text.starts_with("BAILEY_") {
        return Err(format!("`{text}` is not a template's to set"));
    }
    Ok(())
}

/// An absolute path inside: no `.`, `..` or empty component, no NUL or control character, at most 1024 bytes.
pub fn absolute_path(text: &str) -> Result<(), String> {
    match text.strip_prefix('/') {
        Some(rest) if plain(rest) => Ok(()),
        _ => Err(format!(
            "`{}` is not an absolute path without `.`, `..` and control characters",
            shown(text)
        )),
    }
}

/// A path within the template's directory, by the same rules.
pub fn relative_path(text: &str) -> Result<(), String> {
    if plain(text) {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a path within the template's directory (no `/` in front, no `.` or `..`)",
        shown(text)
    ))
}

fn plain(path: &str) -> bool {
    path.len() <= 1024
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && part.len() <= 255)
}

/// The host of an egress rule: a name or IPv4 address in lower case, or `*.` and a name of at least two labels.
pub fn host(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{}` is not a host: {why}", shown(text)));
    let (name, wild) = match text.strip_prefix("*.") {
        Some(name) => (name, true),
        None => (text, false),
    };
    if name.contains('*') {
        return wrong("`*` stands for all names below a domain, as in `*.example.com`, and nowhere else");
    }
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return wrong("it is written in lower case");
    }
    if name.is_empty() || name.len() > 253 {
        return wrong("a name has 1 to 253 characters");
    }
    let good_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if !name.split('.').all(good_label) {
        return wrong("labels have letters, digits and dashes; no port, scheme, path or final dot");
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    // What ends in a number is an address to every resolver, in notations that only some of them know.
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if numeric && (wild || name.parse::<std::net::Ipv4Addr>().is_err()) {
        return wrong("what ends in a number must be an IPv4 address of four numbers");
    }
    if !numeric && !name.contains('.') {
        return wrong(if wild {
            "`*` below a whole top-level domain is too much"
        } else {
            "a name has a dot in it"
        });
    }
    Ok(())
}

/// The beginning of an untrusted text, for a message.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_strict() {
        for good in [
            "registry.npmjs.org",
            "*.example.com",
            "10.0.0.1",
            "a-b.example",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(host(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.com",
            "*.*.com",
            "Example.com",
            "example.com.",
            "example.com:443",
            "https://example.com",
            "a_b.com",
            "-a.com",
            "a..com",
            "*.10.0.0.1",
            "127.1",
            "0x7f.1",
            "1.2.3.0x4",
            "2130706433",
            "0177.0.0.1",
            "localhost",
            "ex ample.com",
            "[::1]",
            "a.*.com",
            "bücher.example",
            "user@example.com",
        ] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_cannot_climb() {
        for good in ["/home/dev/.vimrc", "/etc/x"] {
            assert_eq!(absolute_path(good), Ok(()), "{good}");
        }
        for bad in [
            "", "/", "a", "/a/../b", "/a/.", "/a//b", "/a/", "/a\0b", "/a\nb", "//a", "/a\\b",
        ] {
            assert!(absolute_path(bad).is_err(), "{bad:?}");
        }
        assert!(relative_path("files/x").is_ok() && relative_path("/x").is_err() && relative_path("../x").is_err());
    }

    #[test]
    fn labels_leave_the_double_dash_alone() {
        assert!(label("web-ide2").is_ok());
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "a.b", &"a".repeat(33)] {
            assert!(label(bad).is_err(), "{bad}");
        }
        assert!(variable("EDITOR").is_ok() && variable("LD_PRELOAD").is_err() && variable("1A").is_err());
    }
}
