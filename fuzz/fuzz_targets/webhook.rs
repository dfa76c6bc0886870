//! Deliveries of forges: nothing panics, what is read is bounded, and altered bytes are never taken for signed ones.

#![no_main]

use bailey_core::Timestamp;
use bailey_forges::event::{LabelChange, What};
use bailey_forges::model::ForgeKind;
use bailey_forges::webhook::{HookSecret, Parsed, Verifier, sign};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let kind = match which % 4 {
        0 => ForgeKind::GitLab,
        1 => ForgeKind::GitHub,
        2 => ForgeKind::Gitea,
        _ => ForgeKind::Forgejo,
    };
    let secret = if which & 4 == 0 || kind != ForgeKind::GitLab {
        HookSecret::shared("a-secret-of-enough-bytes".to_owned())
    } else {
        HookSecret::signing("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    };
    let secret = secret.expect("the secret is good");
    let verifier = Verifier::new(kind, vec![secret.clone()]).expect("the secret fits");
    let headers = sign(kind, &secret, "delivery-1", NOW, body);
    let verified = verifier.verify(&headers, body, NOW).expect("what we signed is good");
    assert_eq!(verified.delivery(), "delivery-1");

    // A signature is of these bytes alone. GitLab's token is no signature.
    if kind != ForgeKind::GitLab || which & 4 != 0 {
        let longer = [body, b" "].concat();
        assert!(verifier.verify(&headers, &longer, NOW).is_err());
    }
    // The body as a header's value proves nothing.
    if let Ok(value) = http::HeaderValue::from_bytes(body) {
        let mut forged = headers.clone();
        for name in ["x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature", "webhook-signature", "x-gitlab-token"] {
            forged.insert(name, value.clone());
        }
        let token = body == b"a-secret-of-enough-bytes" && kind == ForgeKind::GitLab;
        assert!(token || verifier.verify(&forged, body, NOW).is_err());
    }

    let Ok(Parsed::Event(event)) = verified.parse() else { return };
    assert_eq!(event.delivery, "delivery-1");
    assert_ne!(event.sender.id, 0);
    if let What::Ticket(change) = &event.what {
        let labels = match &change.labels {
            LabelChange::None => 0,
            LabelChange::Changed { added, removed } => added.len() + removed.len(),
            LabelChange::Now { all } => all.len(),
        };
        assert!(labels <= 512 && change.assigned.len() <= 256);
    }
    // It is stored and read again unchanged.
    let stored = serde_json::to_vec(&event).expect("an event can be stored");
    assert_eq!(serde_json::from_slice::<bailey_forges::Event>(&stored).ok().as_ref(), Some(&*event));
});
