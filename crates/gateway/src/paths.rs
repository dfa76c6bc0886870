//! Which paths are the model door's, and what each asks for.

use bailey_llm::{Protocol, Vendor};
use http::Method;

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Is anybody there? Needs no key.
    Probe,
    /// The list of models; the vendor is known where the path names it.
    Models(Option<Vendor>),
    /// An answer of a model.
    Complete(Protocol),
    /// How many tokens a request has.
    CountTokens,
}

impl Endpoint {
    /// The shape of refusals.
    pub(crate) const fn vendor(self) -> Vendor {
        match self {
            Self::Complete(Protocol::Messages) | Self::CountTokens | Self::Models(Some(Vendor::Anthropic)) => {
                Vendor::Anthropic
            }
            Self::Probe | Self::Models(_) | Self::Complete(Protocol::Chat | Protocol::Responses) => Vendor::OpenAi,
        }
    }
}

/// The prefixes under which clients look for each vendor.
const PREFIXES: [(&str, Option<Vendor>); 5] = [
    ("/api/v2/aibridge/anthropic", Some(Vendor::Anthropic)),
    ("/api/v2/aibridge/openai", Some(Vendor::OpenAi)),
    ("/anthropic", Some(Vendor::Anthropic)),
    ("/openai", Some(Vendor::OpenAi)),
    ("", None),
];

/// What was found at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The door's.
    Endpoint(Endpoint),
    /// The door's, with another method.
    WrongMethod(Vendor),
    /// A path under a vendor's prefix that Bailey does not speak.
    Unknown(Vendor),
}

/// Finds what a request asks for; `None` where the path is not the model door's. The path is matched as the client sent
/// it, without decoding or normalising, and it is this match, not the text, that everything after goes by.
pub(crate) fn find(method: &Method, path: &str) -> Option<Found> {
    let (rest, vendor) = PREFIXES.iter().find_map(|(prefix, vendor)| {
        let rest = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((rest, *vendor))
    })?;
    let of = vendor.unwrap_or(Vendor::OpenAi);
    if matches!(rest, "" | "/") {
        let probe = *method == Method::HEAD;
        return match (probe, vendor) {
            (true, _) => Some(Found::Endpoint(Endpoint::Probe)),
            (false, None) => None,
            (false, Some(_)) => Some(Found::Unknown(of)),
        };
    }
    let versioned = rest.strip_prefix("/v1/");
    let tail = match (versioned, vendor) {
        (Some(tail), _) => tail,
        // Some SDKs are given the vendor's prefix without the version.
        (None, Some(_)) => rest.strip_prefix('/')?,
        (None, None) => return None,
    };
    let (endpoint, wanted) = match tail {
        "messages" => (Endpoint::Complete(Protocol::Messages), Method::POST),
        "messages/count_tokens" => (Endpoint::CountTokens, Method::POST),
        "chat/completions" => (Endpoint::Complete(Protocol::Chat), Method::POST),
        "responses" => (Endpoint::Complete(Protocol::Responses), Method::POST),
        "models" => (Endpoint::Models(vendor), Method::GET),
        _ => return Some(Found::Unknown(of)),
    };
    if vendor.is_some_and(|v| v != endpoint.vendor() && !matches!(endpoint, Endpoint::Models(_))) {
        return Some(Found::Unknown(of));
    }
    if *method == wanted {
        Some(Found::Endpoint(endpoint))
    } else {
        Some(Found::WrongMethod(endpoint.vendor()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_leads_to_the_same_door() {
        let messages = Some(Found::Endpoint(Endpoint::Complete(Protocol::Messages)));
        let chat = Some(Found::Endpoint(Endpoint::Complete(Protocol::Chat)));
        for path in [
            "/v1/messages",
            "/anthropic/v1/messages",
            "/api/v2/aibridge/anthropic/v1/messages",
        ] {
            assert_eq!(find(&Method::POST, path), messages, "{path}");
        }
        for path in [
            "/v1/chat/completions",
            "/openai/v1/chat/completions",
            "/openai/chat/completions",
            "/api/v2/aibridge/openai/v1/chat/completions",
        ] {
            assert_eq!(find(&Method::POST, path), chat, "{path}");
        }
        assert_eq!(find(&Method::HEAD, "/"), Some(Found::Endpoint(Endpoint::Probe)));
    }

    #[test]
    fn odd_spellings_are_not_the_door() {
        for path in [
            "/V1/messages",
            "//v1/messages",
            "/v1/messages/",
            "/v1/./messages",
            "/v1/%6dessages",
            "/v1/../v1/messages",
        ] {
            assert!(!matches!(find(&Method::POST, path), Some(Found::Endpoint(_))), "{path}");
        }
        assert_eq!(find(&Method::GET, "/api/v1/keys"), None);
        assert_eq!(find(&Method::GET, "/anthropicx/v1/messages"), None);
        assert_eq!(
            find(&Method::POST, "/openai/v1/messages"),
            Some(Found::Unknown(Vendor::OpenAi))
        );
        assert_eq!(
            find(&Method::GET, "/v1/messages"),
            Some(Found::WrongMethod(Vendor::Anthropic))
        );
    }
}
