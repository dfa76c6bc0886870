use bailey_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::event::{LabelChange, StateChange, TicketChange, What};
use crate::model::MergeRequestState;

const NOW: Timestamp = Timestamp::from_seconds(1_614_265_330);
const BODY: &[u8] = br#"{"a":1}"#;
const KINDS: [ForgeKind; 4] = [
    ForgeKind::GitLab,
    ForgeKind::GitHub,
    ForgeKind::Gitea,
    ForgeKind::Forgejo,
];

fn shared(text: &str) -> HookSecret {
    HookSecret::shared(text.to_owned()).unwrap()
}

fn signing() -> HookSecret {
    HookSecret::signing("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
}

fn verifier(kind: ForgeKind, secret: HookSecret) -> Verifier {
    Verifier::new(kind, vec![secret]).unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

mod payloads;
mod verification;
