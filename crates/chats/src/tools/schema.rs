//! What models are told of the tools. The texts are part of every request: a change of them is a cold cache for every chat.

use super::Tool;

impl Tool {
    /// What it is for.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Run => {
                "Runs a command with bash in the workspace and answers with its output and exit status. It has no terminal and no \
                 input. It is ended after `timeout_seconds` (120 if left out, at most 3600). With `background` it goes on by itself, \
                 and the answer is the name by which the tool `process` knows it: use that for servers and long builds."
            }
            Self::Process => {
                "Talks to a background process. `output` reads what it has said since position `after` and waits up to \
                 `wait_seconds` for something new; `input` writes `text` to its standard input; `stop` ends it."
            }
            Self::Read => {
                "Reads a text file, with the lines numbered. `offset` is the first line (1 if left out), `limit` how many lines \
                 (2000 if left out)."
            }
            Self::Write => {
                "Writes a file anew, with the directories above it. To change a file that is there, use `edit`."
            }
            Self::Edit => {
                "Replaces `old` by `new` in a file. `old` must stand in it exactly once, white space included: take enough lines \
                 around it. With `all` every occurrence is replaced."
            }
            Self::List => "Lists a directory.",
            Self::Search => {
                "Searches the files below `path` for lines that match `pattern`, an extended regular expression, and answers with \
                 file, line number and line. `glob` limits it to files of such names, as in `*.rs`."
            }
            Self::GitStatus => "Which files have changed since the last commit, and the branch.",
            Self::GitDiff => {
                "The changes that are not committed. With `staged` those that are staged; with `base` all since the branch left \
                 that one. `paths` limits it."
            }
            Self::GitCommit => {
                "Commits all changes, or those of `paths`, with `message`. The author is the person whose workspace it is."
            }
            Self::GitPush => {
                "Pushes the branch to `origin`, under the name `branch` if one is given. It never overwrites what others have pushed."
            }
            Self::Ask => {
                "Asks the person and waits for the answer, for as long as it takes. For what you cannot find out and must not guess. \
                 `options` are answers to choose from; the person may write another one."
            }
            Self::ProposePlan => {
                "Shows the person a plan in Markdown and waits until it is accepted, changed or rejected. The answer has the plan as \
                 it was accepted, or why it was not."
            }
        }
    }

    /// The JSON Schema of its arguments.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Run => {
                r#"{"type":"object","properties":{"command":{"type":"string"},"directory":{"type":"string"},"timeout_seconds":{"type":"integer","minimum":1,"maximum":3600},"background":{"type":"boolean"}},"required":["command"],"additionalProperties":false}"#
            }
            Self::Process => {
                r#"{"type":"object","properties":{"process":{"type":"string"},"action":{"type":"string","enum":["output","input","stop"]},"after":{"type":"integer","minimum":0},"wait_seconds":{"type":"integer","minimum":0,"maximum":60},"text":{"type":"string"}},"required":["process","action"],"additionalProperties":false}"#
            }
            Self::Read => {
                r#"{"type":"object","properties":{"path":{"type":"string"},"offset":{"type":"integer","minimum":1},"limit":{"type":"integer","minimum":1}},"required":["path"],"additionalProperties":false}"#
            }
            Self::Write => {
                r#"{"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}},"required":["path","content"],"additionalProperties":false}"#
            }
            Self::Edit => {
                r#"{"type":"object","properties":{"path":{"type":"string"},"old":{"type":"string"},"new":{"type":"string"},"all":{"type":"boolean"}},"required":["path","old","new"],"additionalProperties":false}"#
            }
            Self::List => r#"{"type":"object","properties":{"path":{"type":"string"}},"additionalProperties":false}"#,
            Self::Search => {
                r#"{"type":"object","properties":{"pattern":{"type":"string"},"path":{"type":"string"},"glob":{"type":"string"}},"required":["pattern"],"additionalProperties":false}"#
            }
            Self::GitStatus => r#"{"type":"object","properties":{},"additionalProperties":false}"#,
            Self::GitDiff => {
                r#"{"type":"object","properties":{"staged":{"type":"boolean"},"base":{"type":"string"},"paths":{"type":"array","items":{"type":"string"}}},"additionalProperties":false}"#
            }
            Self::GitCommit => {
                r#"{"type":"object","properties":{"message":{"type":"string"},"paths":{"type":"array","items":{"type":"string"}}},"required":["message"],"additionalProperties":false}"#
            }
            Self::GitPush => {
                r#"{"type":"object","properties":{"branch":{"type":"string"}},"additionalProperties":false}"#
            }
            Self::Ask => {
                r#"{"type":"object","properties":{"question":{"type":"string"},"options":{"type":"array","items":{"type":"string"}}},"required":["question"],"additionalProperties":false}"#
            }
            Self::ProposePlan => {
                r#"{"type":"object","properties":{"plan":{"type":"string"}},"required":["plan"],"additionalProperties":false}"#
            }
        }
    }
}
