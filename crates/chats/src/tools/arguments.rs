//! Arguments of tool calls, as models write them: read strictly, with errors that a model can mend.

mod wire;

use serde::Deserialize;

use super::{RUN_LIMIT_MOST, Tool};

/// Bytes of the arguments of one call, at most.
const ARGUMENT_BYTES: usize = 6 << 20;
/// Paths, or options to choose from, in one call.
const LIST_MOST: usize = 200;

/// Why arguments mean nothing. The text is for the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ArgumentError(String);

/// What to do with a background process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessAction {
    /// Read what it said.
    Output,
    /// Write to it.
    Input,
    /// End it.
    Stop,
}

/// A call that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// See [`Tool::Run`].
    Run {
        /// The text that bash runs.
        command: String,
        /// Where.
        directory: Option<String>,
        /// Seconds.
        timeout: Option<u64>,
        /// Whether it goes on by itself.
        background: bool,
    },
    /// See [`Tool::Process`].
    Process {
        /// Its name.
        process: String,
        /// What to do.
        action: ProcessAction,
        /// Read what came after this position.
        after: u64,
        /// Seconds to wait for something new.
        wait: u64,
        /// What to write.
        text: String,
    },
    /// See [`Tool::Read`].
    Read {
        /// The file.
        path: String,
        /// The first line, counted from 1.
        offset: u64,
        /// How many lines.
        limit: u64,
    },
    /// See [`Tool::Write`].
    Write {
        /// The file.
        path: String,
        /// What is to be in it.
        content: String,
    },
    /// See [`Tool::Edit`].
    Edit {
        /// The file.
        path: String,
        /// What stands there.
        old: String,
        /// What is to stand there.
        new: String,
        /// Every occurrence.
        all: bool,
    },
    /// See [`Tool::List`].
    List {
        /// The directory.
        path: String,
    },
    /// See [`Tool::Search`].
    Search {
        /// The regular expression.
        pattern: String,
        /// Below which directory, or in which file.
        path: String,
        /// In files of such names.
        glob: Option<String>,
    },
    /// See [`Tool::GitStatus`].
    GitStatus,
    /// See [`Tool::GitDiff`].
    GitDiff {
        /// What is staged.
        staged: bool,
        /// Since the branch left this one.
        base: Option<String>,
        /// Of these files.
        paths: Vec<String>,
    },
    /// See [`Tool::GitCommit`].
    GitCommit {
        /// The message.
        message: String,
        /// These files alone.
        paths: Vec<String>,
    },
    /// See [`Tool::GitPush`].
    GitPush {
        /// Under this name.
        branch: Option<String>,
    },
    /// See [`Tool::Ask`].
    Ask {
        /// The question.
        question: String,
        /// Answers to choose from.
        options: Vec<String>,
    },
    /// See [`Tool::ProposePlan`].
    ProposePlan {
        /// The plan.
        plan: String,
    },
}

/// Reads the arguments of a call.
pub fn parse(name: &str, arguments: &str) -> Result<Request, ArgumentError> {
    let Some(tool) = Tool::of_name(name) else {
        let names = super::ALL.iter().map(|tool| tool.name()).collect::<Vec<_>>().join(", ");
        return Err(ArgumentError(format!("There is no such tool. There are: {names}.")));
    };
    if arguments.len() > ARGUMENT_BYTES {
        return Err(ArgumentError(format!(
            "The arguments have more than {} MiB.",
            ARGUMENT_BYTES >> 20
        )));
    }
    let request = request(tool, arguments)?;
    check(&request)?;
    Ok(request)
}

