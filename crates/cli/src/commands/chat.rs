//! `bailey chat`: an agent in a workspace, as it works. Its answers go to standard output, everything else to standard error.

use std::io::Write as _;
use std::time::{Duration, Instant};

use bailey_api::chats::{Chat, ChatCreate, ChatEvent, ChatMessage, ChatPart, ChatPlanAnswer};
use bailey_core::chat::{CallKind, ChatState, Outcome};
use bailey_core::{CallId, ChatId};
use clap::Args;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;

use super::Env;
use super::chats::path;
use super::workspaces::find;
use crate::client::{Api, Remote, segment};
use crate::failure::{ExitStatus, Failure};
use crate::output::{note, understood};
use crate::{input, table};

/// How long a server that is away is waited for, and how often it is asked.
const PATIENCE: Duration = Duration::from_mins(1);
const AGAIN: Duration = Duration::from_millis(500);
/// The longest arguments and results that are shown, in characters.
const SHOWN: usize = 400;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The workspace: its name, OWNER/NAME, or its id
    workspace: String,
    /// The model [default: the template's, or the deployment's]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Change nothing until a plan is accepted
    #[arg(long)]
    plan: bool,
    /// The directory that the agent starts in [default: the home directory]
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
    /// What the agent is to do; without it, messages are read from standard input, a line each
    #[arg(value_name = "MESSAGE")]
    message: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Begins a chat and follows it. With a message it ends with the agent's turn; otherwise with standard input.
pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<ExitStatus, Failure> {
    let api = arguments.remote.api(env)?;
    let workspace = find(&api, &arguments.workspace).await?;
    let mut lines = Lines::new();
    let once = !arguments.message.is_empty();
    let message = if once {
        arguments.message.join(" ")
    } else {
        match lines.ask("> ").await {
            Some(line) => line,
            None => return Ok(ExitStatus::Ok),
        }
    };
    let ask = ChatCreate {
        message: Some(message),
        model: arguments.model,
        plan: arguments.plan.then_some(true),
        directory: arguments.directory,
        ..ChatCreate::default()
    };
    let place = format!("/workspaces/{}/chats", segment(&workspace.id.to_string()));
    let chat: Chat = understood(api.post(&place, &ask).await?)?;
    note(&format!("chat {} with {}", chat.id, table::plain(&chat.model)));
    Talk::new(api, chat.id, lines, once)?.follow().await
}

/// Follows a chat that somebody has begun, up to the end of the agent's turn.
pub(super) async fn follow(api: Api, id: ChatId) -> Result<ExitStatus, Failure> {
    Talk::new(api, id, Lines::new(), true)?.follow().await
}

/// What comes of a look at the chat.
enum Next {
    /// There is more to come.
    On,
    /// It is over, or nobody says anything any more.
    Over(ExitStatus),
}

/// A chat that is followed.
struct Talk {
    path: String,
    api: Api,
    lines: Lines,
    once: bool,
    interrupts: Signal,
    /// The last event that was seen.
    after: u64,
    /// The questions and plans that were seen, with their texts.
    calls: Vec<(CallId, String)>,
    /// Whether the cursor stands at the beginning of a line.
    at_line: bool,
}

impl Talk {
    fn new(api: Api, id: ChatId, lines: Lines, once: bool) -> Result<Self, Failure> {
        Ok(Self {
            path: path(id),
            api,
            lines,
            once,
            interrupts: signal(SignalKind::interrupt())?,
            after: 0,
            calls: Vec::new(),
            at_line: true,
        })
    }

