//! `[bounds]`: how many tokens what is not text may count, where only a bound is known before a request is sent.

use bailey_llm::Bounds;

use super::reader::{Section, at_least};

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
        messages_image_tokens: s.or("messages_image_tokens", otherwise.messages_image_tokens, at_least(1)),
    }
}