fn request(tool: Tool, arguments: &str) -> Result<Request, ArgumentError> {
    Ok(match tool {
        Tool::Run => read::<wire::ForRun>(tool, arguments)?.into(),
        Tool::Process => read::<wire::ForProcess>(tool, arguments)?.into(),
        Tool::Read => read::<wire::ForRead>(tool, arguments)?.into(),
        Tool::Write => read::<wire::ForWrite>(tool, arguments)?.into(),
        Tool::Edit => read::<wire::ForEdit>(tool, arguments)?.into(),
        Tool::List => read::<wire::ForList>(tool, arguments)?.into(),
        Tool::Search => read::<wire::ForSearch>(tool, arguments)?.into(),
        Tool::GitStatus => read::<wire::ForGitStatus>(tool, arguments)?.into(),
        Tool::GitDiff => read::<wire::ForGitDiff>(tool, arguments)?.into(),
        Tool::GitCommit => read::<wire::ForGitCommit>(tool, arguments)?.into(),
        Tool::GitPush => read::<wire::ForGitPush>(tool, arguments)?.into(),
        Tool::Ask => read::<wire::ForAsk>(tool, arguments)?.into(),
        Tool::ProposePlan => read::<wire::ForProposePlan>(tool, arguments)?.into(),
    })
}

fn read<'a, T: Deserialize<'a>>(tool: Tool, arguments: &'a str) -> Result<T, ArgumentError> {
    // A list would be taken for the fields in their order.
    if !arguments.trim_start().starts_with('{') {
        return Err(mend(tool, "they are no JSON object"));
    }
    serde_json::from_str(arguments).map_err(|error| mend(tool, &error.to_string()))
}

fn mend(tool: Tool, what: &str) -> ArgumentError {
    let (name, schema) = (tool.name(), tool.schema());
    ArgumentError(format!(
        "The arguments cannot be used: {what}. Nothing was done. Call {name} again with arguments of this schema: {schema}"
    ))
}

/// What no schema says.
fn check(request: &Request) -> Result<(), ArgumentError> {
    let refuse = |text: String| Err(ArgumentError(format!("{text} Nothing was done.")));
    for (what, text) in texts(request) {
        if text.contains('\0') {
            return refuse(format!("`{what}` has a NUL character in it."));
        }
        if text.trim().is_empty() {
            return refuse(format!("`{what}` is empty."));
        }
    }
    match request {
        Request::Run { timeout: Some(0), .. } => refuse("`timeout_seconds` must be at least 1.".to_owned()),
        Request::Run {
            timeout: Some(seconds), ..
        } if *seconds > RUN_LIMIT_MOST.as_secs() => refuse(format!(
            "`timeout_seconds` must be at most {}; use `background` for what takes longer.",
            RUN_LIMIT_MOST.as_secs()
        )),
        Request::Edit { old, .. } if old.is_empty() => refuse("`old` is empty: use `write` for a new file.".to_owned()),
        Request::Edit { old, new, .. } if old == new => refuse("`old` and `new` are the same.".to_owned()),
        Request::GitDiff { base: Some(name), .. } | Request::GitPush { branch: Some(name) } if !is_ref(name) => {
            refuse("This is no name of a branch.".to_owned())
        }
        Request::GitDiff { paths, .. } | Request::GitCommit { paths, .. } if paths.len() > LIST_MOST => {
            refuse(format!("At most {LIST_MOST} paths at once."))
        }
        Request::Ask { options, .. } if options.len() > LIST_MOST => refuse("Too many options.".to_owned()),
        _ => Ok(()),
    }
}

