//! What is taken for a forge's own.

use super::*;

#[test]
fn gitlab_sends_its_token() {
    let hook = verifier(ForgeKind::GitLab, shared("a-secret-of-enough-bytes"));
    let good = headers(&[
        ("x-gitlab-token", "a-secret-of-enough-bytes"),
        ("x-gitlab-event", "Issue Hook"),
        ("idempotency-key", "3a427872-00df"),
        ("x-gitlab-event-uuid", "shared"),
    ]);
    let verified = hook.verify(&good, BODY, NOW).unwrap();
    assert_eq!(
        (verified.delivery(), verified.event_name()),
        ("3a427872-00df", "IssueHook")
    );
    for value in [
        "a-secret-of-enough-byteS",
        "a-secret-of-enough-byte",
        "a-secret-of-enough-bytes1",
    ] {
        let bad = headers(&[("x-gitlab-token", value)]);
        assert_eq!(hook.verify(&bad, BODY, NOW).unwrap_err(), VerifyError::Signature);
    }
}

#[test]
fn github_signs_the_body() {
    // The example of GitHub's documentation.
    let hook = verifier(ForgeKind::GitHub, shared("It's a Secret to Everybody"));
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let good = headers(&[
        ("x-hub-signature-256", signature),
        ("x-github-delivery", "72d3162e-cc78-11e3"),
    ]);
    let verified = hook.verify(&good, b"Hello, World!", NOW).unwrap();
    assert_eq!(verified.delivery(), "72d3162e-cc78-11e3");
    assert!(hook.verify(&good, b"Hello, World?", NOW).is_err());
    for value in [
        &signature[7..],
        "sha256=",
        "sha1=7571",
        &format!("{signature}00"),
        &signature.replace('7', "g"),
    ] {
        let bad = headers(&[("x-hub-signature-256", value)]);
        assert!(hook.verify(&bad, b"Hello, World!", NOW).is_err(), "{value}");
    }
}

#[test]
fn gitea_and_forgejo_sign_the_body() {
    // Made with `openssl dgst -sha256 -hmac`.
    let signature = "954830d265c8ab25be5af51ab33ac13c360acf6a386fae897cb984b6b911fda6";
    let secret = shared("gitea-secret-0123456789");
    let gitea = headers(&[("x-gitea-signature", signature), ("x-gitea-delivery", "d-1")]);
    let forgejo = headers(&[
        ("x-forgejo-signature", signature),
        ("x-forgejo-delivery", "d-2"),
        ("x-gitea-delivery", "d-1"),
    ]);
    let hook = verifier(ForgeKind::Gitea, secret.clone());
    assert_eq!(hook.verify(&gitea, BODY, NOW).unwrap().delivery(), "d-1");
    assert!(hook.verify(&forgejo, BODY, NOW).is_err());
    let hook = verifier(ForgeKind::Forgejo, secret);
    assert_eq!(hook.verify(&forgejo, BODY, NOW).unwrap().delivery(), "d-2");
    assert_eq!(hook.verify(&gitea, BODY, NOW).unwrap().delivery(), "d-1");
}

#[test]
fn gitlab_signs_by_standard_webhooks() {
    // The example of the specification.
    let body = br#"{"test": 2432232314}"#;
    let hook = verifier(ForgeKind::GitLab, signing());
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let with = |id: &str, at: &str, signature: &str| {
        headers(&[
            ("webhook-id", id),
            ("webhook-timestamp", at),
            ("webhook-signature", signature),
        ])
    };
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let verified = hook.verify(&with(id, "1614265330", good), body, NOW).unwrap();
    assert_eq!(verified.delivery(), id);
    // Of several, one is enough, whatever the others are.
    for list in [
        format!("v1,AAAA {good}"),
        format!("{good} v2,x"),
        format!("v1a,{good} {good}"),
        format!("  {good}"),
    ] {
        assert!(hook.verify(&with(id, "1614265330", &list), body, NOW).is_ok(), "{list}");
    }
    for (id, at, signature) in [
        ("msg_other", "1614265330", good),
        (id, "1614265331", good),
        (id, "1614265330", "v1,"),
        (id, "1614265330", &good[3..]),
        (id, "1614265330", &good.replace("v1", "v2")),
        (id, "1614265330", &good.to_lowercase()),
        (id, "x", good),
    ] {
        assert!(
            hook.verify(&with(id, at, signature), body, NOW).is_err(),
            "{id} {at} {signature}"
        );
    }
    assert!(hook.verify(&with(id, "1614265330", good), b"{}", NOW).is_err());
}

#[test]
fn a_signed_delivery_is_good_for_five_minutes() {
    let hook = verifier(ForgeKind::GitLab, signing());
    let headers = sign(ForgeKind::GitLab, &signing(), "d-1", NOW, BODY);
    for seconds in [-300, 0, 300] {
        assert!(hook.verify(&headers, BODY, NOW.plus_seconds(seconds)).is_ok());
    }
    for seconds in [-301, 301, i64::MAX / 1_000_000] {
        let error = hook.verify(&headers, BODY, NOW.plus_seconds(seconds)).unwrap_err();
        assert!(matches!(error, VerifyError::Time(_)), "{error}");
    }
    let far = [
        ("webhook-id", "d"),
        ("webhook-timestamp", "-9223372036854775808"),
        ("webhook-signature", "v1,AAAA"),
    ];
    assert!(matches!(
        hook.verify(&super::headers(&far), BODY, NOW),
        Err(VerifyError::Time(_))
    ));
}

