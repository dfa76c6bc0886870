//! What the model is told: the log of a chat, folded into what it says and what it is answered.

use bailey_core::chat::{LogPart, Outcome, Part};
use bailey_core::ledger::Usage;
use bailey_core::{CallId, MessageId, Timestamp};

/// A piece of an answer, in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Text.
    Text(String),
    /// What the model thought, and the signature that its provider wants back with it.
    Thinking {
        /// The text.
        text: String,
        /// The signature.
        signature: Option<String>,
    },
    /// Thinking that only the provider can read.
    Redacted(String),
    /// A tool call and, once it is there, its result.
    Call {
        /// The call.
        call: CallId,
        /// The provider's name for it.
        provider_id: String,
        /// The tool.
        tool: String,
        /// The arguments, as the model wrote them.
        arguments: String,
        /// What came of it.
        result: Option<(Outcome, String)>,
    },
}

/// What the model said in one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its pieces, in order.
    pub blocks: Vec<Block>,
    /// Whether it was cut off by an interruption.
    pub cut: bool,
}

/// Somebody's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A person writes.
    Message(MessageId, String),
    /// The model answers.
    Answer(Answer),
}

/// The conversation so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// Whose turn was when.
    pub entries: Vec<Entry>,
    /// The number of the last part that was folded in.
    pub last: u64,
    /// What the last whole answer used.
    pub usage: Option<Usage>,
    /// How many bytes came after that answer.
    pub unread: u64,
    /// When a person last wanted the chat to go on: they wrote, or did what it waited for.
    pub wanted: Timestamp,
    /// Whether an agent works.
    active: bool,
    /// The answer under way, by block.
    open: Vec<(u32, Block)>,
}

impl Transcript {
    /// Folds in what follows. Parts that were folded in already change nothing.
    pub fn extend(&mut self, parts: impl IntoIterator<Item = LogPart>) {
        for LogPart { number, at, part } in parts {
            if number > self.last {
                self.last = number;
                self.is_wanted(at, &part);
                self.add(part);
            }
        }
    }

    /// An agent that has nothing to do goes on by a person's doing alone.
    fn is_wanted(&mut self, at: Timestamp, part: &Part) {
        match part {
            Part::Queued { by: Some(_), .. } => self.wanted = at,
            Part::State { state, .. } => {
                if state.is_active() && !self.active {
                    self.wanted = at;
                }
                self.active = state.is_active();
            }
            _ => {}
        }
    }

    fn add(&mut self, part: Part) {
        match part {
            Part::Message { message, text, .. } => {
                self.unread = self.unread.saturating_add(text.len() as u64);
                self.entries.push(Entry::Message(message, text));
            }
            Part::StepStarted { .. } | Part::StepCut { kept: false } => self.open.clear(),
            Part::Text { block, text } => {
                self.block(block, Block::Text(String::new()), |block| block.append(&text));
            }
            Part::Thinking { block, text } => self.block(block, thinking(), |block| block.append(&text)),
            Part::Signature { block, signature } => {
                self.block(block, thinking(), |block| {
                    if let Block::Thinking { signature: slot, .. } = block {
                        *slot = Some(signature);
                    }
                });
            }
            Part::Redacted { block, data } => self.open.push((block, Block::Redacted(data))),
            Part::ToolCall {
                call,
                block,
                tool,
                arguments,
                provider_id,
            } => {
                let made = Block::Call {
                    call,
                    provider_id,
                    tool,
                    arguments,
                    result: None,
                };
                self.open.push((block, made));
            }
            Part::StepFinished { usage, .. } => {
                self.close(false);
                if usage.is_some() {
                    self.usage = usage;
                    self.unread = 0;
                }
            }
            Part::StepCut { kept: true } => {
                self.open.retain(|(_, block)| matches!(block, Block::Text(_)));
                self.close(true);
            }
            Part::ToolResult {
                call, outcome, text, ..
            } => self.result(call, outcome, text),
            Part::Queued { .. }
            | Part::Dropped { .. }
            | Part::ToolStarted { .. }
            | Part::ToolOutput { .. }
            | Part::State { .. }
            | Part::Note { .. } => {}
        }
    }

    /// Does something to the block of this number and kind, which is made if it is not there.
    fn block(&mut self, number: u32, empty: Block, change: impl FnOnce(&mut Block)) {
        let same = |(n, block): &&mut (u32, Block)| {
            *n == number && std::mem::discriminant(block) == std::mem::discriminant(&empty)
        };
        if let Some((_, block)) = self.open.iter_mut().find(same) {
            return change(block);
        }
        let mut block = empty;
        change(&mut block);
        self.open.push((number, block));
    }

    fn close(&mut self, cut: bool) {
        let mut open = std::mem::take(&mut self.open);
        open.sort_by_key(|(number, _)| *number);
        let blocks: Vec<Block> = open.into_iter().map(|(_, block)| block).collect();
        self.unread = self
            .unread
            .saturating_add(blocks.iter().map(|block| block.len() as u64).sum());
        if cut || !blocks.is_empty() {
            self.entries.push(Entry::Answer(Answer { blocks, cut }));
        }
    }

    fn result(&mut self, id: CallId, outcome: Outcome, text: String) {
        self.unread = self.unread.saturating_add(text.len() as u64);
        let answers = self.entries.iter_mut().rev().filter_map(|entry| match entry {
            Entry::Answer(answer) => Some(answer),
            Entry::Message(..) => None,
        });
        for block in answers.flat_map(|answer| &mut answer.blocks) {
            if let Block::Call { call, result, .. } = block
                && *call == id
            {
                // The first one counts: it is the only one.
                result.get_or_insert((outcome, text));
                return;
            }
        }
    }

    /// The call of this id: its tool, its arguments, and whether it has its result.
    pub fn call(&self, id: CallId) -> Option<(&str, &str, bool)> {
        self.entries.iter().rev().find_map(|entry| {
            let Entry::Answer(answer) = entry else { return None };
            answer.blocks.iter().find_map(|block| match block {
                Block::Call {
                    call,
                    tool,
                    arguments,
                    result,
                    ..
                } if *call == id => Some((tool.as_str(), arguments.as_str(), result.is_some())),
                _ => None,
            })
        })
    }
}

const fn thinking() -> Block {
    Block::Thinking {
        text: String::new(),
        signature: None,
    }
}

impl Block {
    fn append(&mut self, more: &str) {
        if let Self::Text(text) | Self::Thinking { text, .. } = self {
            text.push_str(more);
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Redacted(text) => text.len(),
            Self::Thinking { text, signature } => {
                text.len()
                    + match signature {
                        Some(signature) => signature.len(),
                        None => 0,
                    }
            }
            Self::Call { arguments, .. } => arguments.len(),
        }
    }
}
