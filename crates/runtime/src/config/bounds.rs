//! `[bounds]`: how many tokens what is not text may count, where only a bound is known before a request is sent.

use serde::Serialize;

use super::reader::{Section, at_least};

/// Upper bounds, in input tokens, of content that is not text. `None` = a request with such content is refused on a
/// hard budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// One image.
    pub image_tokens: u64,
    /// One document, such as a PDF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_tokens: Option<u64>,
    /// One file that the provider fetches from an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_tokens: Option<u64>,
    /// What a stored response or file of the provider adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_tokens: Option<u64>,
    /// What the provider's own tools add, such as web search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_tool_tokens: Option<u64>,
    /// One piece of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_tokens: Option<u64>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            image_tokens: 4_784,
            document_tokens: None,
            remote_tokens: None,
            stored_tokens: None,
            server_tool_tokens: Some(50_000),
            audio_tokens: None,
        }
    }
}

/// Reads the bounds that a table sets over those that hold otherwise.
pub(super) fn bounds(s: &mut Section<'_>, otherwise: Bounds) -> Bounds {
    let mut optional = |key, otherwise: Option<u64>| s.get(key, at_least(1)).or(otherwise);
    Bounds {
        document_tokens: optional("document_tokens", otherwise.document_tokens),
        remote_tokens: optional("remote_tokens", otherwise.remote_tokens),
        stored_tokens: optional("stored_tokens", otherwise.stored_tokens),
        server_tool_tokens: optional("server_tool_tokens", otherwise.server_tool_tokens),
        audio_tokens: optional("audio_tokens", otherwise.audio_tokens),
        image_tokens: s.or("image_tokens", otherwise.image_tokens, at_least(1)),
    }
}