#[test]
fn a_webhook_with_a_signing_token_takes_no_plain_token() {
    let token = headers(&[("x-gitlab-token", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]);
    let error = verifier(ForgeKind::GitLab, signing())
        .verify(&token, BODY, NOW)
        .unwrap_err();
    assert!(matches!(error, VerifyError::Header(_)), "{error}");
}

#[test]
fn no_secret_verifies_nothing() {
    for text in [
        "",
        " ",
        "short",
        "fifteen-bytes-1",
        "two\nlines-of-secret",
        "späte-geheimnisse",
        " spaces-at-its-ends ",
    ] {
        assert!(HookSecret::shared(text.to_owned()).is_err(), "{text:?}");
    }
    for token in [
        "",
        "whsec_",
        "whsec_AAAA",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
    ] {
        assert!(HookSecret::signing(token).is_err(), "{token:?}");
    }
    assert!(HookSecret::signing(HookSecret::signing_token([7; 32]).expose()).is_ok());
    let secret = || shared("a-secret-of-enough-bytes");
    for secrets in [vec![], vec![secret(), signing()], vec![secret(); 5]] {
        assert_eq!(
            Verifier::new(ForgeKind::GitLab, secrets).unwrap_err(),
            SecretError::Number
        );
    }
    assert!(Verifier::new(ForgeKind::GitHub, vec![signing()]).is_err());
}

#[test]
fn a_header_that_is_missing_empty_or_there_twice_is_refused() {
    for kind in KINDS {
        let hook = verifier(kind, shared("a-secret-of-enough-bytes"));
        let error = hook.verify(&HeaderMap::new(), BODY, NOW).unwrap_err();
        assert!(matches!(error, VerifyError::Header(_)), "{kind}: {error}");
        let good = sign(kind, &shared("a-secret-of-enough-bytes"), "d", NOW, BODY);
        let proof = good
            .iter()
            .find(|(name, _)| name.as_str().ends_with("token") || name.as_str().contains("signature"));
        let (name, value) = proof.map(|(name, value)| (name.clone(), value.clone())).unwrap();
        let mut twice = good.clone();
        twice.append(name.clone(), value);
        assert!(hook.verify(&twice, BODY, NOW).is_err(), "{kind}");
        let mut empty = good;
        empty.insert(name, HeaderValue::from_static(""));
        assert!(hook.verify(&empty, BODY, NOW).is_err(), "{kind}");
    }
}

#[test]
fn two_secrets_are_good_while_one_is_changed() {
    let (old, new, other) = (
        shared("the-old-secret-0001"),
        shared("the-new-secret-0002"),
        shared("another-secret-0003"),
    );
    for kind in KINDS {
        let hook = Verifier::new(kind, vec![new.clone(), old.clone()]).unwrap();
        for (secret, good) in [(&old, true), (&new, true), (&other, false)] {
            let headers = sign(kind, secret, "d", NOW, BODY);
            assert_eq!(hook.verify(&headers, BODY, NOW).is_ok(), good, "{kind}");
        }
    }
}

#[test]
fn a_delivery_without_a_sound_id_is_known_by_its_digest() {
    let hook = verifier(ForgeKind::GitHub, shared("a-secret-of-enough-bytes"));
    let mut headers = sign(ForgeKind::GitHub, &shared("a-secret-of-enough-bytes"), "d", NOW, BODY);
    for id in ["", "with space", &"x".repeat(129)] {
        headers.insert("x-github-delivery", HeaderValue::from_str(id).unwrap());
        let verified = hook.verify(&headers, BODY, NOW).unwrap();
        assert_eq!(verified.delivery(), format!("sha256-{}", verified.digest()), "{id}");
    }
    let long = vec![b' '; LONGEST_BODY + 1];
    assert_eq!(hook.verify(&headers, &long, NOW).unwrap_err(), VerifyError::TooLong);
}

#[test]
fn nothing_prints_a_secret_or_a_body() {
    let secret = shared("canary-secret-000001");
    let hook = verifier(ForgeKind::GitLab, secret.clone());
    let headers = sign(ForgeKind::GitLab, &secret, "d", NOW, b"canary body");
    let verified = hook.verify(&headers, b"canary body", NOW).unwrap();
    assert!(!format!("{secret:?} {hook:?} {verified:?}").contains("canary"));
    assert!(!format!("{:?}", HookSecret::signing_token([7; 32])).contains("whsec"));
}

proptest! {
    /// One changed bit of the body, or another secret, is noticed by every scheme that signs.
    #[test]
    fn every_byte_is_signed(body in prop::collection::vec(any::<u8>(), 1..64), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut other = body.clone();
        let at = at.index(body.len());
        other[at] ^= 1 << bit;
        for kind in KINDS {
            let secret = if kind == ForgeKind::GitLab { signing() } else { shared("a-secret-of-enough-bytes") };
            let hook = verifier(kind, secret.clone());
            let headers = sign(kind, &secret, "d", NOW, &body);
            prop_assert!(hook.verify(&headers, &body, NOW).is_ok());
            prop_assert_eq!(hook.verify(&headers, &other, NOW).unwrap_err(), VerifyError::Signature);
        }
    }

    /// Whatever stands in the headers, nothing panics and nothing is taken for signed.
    #[test]
    fn any_header_is_borne(name in "[a-z-]{1,20}", value in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut headers = sign(ForgeKind::GitLab, &signing(), "d", NOW, BODY);
        for signed in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(signed, value);
            }
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
            headers.insert(name, value);
        }
        let text = STANDARD.encode(&value);
        headers.insert("webhook-signature", HeaderValue::from_str(&format!("v1,{text}")).unwrap());
        prop_assert!(verifier(ForgeKind::GitLab, signing()).verify(&headers, BODY, NOW).is_err());
    }
}
