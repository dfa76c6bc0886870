//! The wire protocols that clients speak, and whose error shapes they expect.

use serde::{Deserialize, Serialize};

/// A wire protocol of the model door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Anthropic Messages, `POST /v1/messages`.
    Messages,
    /// OpenAI chat completions, `POST /v1/chat/completions`.
    Chat,
    /// OpenAI Responses, `POST /v1/responses`.
    Responses,
}

/// Whose SDK reads the answer: picks the shape of errors and of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// Anthropic and what is compatible with it.
    Anthropic,
    /// OpenAI and what is compatible with it.
    OpenAi,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Messages, Self::Chat, Self::Responses];

    /// The vendor whose shapes its clients expect.
    pub const fn vendor(self) -> Vendor {
        match self {
            Self::Messages => Vendor::Anthropic,
            Self::Chat | Self::Responses => Vendor::OpenAi,
        }
    }

    /// The name used in configuration, in the ledger and on metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Chat => "chat",
            Self::Responses => "responses",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
