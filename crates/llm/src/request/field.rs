//! The top-level fields that are acted on, by protocol.

use super::RequestError;
use crate::Protocol;
use crate::json::Text;

macro_rules! fields {
    ($($variant:ident = $name:literal,)*) => {
        /// A top-level field that is acted on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field { $($variant,)* }

        impl Field {
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

fields! {
    Model = "model",
    Stream = "stream",
    MaxTokens = "max_tokens",
    MaxCompletionTokens = "max_completion_tokens",
    MaxOutputTokens = "max_output_tokens",
    Choices = "n",
    StreamOptions = "stream_options",
    Thinking = "thinking",
    ServiceTier = "service_tier",
    Speed = "speed",
    Geography = "inference_geo",
    Messages = "messages",
    System = "system",
    Input = "input",
    Instructions = "instructions",
    Tools = "tools",
    Functions = "functions",
    McpServers = "mcp_servers",
    Container = "container",
    WebSearchOptions = "web_search_options",
    Modalities = "modalities",
    ContextManagement = "context_management",
    PreviousResponseId = "previous_response_id",
    Conversation = "conversation",
    Prompt = "prompt",
}

const MESSAGES: &[Field] = &[
    Field::Model,
    Field::Stream,
    Field::MaxTokens,
    Field::Thinking,
    Field::ServiceTier,
    Field::Speed,
    Field::Geography,
    Field::Messages,
    Field::System,
    Field::Tools,
    Field::McpServers,
    Field::Container,
    Field::ContextManagement,
];

const CHAT: &[Field] = &[
    Field::Model,
    Field::Stream,
    Field::MaxTokens,
    Field::MaxCompletionTokens,
    Field::Choices,
    Field::StreamOptions,
    Field::ServiceTier,
    Field::Messages,
    Field::Tools,
    Field::Functions,
    Field::WebSearchOptions,
    Field::Modalities,
];

const RESPONSES: &[Field] = &[
    Field::Model,
    Field::Stream,
    Field::MaxOutputTokens,
    Field::ServiceTier,
    Field::Input,
    Field::Instructions,
    Field::Tools,
    Field::PreviousResponseId,
    Field::Conversation,
    Field::Prompt,
    Field::ContextManagement,
];

/// The fields seen so far.
#[derive(Debug, Default)]
pub(super) struct Seen(u32);

impl Seen {
    /// The field that `key` is, if it is acted on: refused when it comes again, or in a spelling that readers which
    /// ignore case would take for it.
    pub(super) fn field(&mut self, protocol: Protocol, key: &Text<'_>) -> Result<Option<Field>, RequestError> {
        let fields = match protocol {
            Protocol::Messages => MESSAGES,
            Protocol::Chat => CHAT,
            Protocol::Responses => RESPONSES,
        };
        let Some(key) = key.decoded() else { return Ok(None) };
        if let Some(field) = fields.iter().copied().find(|f| f.name() == key) {
            let bit = 1 << (field as u32);
            if self.0 & bit != 0 {
                return Err(RequestError::Duplicate { field: field.name() });
            }
            self.0 |= bit;
            return Ok(Some(field));
        }
        match fields.iter().find(|f| folds_to(&key, f.name())) {
            Some(field) => Err(RequestError::Misspelled {
                field: field.name(),
                found: key.into_owned(),
            }),
            None => Ok(None),
        }
    }
}

/// Whether `key` is `name` to a reader that ignores case, as Go's `encoding/json` does: ASCII letters, the long s and
/// the Kelvin sign.
fn folds_to(key: &str, name: &str) -> bool {
    let folded = key.chars().map(|c| match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(name.chars())
}