/// What must have something in it, by name.
fn texts(request: &Request) -> Vec<(&'static str, &str)> {
    match request {
        Request::Run { command, directory, .. } => {
            let directory = directory.as_deref().map(|directory| ("directory", directory));
            std::iter::once(("command", command.as_str()))
                .chain(directory)
                .collect()
        }
        Request::Process { process, .. } => vec![("process", process)],
        Request::Read { path, .. }
        | Request::Write { path, .. }
        | Request::Edit { path, .. }
        | Request::List { path } => {
            vec![("path", path)]
        }
        Request::Search { pattern, path, glob } => {
            let glob = glob.as_deref().map(|glob| ("glob", glob));
            [("pattern", pattern.as_str()), ("path", path)]
                .into_iter()
                .chain(glob)
                .collect()
        }
        Request::GitStatus => Vec::new(),
        Request::GitDiff { base, paths, .. } => {
            let base = base.as_deref().map(|base| ("base", base));
            paths.iter().map(|path| ("paths", path.as_str())).chain(base).collect()
        }
        Request::GitCommit { message, paths } => {
            let paths = paths.iter().map(|path| ("paths", path.as_str()));
            std::iter::once(("message", message.as_str())).chain(paths).collect()
        }
        Request::GitPush { branch } => branch.as_deref().map(|branch| ("branch", branch)).into_iter().collect(),
        Request::Ask { question, .. } => vec![("question", question)],
        Request::ProposePlan { plan } => vec![("plan", plan)],
    }
}

/// A name of a branch as git takes it, and narrower: it can be no option, no refspec and no expression.
fn is_ref(name: &str) -> bool {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '#' | '+');
    name.len() <= 200
        && !name.starts_with(['-', '/', '.', '+'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("/.")
        && !std::path::Path::new(name)
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("lock"))
        && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(tool: &str, arguments: &str) -> String {
        parse(tool, arguments).unwrap_err().to_string()
    }

    #[test]
    fn every_schema_is_json_and_says_what_is_read() {
        for tool in super::super::ALL {
            let schema: serde_json::Value = serde_json::from_str(tool.schema()).unwrap();
            let fields = schema["properties"].as_object().unwrap();
            let required: Vec<&str> = schema["required"]
                .as_array()
                .map(|list| list.iter().map(|name| name.as_str().unwrap()).collect())
                .unwrap_or_default();
            let value = |name: &str| match fields[name]["type"].as_str().unwrap() {
                "string" if name == "action" => serde_json::json!("stop"),
                "string" => serde_json::json!(name),
                "integer" => serde_json::json!(7),
                "boolean" => serde_json::json!(false),
                "array" => serde_json::json!(["a"]),
                other => panic!("{other}"),
            };
            let all: serde_json::Map<_, _> = fields.keys().map(|name| (name.clone(), value(name))).collect();
            let all = serde_json::Value::Object(all);
            parse(tool.name(), &all.to_string()).unwrap();
            for name in required {
                let mut less = all.clone();
                less.as_object_mut().unwrap().remove(name);
                assert!(error(tool.name(), &less.to_string()).contains(name), "{name}");
            }
            let mut more = all;
            more["other"] = serde_json::json!(1);
            assert!(error(tool.name(), &more.to_string()).contains("other"));
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        assert!(error("nope", "{}").contains("run, process, read"));
        assert!(error("run", "{\"command\":").contains("Call run again"));
        assert!(error("run", "[\"ls\"]").contains("no JSON object"));
        assert!(error("run", r#"{"command":"  "}"#).contains("`command` is empty"));
        assert!(error("run", r#"{"command":"a\u0000b"}"#).contains("NUL"));
        assert!(error("run", r#"{"command":"a","timeout_seconds":99999}"#).contains("background"));
        assert!(error("edit", r#"{"path":"a","old":"x","new":"x"}"#).contains("the same"));
        for branch in [
            "-f",
            "--mirror",
            "+main",
            "a:b",
            "a..b",
            "HEAD~1",
            "a b",
            "x.lock",
            "/a",
            "refs/heads/*",
        ] {
            let arguments = serde_json::json!({ "branch": branch }).to_string();
            assert!(error("git_push", &arguments).contains("no name"), "{branch}");
        }
        assert!(parse("git_push", r#"{"branch":"bailey/12-fix"}"#).is_ok());
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(tool in prop::sample::select(super::super::ALL.to_vec()), text in ".{0,80}") {
            let _ = parse(tool.name(), &text);
            let _ = parse(tool.name(), &format!("{{\"path\":{text:?},\"command\":{text:?}}}"));
        }
    }
}
