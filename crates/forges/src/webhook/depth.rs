//! How deep JSON is nested, told before anything is built from it.

/// The deepest nesting of arrays and objects. Of text that is no JSON, some number.
pub(super) fn of(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(of(br#"{"a":[1,{"b":"[[[\"[["}],"c":{}}"#), 3);
        assert_eq!(of(b"[[[["), 4);
        assert_eq!(of(br#""\\"["#), 1);
        assert_eq!(of(b"]]]]["), 1);
    }
}
