//! The top level of a request.

use std::borrow::Cow;

use super::field::{Field, Seen};
use super::media::Media;
use super::read::{self, Walk};
use super::{RequestError, chat, messages, responses};
use crate::Protocol;
use crate::json::{Kind, Span, Text};

/// A limit on output as it stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// `None` for null.
    pub(crate) value: Option<u64>,
    pub(crate) span: Span,
}

/// A thinking budget as it stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thinking {
    pub(crate) budget: u64,
    pub(crate) span: Span,
}

/// `stream_options` as it stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: bool,
    /// The value of `include_usage`, if the key is there.
    pub(crate) flag: Option<Span>,
    /// The whole value.
    pub(crate) span: Span,
    /// Whether it is an object, and whether that has any key.
    pub(crate) object: Option<bool>,
}

/// What is declared as tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tools {
    pub(crate) declared: u64,
    /// Tools of the vendor that the client runs: each brings a hidden prompt.
    pub(crate) vendor: u64,
    /// The first tool that the provider itself runs: its results are input too.
    pub(crate) server: Option<&'static str>,
}

/// What the top level says.
#[expect(clippy::struct_excessive_bools, reason = "independent fields of a request")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts<'a> {
    pub(super) brace: usize,
    pub(super) model: Option<Cow<'a, str>>,
    pub(super) model_span: Span,
    pub(crate) stream: bool,
    /// `max_tokens` or `max_output_tokens`, and `max_completion_tokens`.
    pub(crate) limits: [Option<Limit>; 2],
    pub(super) choices: u64,
    pub(crate) thinking: Option<Thinking>,
    pub(crate) options: Option<StreamOptions>,
    pub(super) tier: Option<Cow<'a, str>>,
    /// Anthropic's fast mode and place of service: rates of their own, which we know as tiers.
    pub(super) fast: bool,
    pub(super) geography: Option<Cow<'a, str>>,
    pub(super) media: Media,
    pub(super) tools: Tools,
    /// Bytes of the values that become the prompt.
    pub(super) prompt_bytes: u64,
    /// Context may be summarised by a further pass over the input.
    pub(super) compaction: bool,
    /// The answer may be audio.
    pub(super) audio_out: bool,
}

/// Reads the object under the cursor.
pub(super) fn read<'a>(protocol: Protocol, cursor: &mut Walk<'a>) -> Result<Facts<'a>, RequestError> {
    let mut facts = Facts {
        choices: 1,
        ..Facts::default()
    };
    let mut seen = Seen::default();
    let span = cursor.object(|cursor, key: Text<'a>| match seen.field(protocol, &key)? {
        Some(field) => facts.field(protocol, field, cursor),
        None => cursor.skip().map(drop).map_err(RequestError::from),
    })?;
    facts.brace = span.start;
    Ok(facts)
}

impl<'a> Facts<'a> {
    fn field(&mut self, protocol: Protocol, field: Field, cursor: &mut Walk<'a>) -> Result<(), RequestError> {
        let name = field.name();
        match field {
            Field::Model => self.read_model(cursor)?,
            Field::Stream => self.stream = read::boolean(cursor, name)?.0.unwrap_or(false),
            Field::MaxTokens | Field::MaxOutputTokens => self.limits[0] = Some(limit(cursor, name)?),
            Field::MaxCompletionTokens => self.limits[1] = Some(limit(cursor, name)?),
            Field::Choices => self.choices = read_choices(cursor)?,
            Field::StreamOptions => self.options = Some(stream_options(cursor)?),
            Field::Thinking => self.thinking = thinking(cursor)?,
            Field::ServiceTier => self.tier = read::string(cursor, name)?.map(|(tier, _)| tier),
            Field::Speed => self.fast = read::string(cursor, name)?.is_some_and(|(speed, _)| speed == "fast"),
            Field::Geography => self.geography = read::string(cursor, name)?.map(|(place, _)| place),
            Field::Modalities => self.audio_out = names_audio(cursor)?,
            Field::ContextManagement => self.compaction = compacts(cursor)?,
            Field::WebSearchOptions | Field::McpServers => {
                if read::filled(cursor)? {
                    self.tools.server = self.tools.server.or(Some(name));
                }
            }
            Field::Container => {
                // A container id alone brings no tokens; the tools that run in it do, and they are declared.
                cursor.skip()?;
            }
            Field::PreviousResponseId | Field::Conversation | Field::Prompt => {
                if read::present(cursor)? {
                    self.media.stored.add(name, 0);
                }
            }
            Field::Messages | Field::System | Field::Input | Field::Instructions | Field::Tools | Field::Functions => {
                self.prompt(protocol, field, cursor)?;
            }
        }
        Ok(())
    }

