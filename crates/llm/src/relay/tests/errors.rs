use super::*;

#[test]
fn an_overloaded_error_inside_a_200_is_seen_before_content() {
    let start = MESSAGES.split_inclusive("\n\n").next().unwrap();
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let outcome = relay(Protocol::Messages, false, &format!("{start}{error}"));
    let seen = outcome.error.unwrap();
    assert_eq!(
        (seen.status, seen.kind.as_str(), seen.retryable),
        (529, "overloaded_error", true)
    );
    assert!(!outcome.started && !outcome.complete && !outcome.metered.usage_final);
    let chat = "data: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n";
    let seen = relay(Protocol::Chat, false, chat).error.unwrap();
    assert_eq!(
        (seen.status, seen.kind.as_str(), seen.retryable),
        (500, "server_error", true)
    );
    let vllm = "data: {\"object\":\"error\",\"message\":\"too long\",\"type\":\"BadRequestError\",\"code\":400}\n\n";
    let seen = relay(Protocol::Chat, false, vllm).error.unwrap();
    assert_eq!(
        (seen.status, seen.message.as_str(), seen.retryable),
        (400, "too long", false)
    );
}

#[test]
fn errors_of_responses_are_seen_in_all_their_forms() {
    let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}}\n\n";
    let flat = "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\",\"param\":null}\n\n";
    let wrapped = "data: {\"type\":\"error\",\"error\":{\"type\":\"too_many\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\"}}\n\n";
    for stream in [failed, flat, wrapped] {
        let outcome = relay(Protocol::Responses, false, stream);
        let error = outcome.error.unwrap();
        assert_eq!(
            (error.status, error.kind.as_str(), error.message.as_str()),
            (429, "rate_limit_exceeded", "slow")
        );
        assert!(error.retryable && outcome.complete && !outcome.started);
    }
}

#[test]
fn an_error_of_the_request_is_not_worth_another_route() {
    for (kind, status) in [
        ("invalid_request_error", 400),
        ("not_found_error", 404),
        ("request_too_large", 413),
    ] {
        let stream = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":\"m\"}}}}\n\n"
        );
        let error = relay(Protocol::Messages, false, &stream).error.unwrap();
        assert_eq!((error.status, error.retryable), (status, false));
    }
}
