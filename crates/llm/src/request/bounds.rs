//! How many tokens a request can have, and how many it probably has.

use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::media::Parts;
use crate::Protocol;

/// Tokens for the prompt that a provider adds by itself: Anthropic documents up to 804 for tool use (`any` and `tool`
/// choices, pricing page, "Tool use system prompt token count"); OpenAI's chat markup is below that.
pub const TOOL_PROMPT_TOKENS: u64 = 1_024;

/// Tokens that a declared tool may need beyond its own bytes: providers rewrite a JSON schema into their own markup.
pub const TOOL_OVERHEAD_TOKENS: u64 = 64;

/// Tokens for the hidden definition of a vendor's own client-run tool: Anthropic documents 245 for `bash`, 700 for
/// `text_editor` and 735 for `computer`.
const VENDOR_TOOL_TOKENS: u64 = 1_024;

/// A typical image: Anthropic's 1,568 pixel edge gives about 1,600 tokens, OpenAI's high detail 765 to 1,445.
const TYPICAL_IMAGE: u64 = 1_600;
/// A typical document of a few pages, where nothing is configured.
const TYPICAL_DOCUMENT: u64 = 10_000;

/// What each kind of content that is not text may cost in input tokens. `None` means: has no bound, and is refused
/// where a budget is hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Tokens of one image in Chat and Responses. The dearest published rule is gpt-4o-mini's: 2,833 and 5,667 for each
    /// of at most eight tiles, 48,169 in all (OpenAI, "Images and vision", calculating costs).
    pub image_tokens: u64,
    /// Tokens of one image in Messages. Anthropic scales to 2,576 pixels on the long edge at most, 4,784 tokens
    /// (Anthropic, "Vision", image size).
    pub messages_image_tokens: u64,
    /// Tokens of one document in the body, such as PDF.
    pub document_tokens: Option<u64>,
    /// Tokens of one document or video that the provider fetches from a URL.
    pub remote_tokens: Option<u64>,
    /// Tokens of one stored file, response, conversation or prompt.
    pub stored_tokens: Option<u64>,
    /// Tokens that all tools which the provider runs may add to the input. Coding agents always declare web search, so
    /// this has a value.
    pub server_tool_tokens: Option<u64>,
    /// Tokens of one piece of audio, and leave to ask for spoken answers.
    pub audio_tokens: Option<u64>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            image_tokens: 48_169,
            messages_image_tokens: 4_784,
            document_tokens: None,
            remote_tokens: None,
            stored_tokens: None,
            server_tool_tokens: Some(50_000),
            audio_tokens: None,
        }
    }
}

/// A part of a request whose input tokens have no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} can be of any size; leave it out, or have an administrator set `{setting}` to the most tokens it may have"
)]
pub struct Unbounded {
    /// The part.
    pub what: &'static str,
    /// The setting that would give it a bound.
    pub setting: &'static str,
}

impl Bounds {
    pub(super) fn bound(&self, protocol: Protocol, body: u64, facts: &Facts<'_>) -> Result<u64, Unbounded> {
        let media = &facts.media;
        let image = match protocol {
            Protocol::Messages => self.messages_image_tokens,
            Protocol::Chat | Protocol::Responses => self.image_tokens,
        };
        let mut tokens = body.saturating_sub(media.bytes());
        tokens = tokens.saturating_add(TOOL_PROMPT_TOKENS);
        tokens = tokens.saturating_add(TOOL_OVERHEAD_TOKENS.saturating_mul(facts.tools.declared));
        tokens = tokens.saturating_add(VENDOR_TOOL_TOKENS.saturating_mul(facts.tools.vendor));
        tokens = tokens.saturating_add(image.saturating_mul(media.images.count));
        for (parts, each, setting) in [
            (media.documents, self.document_tokens, "document_tokens"),
            (media.remote, self.remote_tokens, "remote_tokens"),
            (media.stored, self.stored_tokens, "stored_tokens"),
            (media.audio, self.audio_tokens, "audio_tokens"),
        ] {
            tokens = tokens.saturating_add(of_parts(parts, each, setting)?);
        }
        if let Some(what) = facts.tools.server {
            let setting = "server_tool_tokens";
            tokens = tokens.saturating_add(self.server_tool_tokens.ok_or(Unbounded { what, setting })?);
        }
        if facts.audio_out && self.audio_tokens.is_none() {
            return Err(Unbounded {
                what: "a spoken answer",
                setting: "audio_tokens",
            });
        }
        // A summary is written from the whole input before the answer is.
        Ok(if facts.compaction {
            tokens.saturating_mul(2)
        } else {
            tokens
        })
    }

    pub(super) fn estimate(&self, facts: &Facts<'_>) -> u64 {
        let media = &facts.media;
        // Two sevenths: three and a half bytes for a token, as code and JSON have.
        let text = facts
            .prompt_bytes
            .saturating_sub(media.bytes())
            .saturating_mul(2)
            .div_ceil(7);
        let document = self.document_tokens.unwrap_or(TYPICAL_DOCUMENT).min(TYPICAL_DOCUMENT);
        let others = media.documents.count + media.remote.count + media.stored.count + media.audio.count;
        text.saturating_add(media.images.count.saturating_mul(TYPICAL_IMAGE))
            .saturating_add(others.saturating_mul(document))
            .saturating_add(facts.tools.vendor.saturating_mul(VENDOR_TOOL_TOKENS / 2))
    }
}

fn of_parts(parts: Parts, each: Option<u64>, setting: &'static str) -> Result<u64, Unbounded> {
    match (parts.what, each) {
        (None, _) => Ok(0),
        (Some(_), Some(each)) => Ok(each.saturating_mul(parts.count)),
        (Some(what), None) => Err(Unbounded { what, setting }),
    }
}
