//! What the demonstration prints: plain lines, or an object a line.

use bailey_core::Timestamp;
use serde_json::json;

use super::PROJECT;
use super::watch::Made;
use crate::failure::Failure;
use crate::output::{self, Output};

/// The widest line.
const WIDTH: usize = 80;
/// What is before the text of a step: seconds and two spaces.
const INDENT: usize = 13;

/// Tells what happens.
pub(super) struct Story {
    output: Output,
    /// What times are counted from.
    since: Timestamp,
    steps: usize,
}

impl Story {
    pub(super) const fn new(output: Output) -> Self {
        Self {
            output,
            since: Timestamp::from_micros(0),
            steps: 0,
        }
    }

    /// Times are counted from here on.
    pub(super) const fn begin(&mut self, since: Timestamp) {
        self.since = since;
        self.steps = 0;
    }

    /// How many steps were told.
    pub(super) const fn steps(&self) -> usize {
        self.steps
    }

    /// Says something that is for people alone.
    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        match self.output {
            Output::Table => output::data(text),
            Output::Json => Ok(()),
        }
    }

    /// Tells a step: what it is called by programs, when it was, and what it is.
    pub(super) fn step(&mut self, name: &str, at: Timestamp, text: &str) -> Result<(), Failure> {
        self.steps += 1;
        let micros = at.micros().saturating_sub(self.since.micros()).max(0);
        let millis = micros / 1_000;
        match self.output {
            Output::Table => {
                let time = format!("{:>6}.{:02} s  ", millis / 1_000, millis % 1_000 / 10);
                output::data(&format!("{time}{}", folded(text, INDENT)))
            }
            Output::Json => line(&json!({ "step": name, "milliseconds": millis, "text": text })),
        }
    }

    /// Says what came of it.
    pub(super) fn end(&self, made: &Made, url: &str, ticket: u64) -> Result<(), Failure> {
        let budget = super::setup::BUDGET;
        match self.output {
            Output::Table => output::data(&format!(
                "\nThe branch passes the test that failed on main (a fresh clone again).\n\n\
                 Merge request  {}\nTicket         {}\nChat           {url}/chats/{}\nWorkspace      {url}/workspaces/{}\n\n\
                 {} model calls for ${} of the ${budget} that Dan's agents may spend in a day,\n\
                 {} tool calls and {} records in the audit log.",
                made.url,
                made.url
                    .replace(&format!("merge_requests/{}", made.number), &format!("issues/{ticket}")),
                made.chat,
                made.workspace,
                made.model_calls,
                made.cost,
                made.tool_calls,
                made.records,
            )),
            Output::Json => line(&json!({
                "step": "end", "project": PROJECT, "ticket": ticket, "branch": made.branch, "merge_request": made.url, "chat": made.chat,
                "workspace": made.workspace, "model_calls": made.model_calls, "tool_calls": made.tool_calls, "cost": made.cost,
                "audit_records": made.records, "refused": made.refused,
            })),
        }
    }
}

fn line(value: &serde_json::Value) -> Result<(), Failure> {
    output::data(&value.to_string())
}

/// Text in lines that are not too wide; those after the first are indented. A word that is too long, such as an address, stays whole.
fn folded(text: &str, indent: usize) -> String {
    let (mut folded, mut column) = (String::new(), indent);
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > WIDTH {
            folded.push('\n');
            folded.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += width;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_not_too_wide() {
        let text = "word ".repeat(40) + &"x".repeat(100);
        let folded = folded(&text, INDENT);
        let lines: Vec<&str> = folded.lines().collect();
        assert!(lines.len() > 3);
        for (at, line) in lines.iter().enumerate() {
            let first = if at == 0 { INDENT } else { 0 };
            assert!(line.contains("xxx") || line.chars().count() + first <= WIDTH, "{line}");
            assert!(at == 0 || line.starts_with(&" ".repeat(INDENT)));
        }
        assert_eq!(folded.split_whitespace().count(), 41);
        assert_eq!(super::folded("", 4), "");
    }
}