    fn prompt(&mut self, protocol: Protocol, field: Field, cursor: &mut Walk<'a>) -> Result<(), RequestError> {
        let kind = cursor.peek()?;
        let span = match (field, protocol) {
            (Field::Messages, Protocol::Messages) if kind == Kind::Array => {
                messages::messages(cursor, &mut self.media)?
            }
            (Field::Messages, Protocol::Chat) if kind == Kind::Array => chat::messages(cursor, &mut self.media)?,
            (Field::Input, _) if kind == Kind::Array => responses::input(cursor, &mut self.media)?,
            (Field::Tools, _) if kind == Kind::Array => read_tools(protocol, cursor, &mut self.tools)?,
            (Field::Functions, _) if kind == Kind::Array => cursor.array(|c| {
                self.tools.declared += 1;
                c.skip().map(drop).map_err(RequestError::from)
            })?,
            _ => cursor.skip()?,
        };
        self.prompt_bytes += span.len() as u64;
        Ok(())
    }

    fn read_model(&mut self, cursor: &mut Walk<'a>) -> Result<(), RequestError> {
        let invalid = RequestError::Invalid {
            field: "model",
            expected: "a name of at most 256 bytes without control characters",
        };
        let (model, span) = read::string(cursor, "model")?.ok_or_else(|| invalid.clone())?;
        if model.is_empty() || model.len() > MAX_MODEL || model.chars().any(char::is_control) {
            return Err(invalid);
        }
        self.model = Some(model);
        self.model_span = span;
        Ok(())
    }
}

/// The longest name of a model that is read: it goes into the ledger.
const MAX_MODEL: usize = 256;

fn limit(cursor: &mut Walk<'_>, field: &'static str) -> Result<Limit, RequestError> {
    let (value, span) = read::integer(cursor, field)?;
    Ok(Limit { value, span })
}

fn read_choices(cursor: &mut Walk<'_>) -> Result<u64, RequestError> {
    match read::integer(cursor, "n")?.0 {
        Some(0) => Err(RequestError::Invalid {
            field: "n",
            expected: "at least 1",
        }),
        value => Ok(value.unwrap_or(1)),
    }
}

/// Refuses a second value of a nested field that is acted on.
fn once<T>(slot: &mut Option<T>, value: T, field: &'static str) -> Result<(), RequestError> {
    if slot.replace(value).is_some() {
        Err(RequestError::Duplicate { field })
    } else {
        Ok(())
    }
}

fn stream_options(cursor: &mut Walk<'_>) -> Result<StreamOptions, RequestError> {
    const FLAG: &str = "stream_options.include_usage";
    match cursor.peek()? {
        Kind::Null => {
            let span = cursor.skip()?;
            return Ok(StreamOptions {
                include_usage: false,
                flag: None,
                span,
                object: None,
            });
        }
        Kind::Object => {}
        _ => {
            return Err(RequestError::Invalid {
                field: "stream_options",
                expected: "an object",
            });
        }
    }
    let (mut flag, mut filled) = (None, false);
    let span = cursor.object(|cursor, key| {
        filled = true;
        if key.is("include_usage") {
            let (value, span) = read::boolean(cursor, FLAG)?;
            return once(&mut flag, (value.unwrap_or(false), span), FLAG);
        }
        cursor.skip().map(drop).map_err(RequestError::from)
    })?;
    let include_usage = flag.is_some_and(|(value, _)| value);
    Ok(StreamOptions {
        include_usage,
        flag: flag.map(|(_, span)| span),
        span,
        object: Some(filled),
    })
}

