//! `[chats]`: what runs of AI agents get.

use std::time::Duration;

use bailey_core::Money;
use bailey_core::chat::Limits;
use serde::{Serialize, Serializer};

use super::keys::{or_none, unless_none};
use super::reader::{Section, at_least, duration, list, parsed, text};
use super::workspaces::duration_or_none;

/// The longest text of instructions, in bytes.
const PROMPT: u64 = 64 << 10;

/// `[chats]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatsConfig {
    /// The model where neither the person nor the template names one; `None` = the first that may be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The models that there are for chats; empty = every model that a workspace's key may ask.
    pub models: Vec<String>,
    /// The administrator's instructions for every agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// Times that the model is asked before a person is; `None` = no limit.
    #[serde(serialize_with = "or_none")]
    pub steps: Option<u32>,
    /// How long an agent works before a person is asked; `None` = no limit.
    #[serde(serialize_with = "duration_or_none")]
    pub time: Option<Duration>,
    /// What its model calls may cost before a person is asked; `None` = no limit but the budgets.
    #[serde(serialize_with = "money_or_none")]
    pub cost: Option<Money>,
    /// Tokens that a model can read and write in one step, where the price list does not say.
    pub context: u64,
    /// Chats that this server carries on at the same time.
    pub parallel: usize,
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn money_or_none<S: Serializer>(money: &Option<Money>, to: S) -> Result<S::Ok, S::Error> {
    or_none(&money.map(|money| money.to_string()), to)
}

impl ChatsConfig {
    /// What one run may take.
    pub fn limits(&self) -> Limits {
        Limits {
            steps: self.steps,
            seconds: self.time.map(|time| time.as_secs()),
            cost: self.cost,
        }
    }
}

pub(super) fn chats(s: &mut Section<'_>) -> ChatsConfig {
    let written = s.has("system_prompt");
    let prompt = s.get("system_prompt", |node| {
        let text = text(node)?;
        if text.len() as u64 > PROMPT {
            return Err(format!("has more than {} KiB", PROMPT >> 10));
        }
        Ok(text)
    });
    let cx = s.cx;
    let from_file = s.get("system_prompt_file", |node| {
        let path = cx.resolve(&text(node)?, &node.origin)?;
        let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        if std::fs::metadata(&path).map_err(cannot)?.len() > PROMPT {
            return Err(format!("{} has more than {} KiB", path.display(), PROMPT >> 10));
        }
        std::fs::read_to_string(&path).map_err(cannot)
    });
    if written && from_file.is_some() {
        s.note("system_prompt_file", "write this or `system_prompt`, not both");
    }
    let config = ChatsConfig {
        model: s.get("model", text),
        models: s.or("models", Vec::new(), |node| list(node, text)),
        system_prompt: prompt.or(from_file),
        steps: s.or("steps", Some(200), |node| unless_none(node, at_least(1))),
        time: s.or("time", Some(Duration::from_hours(2)), |node| {
            unless_none(node, duration)
        }),
        cost: s.or("cost", Some(Money::usd(10)), |node| {
            unless_none(node, parsed(str::parse::<Money>))
        }),
        context: s.or("context", 128_000, at_least(8_000)),
        parallel: s.or("parallel", 32, at_least(1)),
    };
    if let Some(model) = &config.model
        && !config.models.is_empty()
        && !config.models.contains(model)
    {
        s.note("model", format!("`{model}` is not among `models`"));
    }
    config
}
