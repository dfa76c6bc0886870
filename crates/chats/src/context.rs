//! Whether what is to be read still fits the model.

use bailey_core::chat::Engine;

use crate::transcript::Transcript;

/// Bytes that one token stands for, at least: code and text of most languages have more.
const BYTES_PER_TOKEN: u64 = 3;

/// Tokens of the next request: what the last answer's usage says, and a cautious guess of what has come since. Without a usage the
/// whole request is guessed from its bytes.
pub(crate) fn estimate(transcript: &Transcript, request_bytes: usize) -> u64 {
    let guess = |bytes: u64| bytes.div_ceil(BYTES_PER_TOKEN);
    match &transcript.usage {
        Some(usage) => usage.total().saturating_add(guess(transcript.unread)),
        None => guess(request_bytes as u64),
    }
}

/// Whether there is no room any more for the request and an answer. Half of the longest answer must fit, and a twentieth of the
/// context stays free, because the guess is one.
pub(crate) fn is_full(engine: &Engine, estimate: u64) -> bool {
    let reserve = u64::from(engine.output / 2).saturating_add(engine.context / 20);
    estimate.saturating_add(reserve) > engine.context
}

#[cfg(test)]
mod tests {
    use bailey_core::ledger::Usage;

    use super::*;

    #[test]
    fn a_usage_counts_for_more_than_a_guess() {
        let engine = Engine {
            model: "m".into(),
            protocol: "chat".into(),
            context: 100_000,
            output: 10_000,
            thinking: None,
        };
        let mut transcript = Transcript::default();
        assert_eq!(estimate(&transcript, 30_000), 10_000);
        transcript.usage = Some(Usage {
            input: 80_000,
            output: 5_000,
            ..Usage::default()
        });
        transcript.unread = 300;
        let tokens = estimate(&transcript, 30_000);
        assert_eq!(tokens, 85_100);
        assert!(!is_full(&engine, tokens));
        transcript.unread = 15_001;
        assert!(is_full(&engine, estimate(&transcript, 30_000)));
    }
}
