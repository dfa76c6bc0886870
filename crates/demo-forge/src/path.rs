//! Paths of requests, taken apart. What comes from outside never becomes a path of a file: a project is looked up by its name, and its
//! repository's directory is named by its id.

use percent_encoding::percent_decode_str;

/// What a repository's name ends with in an address.
const GIT: &str = ".git";
/// The most parts of a path that are looked at.
const MOST: usize = 32;

/// The parts of a request's path, each decoded once and by itself: `%2F` within a part separates nothing. `None` where one is
/// no text, has a control character, or where a part is `.` or `..`.
pub fn segments(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = percent_decode_str(part).decode_utf8().ok()?.into_owned();
        if parts.len() == MOST || part == "." || part == ".." || part.chars().any(char::is_control) {
            return None;
        }
        parts.push(part);
    }
    Some(parts)
}

/// What a request for git wants of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitRequest {
    /// The refs, before something is fetched.
    RefsToFetch,
    /// The refs, before something is pushed.
    RefsToPush,
    /// Objects.
    Fetch,
    /// A push.
    Push,
}

impl GitRequest {
    /// Whether it is about changing the repository.
    pub const fn writes(self) -> bool {
        matches!(self, Self::RefsToPush | Self::Push)
    }

    /// What follows the repository's directory in the path given to `git http-backend`.
    pub(crate) const fn tail(self) -> &'static str {
        match self {
            Self::RefsToFetch | Self::RefsToPush => "/info/refs",
            Self::Fetch => "/git-upload-pack",
            Self::Push => "/git-receive-pack",
        }
    }

    /// The query given to it.
    pub(crate) const fn query(self) -> &'static str {
        match self {
            Self::RefsToFetch => "service=git-upload-pack",
            Self::RefsToPush => "service=git-receive-pack",
            Self::Fetch | Self::Push => "",
        }
    }
}

/// Reads the parts of a path as a request for git: the project's path, and what is wanted. Git's "dumb" protocol, which reads files
/// by their names, is not among what can be wanted.
pub fn git_request(method: &str, parts: &[String], query: &str) -> Option<(String, GitRequest)> {
    let at = parts.iter().position(|part| part.strip_suffix(GIT).is_some())?;
    let (project, rest) = parts.split_at_checked(at + 1)?;
    let project = project.join("/");
    let project = project.strip_suffix(GIT).filter(|path| is_project_path(path))?;
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let request = match (method, rest.as_slice(), query) {
        ("GET", ["info", "refs"], "service=git-upload-pack") => GitRequest::RefsToFetch,
        ("GET", ["info", "refs"], "service=git-receive-pack") => GitRequest::RefsToPush,
        ("POST", ["git-upload-pack"], "") => GitRequest::Fetch,
        ("POST", ["git-receive-pack"], "") => GitRequest::Push,
        _ => return None,
    };
    Some((project.to_owned(), request))
}

/// Whether a text can be a project's path: `group/name`, of letters, digits, `-`, `_` and `.`.
pub fn is_project_path(path: &str) -> bool {
    let sound = |part: &str| {
        (1..=100).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && !part.starts_with(['-', '.'])
            && !part.ends_with('.')
            && part.strip_suffix(GIT).is_none()
    };
    path.contains('/') && path.split('/').all(sound)
}

/// Whether a text can be a branch's name, by git's rules (`git check-ref-format --branch`), and is not so long that it cannot be a file's.
pub fn is_branch_name(name: &str) -> bool {
    let component = |part: &str| !part.is_empty() && !part.starts_with('.') && part.strip_suffix(".lock").is_none();
    (1..=200).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('.')
        && name != "@"
        && name != "HEAD"
        && !name.contains("..")
        && !name.contains("@{")
        && !name.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c))
        && name.split('/').all(component)
}

/// Whether a text is a whole commit id.
pub fn is_commit_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn git(method: &str, target: &str) -> Option<(String, GitRequest)> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        git_request(method, &segments(path)?, query)
    }

    #[test]
    fn git_asks_for_what_it_may() {
        let demo = |request| Some(("demo/greeter".to_owned(), request));
        assert_eq!(
            git("GET", "/demo/greeter.git/info/refs?service=git-upload-pack"),
            demo(GitRequest::RefsToFetch)
        );
        assert_eq!(
            git("POST", "/demo/greeter.git/git-receive-pack"),
            demo(GitRequest::Push)
        );
        for other in [
            "/demo/greeter.git/info/refs",
            "/demo/greeter.git/info/refs?service=git-upload-archive",
            "/demo/greeter.git/HEAD",
            "/demo/greeter.git/objects/info/packs",
            "/demo/greeter.git/config",
            "/greeter.git/info/refs?service=git-upload-pack",
            "/demo/../greeter.git/info/refs?service=git-upload-pack",
            "/demo/%2e%2e/greeter.git/info/refs?service=git-upload-pack",
            "/demo%2f..%2fgreeter.git/info/refs?service=git-upload-pack",
            "/demo/greeter%00.git/info/refs?service=git-upload-pack",
            "/demo/x.git/greeter.git/info/refs?service=git-upload-pack",
            "/demo/..git/info/refs?service=git-upload-pack",
        ] {
            assert_eq!(git("GET", other), None, "{other}");
        }
    }

    #[test]
    fn branches_are_named_as_git_allows() {
        for good in ["main", "bailey/ticket-1", "a.b", "ünï"] {
            assert!(is_branch_name(good), "{good}");
        }
        for bad in [
            "", "-x", "a..b", "a b", "a~1", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a@{1}", "@", "HEAD", "a\0b",
            "a:b",
        ] {
            assert!(!is_branch_name(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_path_leads_out(path in "(/|\\.|%2e|%2E|%2f|%2F|%00|%5c|\\\\|~|a|demo|greeter|\\.git|info/refs|\\PC){0,24}") {
            let Some(parts) = segments(&path) else { return Ok(()) };
            prop_assert!(parts.iter().all(|part| part != ".." && part != "." && !part.contains('\0')));
            if let Some((project, _)) = git_request("GET", &parts, "service=git-upload-pack") {
                prop_assert!(is_project_path(&project));
                prop_assert!(!project.contains("..") || !project.split('/').any(|part| part.trim_matches('.').is_empty()));
                prop_assert!(!project.contains(['\0', '\\', '%', '~', ' ']));
            }
        }

        #[test]
        fn what_is_encoded_comes_back(part in "\\PC{1,20}") {
            prop_assume!(part != "." && part != "..");
            let encoded = percent_encoding::utf8_percent_encode(&part, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(segments(&format!("/a/{encoded}/b")), Some(vec!["a".to_owned(), part, "b".to_owned()]));
        }

        #[test]
        fn a_branch_is_never_an_option_or_a_range(name in "(-|\\.|/|@|\\{|~|\\^|:|a|\\PC|\0){0,12}") {
            if is_branch_name(&name) {
                prop_assert!(!name.starts_with('-') && !name.contains("..") && !name.contains(['\0', ':', '^', '~', ' ']));
            }
        }
    }
}
