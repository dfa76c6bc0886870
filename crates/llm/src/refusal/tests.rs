use super::*;

fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        kind,
        code: "budget_exhausted",
        message: "the budget of key `ci` is spent: \"$5\"".to_owned(),
        retry_after: Some(86_400),
        field: Some("max_tokens".to_owned()),
        request_id: "req_1".to_owned(),
    }
}

fn body(rendered: &Rendered) -> Value {
    serde_json::from_slice(&rendered.body).unwrap()
}

fn header<'a>(rendered: &'a Rendered, name: &str) -> Option<&'a str> {
    rendered
        .headers
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn a_spent_budget_is_told_so_that_agents_stop() {
    let rendered = refusal(RefusalKind::BudgetExhausted).render(Vendor::Anthropic);
    assert_eq!(rendered.status, 429);
    assert_eq!(body(&rendered)["type"], "error");
    assert_eq!(body(&rendered)["error"]["type"], "billing_error");
    assert_eq!(body(&rendered)["request_id"], "req_1");
    assert_eq!(header(&rendered, "x-should-retry"), Some("false"));
    assert_eq!(header(&rendered, "retry-after"), Some("86400"));
    assert_eq!(header(&rendered, "x-bailey-error"), Some("budget_exhausted"));
    let rendered = refusal(RefusalKind::BudgetExhausted).render(Vendor::OpenAi);
    assert_eq!(
        (rendered.status, &body(&rendered)["error"]["code"]),
        (429, &json!("insufficient_quota"))
    );
    assert_eq!(body(&rendered)["error"]["param"], "max_tokens");
    assert_eq!(header(&rendered, "x-should-retry"), Some("false"));
}

#[test]
fn each_kind_has_the_status_and_word_that_clients_know() {
    use RefusalKind as K;
    let table = [
        (K::Unauthenticated, 401, "authentication_error", "invalid_api_key"),
        (K::Revoked, 401, "authentication_error", "invalid_api_key"),
        (K::ModelNotAllowed, 403, "permission_error", "model_not_allowed"),
        (K::ModelUnknown, 404, "not_found_error", "model_not_found"),
        (K::RateLimited, 429, "rate_limit_error", "rate_limit_exceeded"),
        (K::BadRequest, 400, "invalid_request_error", "invalid_request"),
        (K::TooLarge, 413, "request_too_large", "request_too_large"),
        (K::Unavailable, 503, "api_error", "unavailable"),
        (K::UpstreamRefusedUs, 502, "api_error", "upstream_refused"),
    ];
    for (kind, status, anthropic, openai) in table {
        assert_eq!(
            (kind.status(), refusal(kind).render(Vendor::Anthropic).status),
            (status, status)
        );
        assert_eq!(
            body(&refusal(kind).render(Vendor::Anthropic))["error"]["type"],
            anthropic
        );
        assert_eq!(body(&refusal(kind).render(Vendor::OpenAi))["error"]["code"], openai);
    }
}

#[test]
fn policy_is_never_a_server_error_and_never_retried() {
    use RefusalKind as K;
    for kind in [
        K::Unauthenticated,
        K::Revoked,
        K::ModelNotAllowed,
        K::ModelUnknown,
        K::BudgetExhausted,
        K::BadRequest,
        K::TooLarge,
        K::NoRouteForProtocol,
        K::NotPriced,
        K::Unbounded,
    ] {
        assert!((400..500).contains(&kind.status()) && !kind.retryable(), "{kind:?}");
    }
}

#[test]
fn errors_inside_streams_have_the_protocols_form() {
    let refusal = refusal(RefusalKind::UpstreamFailed);
    let text = |protocol| String::from_utf8(refusal.stream_event(protocol, 7)).unwrap();
    let data = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        serde_json::from_str::<Value>(line).unwrap()
    };
    let messages = text(Protocol::Messages);
    assert!(messages.starts_with("event: error\n") && messages.ends_with("\n\n"));
    assert_eq!(data(&messages)["error"]["type"], "api_error");
    let chat = text(Protocol::Chat);
    assert!(chat.starts_with("data: {\"error\"") && !chat.contains("[DONE]"));
    let responses = text(Protocol::Responses);
    assert!(responses.starts_with("event: response.failed\n"));
    let event = data(&responses);
    assert_eq!(
        (&event["sequence_number"], &event["response"]["status"]),
        (&json!(7), &json!("failed"))
    );
    assert_eq!(event["response"]["error"]["code"], "upstream_failed");
    // Our own relay reads them as the errors they are.
    for protocol in Protocol::ALL {
        let mut relay = crate::StreamRelay::new(protocol, false);
        relay
            .push(refusal.stream_event(protocol, 0).into(), &mut Vec::new())
            .unwrap();
        assert!(relay.error().is_some(), "{protocol}");
    }
}
