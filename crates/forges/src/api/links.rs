//! The `Link` header (RFC 8288), as far as lists need it.

use http::HeaderMap;
use http::header::LINK;

/// The address of the next page.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(links)
        .find(|(_, relation)| relation.split(' ').any(|word| word == "next"))
        .map(|(address, _)| address.to_owned())
}

/// Addresses and relations of one header. Commas and semicolons within an address or quotes separate nothing.
fn links(value: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((address, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let parameters_end = end_of_parameters(after);
        let (parameters, more) = after.split_at(parameters_end);
        let relation = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("rel")
                .then(|| value.trim().trim_matches('"'))
        });
        found.push((address, relation.unwrap_or_default()));
        rest = more;
    }
    found
}

fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn next_of(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(value).unwrap());
        next(&headers)
    }

    #[test]
    fn the_next_page_is_found() {
        for value in [
            "<https://x/a?page=2>; rel=\"next\"",
            "<https://x/a?page=1>; rel=\"first\", <https://x/a?page=2>; rel=\"next\", <https://x/a?page=9>; rel=\"last\"",
            "<https://x/a?page=1>; rel=prev; title=\"a, <b>\",<https://x/a?page=2>; REL=next",
            "<https://x/a?page=2>; rel=\"start next\"",
        ] {
            assert_eq!(next_of(value).as_deref(), Some("https://x/a?page=2"), "{value}");
        }
        for value in [
            "",
            "<https://x/a>",
            "<https://x/a>; rel=\"prev\"",
            "https://x/a; rel=next",
            "<; rel=next",
            "<a>; rel=\"next",
        ] {
            assert_ne!(next_of(value).as_deref(), Some("https://x/a"), "{value}");
        }
    }
}