    async fn follow(&mut self) -> Result<ExitStatus, Failure> {
        let events = format!("{}/events", self.path);
        let mut seen = Instant::now();
        let mut interrupted: Option<Instant> = None;
        loop {
            match self.api.events(&events, self.after).await {
                Ok(mut stream) => loop {
                    let event = tokio::select! {
                        event = stream.next() => event,
                        _ = self.interrupts.recv() => {
                            if interrupted.is_some_and(|at| at.elapsed() < Duration::from_secs(2)) {
                                return Ok(ExitStatus::Of(130));
                            }
                            interrupted = Some(Instant::now());
                            note("\ninterrupted; once more to leave");
                            // One that has nothing to do cannot be interrupted.
                            let _ = self.api.post_nothing(&format!("{}/interrupt", self.path)).await;
                            continue;
                        }
                    };
                    let Some(event) = event else { break };
                    seen = Instant::now();
                    if event.name == "end" {
                        let chat: Chat = serde_json::from_str(&event.data)?;
                        return Ok(self.end(&chat));
                    }
                    let event: ChatEvent = serde_json::from_str(&event.data)?;
                    self.after = event.number;
                    if let Next::Over(status) = self.show(event.part).await? {
                        return Ok(status);
                    }
                },
                Err(none) if none.passing && seen.elapsed() < PATIENCE => {}
                Err(none) => return Err(none.failure),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn end(&mut self, chat: &Chat) -> ExitStatus {
        self.fresh_line();
        let why = chat.cause.map_or_else(String::new, |cause| format!(": {cause}"));
        note(&format!(
            "{}{why}; {} steps, {}",
            chat.state,
            chat.steps,
            table::spent(&chat.cost)
        ));
        if chat.state == ChatState::Completed {
            ExitStatus::Ok
        } else {
            ExitStatus::Failed
        }
    }

    async fn show(&mut self, part: ChatPart) -> Result<Next, Failure> {
        match part {
            ChatPart::Text { text, .. } => self.say(&text)?,
            ChatPart::ToolCall {
                call, tool, arguments, ..
            } => {
                self.fresh_line();
                note(&format!("[{}] {}", table::plain(&tool), short(&arguments)));
                if let Some(text) = asked(&arguments) {
                    self.calls.push((call, text));
                }
            }
            ChatPart::ToolResult { outcome, text, .. } if outcome != Outcome::Ok => {
                self.fresh_line();
                note(&format!("[{outcome}] {}", short(&text)));
            }
            ChatPart::ToolOutput { text, .. } | ChatPart::Note { text } => {
                self.fresh_line();
                note(&clean(&text));
            }
            ChatPart::StepCut { kept: false } => {
                self.fresh_line();
                note("[cut off; the agent begins this answer again]");
            }
            ChatPart::StepFinished { .. } => self.fresh_line(),
            ChatPart::State { .. } => return self.turn().await,
            _ => {}
        }
        Ok(Next::On)
    }

    /// Looks whether it is this side's turn.
    async fn turn(&mut self) -> Result<Next, Failure> {
        let chat: Chat = understood(self.api.get(&self.path, &()).await?)?;
        if chat.last > self.after {
            // Not the last word: what is behind it says more.
            return Ok(Next::On);
        }
        match chat.state {
            ChatState::RequiresAction => self.answer(&chat).await,
            ChatState::Waiting if self.once => {
                note(&format!(
                    "{} steps, {}; it can go on",
                    chat.steps,
                    table::spent(&chat.cost)
                ));
                Ok(Next::Over(ExitStatus::Ok))
            }
            ChatState::Waiting => self.message().await,
            ChatState::Paused => {
                self.fresh_line();
                let why = chat.cause.map_or_else(String::new, |cause| format!(" ({cause})"));
                note(&format!("paused{why}"));
                if self.once {
                    return Ok(Next::Over(ExitStatus::Failed));
                }
                match self.lines.ask("write on, or press enter to resume: ").await {
                    Some(line) if line.trim().is_empty() => {
                        let resume = serde_json::json!({});
                        self.api.post(&format!("{}/resume", self.path), &resume).await?;
                        Ok(Next::On)
                    }
                    Some(text) => self.post(text).await,
                    None => Ok(Next::Over(ExitStatus::Ok)),
                }
            }
            _ => Ok(Next::On),
        }
    }

    async fn message(&mut self) -> Result<Next, Failure> {
        self.fresh_line();
        loop {
            match self.lines.ask("> ").await {
                Some(line) if line.trim().is_empty() => {}
                Some(text) => return self.post(text).await,
                None => return Ok(Next::Over(ExitStatus::Ok)),
            }
        }
    }

    async fn post(&self, text: String) -> Result<Next, Failure> {
        let message = ChatMessage { text };
        self.api.post(&format!("{}/messages", self.path), &message).await?;
        Ok(Next::On)
    }

    async fn answer(&mut self, chat: &Chat) -> Result<Next, Failure> {
        for awaited in &chat.awaiting {
            let text = self.calls.iter().find(|(call, _)| *call == awaited.call);
            let text = text.map_or_else(String::new, |(_, text)| clean(text));
            self.fresh_line();
            note(&text);
            let place = format!("{}/calls/{}", self.path, segment(&awaited.call.to_string()));
            if awaited.kind == CallKind::Plan {
                let Some(line) = self
                    .lines
                    .ask("accept this plan? [y, or say what is wrong with it] ")
                    .await
                else {
                    return Ok(Next::Over(ExitStatus::Failed));
                };
                let accept = matches!(line.trim(), "y" | "yes");
                let reason = Some(line).filter(|line| !accept && !line.trim().is_empty());
                let answer = ChatPlanAnswer {
                    accept,
                    plan: None,
                    reason,
                };
                self.api.post(&format!("{place}/plan"), &answer).await?;
            } else {
                let Some(text) = self.lines.ask("answer: ").await else {
                    return Ok(Next::Over(ExitStatus::Failed));
                };
                self.api.post(&format!("{place}/answer"), &ChatMessage { text }).await?;
            }
        }
        Ok(Next::On)
    }

    /// The agent's words, as they come.
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        let text = clean(text);
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        self.at_line = text.ends_with('\n') || (text.is_empty() && self.at_line);
        Ok(())
    }

    fn fresh_line(&mut self) {
        if !std::mem::replace(&mut self.at_line, true) {
            let mut out = std::io::stdout().lock();
            // Where that fails there is nobody left to tell.
            let _ = out.write_all(b"\n");
            let _ = out.flush();
        }
    }
}

/// Lines of standard input.
struct Lines {
    pieces: Option<Receiver<Vec<u8>>>,
    buffer: Vec<u8>,
}

impl Lines {
    const fn new() -> Self {
        Self {
            pieces: None,
            buffer: Vec::new(),
        }
    }

    /// The next line, asked for with these words; `None` = there are no more.
    async fn ask(&mut self, words: &str) -> Option<String> {
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(words.as_bytes());
        let _ = err.flush();
        drop(err);
        let pieces = self.pieces.get_or_insert_with(|| input::pieces(4096, 4));
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            match pieces.recv().await {
                Some(piece) => self.buffer.extend(piece),
                None if self.buffer.is_empty() => return None,
                None => {
                    let line = std::mem::take(&mut self.buffer);
                    return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
            }
        }
    }
}

/// The question or the plan in a tool's arguments.
fn asked(arguments: &str) -> Option<String> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let text = |key: &str| arguments.get(key).and_then(Value::as_str).map(str::to_owned);
    let options = arguments.get("options").and_then(Value::as_array);
    let options = options.into_iter().flatten().filter_map(Value::as_str);
    let mut asked = text("plan").or_else(|| text("question"))?;
    for option in options {
        asked.push_str("\n- ");
        asked.push_str(option);
    }
    Some(asked)
}

/// What a model or a tool says, without what a terminal would obey.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect()
}

fn short(text: &str) -> String {
    let text = clean(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_moves_no_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\td"), "a[2Jb\nc\td");
        assert_eq!(short(&"x".repeat(500)).chars().count(), SHOWN + 1);
    }

    #[test]
    fn questions_and_plans_are_found_in_arguments() {
        let question = asked(r#"{"question":"Which?","options":["a","b"]}"#);
        assert_eq!(question.as_deref(), Some("Which?\n- a\n- b"));
        assert_eq!(asked(r##"{"plan":"# Do it"}"##).as_deref(), Some("# Do it"));
        assert_eq!(asked(r#"{"command":"ls"}"#), None);
        assert_eq!(asked("no json"), None);
    }
}