fn thinking(cursor: &mut Walk<'_>) -> Result<Option<Thinking>, RequestError> {
    const BUDGET: &str = "thinking.budget_tokens";
    match cursor.peek()? {
        Kind::Null => return cursor.skip().map(|_| None).map_err(Into::into),
        Kind::Object => {}
        _ => {
            return Err(RequestError::Invalid {
                field: "thinking",
                expected: "an object",
            });
        }
    }
    let (mut kind, mut budget) = (None, None);
    cursor.object(|cursor, key| {
        if key.is("type") {
            let text = read::maybe_string(cursor)?;
            return once(&mut kind, text, "thinking.type");
        }
        if key.is("budget_tokens") {
            let value = read::integer(cursor, BUDGET)?;
            return once(&mut budget, value, BUDGET);
        }
        cursor.skip().map(drop).map_err(RequestError::from)
    })?;
    let enabled = kind.flatten().is_some_and(|kind| kind == "enabled");
    Ok(match budget {
        Some((Some(budget), span)) if enabled => Some(Thinking { budget, span }),
        _ => None,
    })
}

fn names_audio(cursor: &mut Walk<'_>) -> Result<bool, RequestError> {
    if cursor.peek()? != Kind::Array {
        cursor.skip()?;
        return Ok(false);
    }
    let mut audio = false;
    cursor.array(|cursor| {
        audio |= read::maybe_string(cursor)?.is_some_and(|m| m == "audio");
        Ok::<_, RequestError>(())
    })?;
    Ok(audio)
}

/// Whether `context_management` asks for summaries, which are a further pass over the input. Any mention counts.
fn compacts(cursor: &mut Walk<'_>) -> Result<bool, RequestError> {
    let span = cursor.skip()?;
    Ok(memchr::memmem::find(span.of(cursor.text()), b"compact").is_some())
}

fn read_tools(protocol: Protocol, cursor: &mut Walk<'_>, tools: &mut Tools) -> Result<Span, RequestError> {
    cursor.array(|cursor| {
        tools.declared += 1;
        if cursor.peek()? != Kind::Object {
            cursor.skip()?;
            return Ok(());
        }
        let mut kind = None;
        cursor.object(|cursor, key| {
            if key.is("type") {
                kind = read::maybe_string(cursor)?;
                return Ok(());
            }
            cursor.skip().map(drop).map_err(RequestError::from)
        })?;
        match kind
            .as_deref()
            .map_or(ToolKind::Client, |kind| tool_kind(protocol, kind))
        {
            ToolKind::Client => {}
            ToolKind::Vendor => tools.vendor += 1,
            ToolKind::Server(what) => tools.server = tools.server.or(Some(what)),
        }
        Ok(())
    })
}

enum ToolKind {
    /// Declared and run by the client.
    Client,
    /// Defined by the vendor, run by the client.
    Vendor,
    /// Run by the provider.
    Server(&'static str),
}

/// Who runs a tool. A type that is not known is taken for one that the provider runs.
fn tool_kind(protocol: Protocol, kind: &str) -> ToolKind {
    const SERVER: [&str; 8] = [
        "web_search",
        "web_fetch",
        "code_execution",
        "code_interpreter",
        "file_search",
        "image_generation",
        "mcp",
        "tool_search",
    ];
    const VENDOR: [&str; 4] = ["bash_", "text_editor_", "computer", "memory_"];
    const CLIENT: [&str; 7] = [
        "function",
        "custom",
        "local_shell",
        "shell",
        "apply_patch",
        "namespace",
        "grammar",
    ];
    if CLIENT.contains(&kind) {
        return ToolKind::Client;
    }
    if VENDOR.iter().any(|name| kind.starts_with(name)) {
        return ToolKind::Vendor;
    }
    let named = SERVER.iter().find(|name| kind.starts_with(**name)).copied();
    ToolKind::Server(named.unwrap_or(match protocol {
        Protocol::Messages => "a tool of a type not known here",
        Protocol::Chat | Protocol::Responses => "a hosted tool of a type not known here",
    }))
}
