//! What the query of a stream's address asks for.

use std::collections::BTreeMap;

use bailey_api::agent::{ExecStart, TerminalOpen};

/// The longest that a command may be told to take, in seconds: a week.
const LONGEST: u64 = 7 * 24 * 60 * 60;

/// A parameter that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Its name.
    pub(crate) parameter: String,
    /// What is wrong with it.
    pub(crate) detail: &'static str,
}

fn wrong(parameter: &str, detail: &'static str) -> Wrong {
    Wrong {
        parameter: parameter.to_owned(),
        detail,
    }
}

/// The pairs of a query; those not in `many` stand there once.
fn pairs(query: &str, many: &[&str]) -> Result<Vec<(String, String)>, Wrong> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        if !many.contains(&name.as_str()) && pairs.iter().any(|(known, _)| *known == name) {
            return Err(wrong(&name, "stands there twice"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// The terminal that is asked for.
pub(crate) fn terminal(query: &str) -> Result<TerminalOpen, Wrong> {
    let mut open = TerminalOpen {
        name: "main".to_owned(),
        columns: 80,
        rows: 24,
        after: None,
        epoch: None,
    };
    for (name, value) in pairs(query, &[])? {
        let size = || value.parse().ok().filter(|n| *n > 0);
        let size = || size().ok_or_else(|| wrong(&name, "must be a number from 1 to 65535"));
        let number = || value.parse().map_err(|_| wrong(&name, "must be a number from 0"));
        match name.as_str() {
            "name" => open.name = value,
            "columns" => open.columns = size()?,
            "rows" => open.rows = size()?,
            "after" => open.after = Some(number()?),
            "epoch" => open.epoch = Some(number()?),
            _ => {
                return Err(wrong(
                    &name,
                    "is unknown; known are name, columns, rows, after and epoch",
                ));
            }
        }
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (1..=64).contains(&open.name.len()) && open.name.bytes().all(plain) {
        Ok(open)
    } else {
        Err(wrong("name", "must be 1 to 64 letters, digits, - and _"))
    }
}

/// The command that is to be run.
pub(crate) fn exec(query: &str) -> Result<ExecStart, Wrong> {
    let mut start = ExecStart {
        command: Vec::new(),
        directory: None,
        environment: BTreeMap::new(),
        timeout: None,
    };
    for (name, value) in pairs(query, &["command", "variable"])? {
        if value.contains('\0') {
            return Err(wrong(&name, "must have no zero byte"));
        }
        match name.as_str() {
            "command" => start.command.push(value),
            "directory" => start.directory = Some(value),
            "variable" => match value.split_once('=').filter(|(name, _)| !name.is_empty()) {
                Some((variable, value)) => {
                    start.environment.insert(variable.to_owned(), value.to_owned());
                }
                None => return Err(wrong(&name, "must be NAME=VALUE")),
            },
            "timeout" => {
                let seconds = value.parse().ok().filter(|n| (1..=LONGEST).contains(n));
                start.timeout = Some(seconds.ok_or_else(|| wrong(&name, "must be 1 to 604800 seconds"))?);
            }
            _ => {
                let known = "is unknown; known are command, directory, variable and timeout";
                return Err(wrong(&name, known));
            }
        }
    }
    match start.command.first() {
        Some(program) if !program.is_empty() => Ok(start),
        _ => Err(wrong(
            "command",
            "must name a program; each argument is a `command` of its own",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_one_terminal() {
        let open = terminal("name=a_b-1&columns=100&rows=40&after=7&epoch=9").unwrap();
        assert_eq!((open.name.as_str(), open.columns, open.rows), ("a_b-1", 100, 40));
        assert_eq!((open.after, open.epoch), (Some(7), Some(9)));
        assert_eq!(terminal("").unwrap().name, "main");
        for (bad, parameter) in [
            ("name=", "name"),
            ("name=a/b", "name"),
            ("name=a&name=b", "name"),
            ("columns=0", "columns"),
            ("rows=70000", "rows"),
            ("after=-1", "after"),
            ("x=1", "x"),
        ] {
            assert_eq!(terminal(bad).unwrap_err().parameter, parameter, "{bad}");
        }
        assert!(terminal(&format!("name={}", "a".repeat(65))).is_err());
    }

    #[test]
    fn a_query_names_a_command_argument_by_argument() {
        let start =
            exec("command=sh&command=-c&command=echo+%22%24A%22+%26&variable=A%3Db%3Dc&directory=%2Ftmp&timeout=5");
        let start = start.unwrap();
        assert_eq!(start.command, ["sh", "-c", "echo \"$A\" &"]);
        assert_eq!(start.environment, BTreeMap::from([("A".to_owned(), "b=c".to_owned())]));
        assert_eq!((start.directory.as_deref(), start.timeout), (Some("/tmp"), Some(5)));
        assert_eq!(exec("command=a&command=").unwrap().command, ["a", ""]);
        for (bad, parameter) in [
            ("", "command"),
            ("command=", "command"),
            ("command=a%00", "command"),
            ("command=a&variable=b", "variable"),
            ("command=a&variable=%3Db", "variable"),
            ("command=a&timeout=0", "timeout"),
            ("command=a&directory=b&directory=c", "directory"),
            ("command=a&tty=1", "tty"),
        ] {
            assert_eq!(exec(bad).unwrap_err().parameter, parameter, "{bad}");
        }
    }
}
