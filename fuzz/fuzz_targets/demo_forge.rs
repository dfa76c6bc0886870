//! What the demo forge is sent: paths, forms, credentials and Markdown. No path leads out, and no text becomes markup.

#![no_main]

use bailey_demo_forge::params::Params;
use bailey_demo_forge::path::{git_request, is_branch_name, is_project_path, segments};
use bailey_demo_forge::{basic, html::Html, markdown};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let params = Params::form(data);
    let _ = (params.text("a"), params.list("a"));
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = basic(text);
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Some(parts) = segments(path) {
        assert!(parts.iter().all(|part| part != ".." && part != "." && !part.contains('\0')));
        for method in ["GET", "POST"] {
            if let Some((project, _)) = git_request(method, &parts, query) {
                assert!(is_project_path(&project));
                assert!(project.split('/').all(|part| !part.starts_with(['.', '-']) && !part.contains(['\\', '%', ' '])));
            }
        }
    }
    if is_branch_name(text) {
        assert!(!text.starts_with('-') && !text.contains("..") && !text.contains(['\0', ':', '^', '~', ' ', '\n']));
    }
    let mut escaped = Html::default();
    escaped.text(text);
    assert!(!escaped.as_str().contains(['<', '>', '"', '\'', '\0']));
    let shown = markdown::render(text);
    let mut names = shown.as_str().split('<').skip(1).map(|part| part.trim_start_matches('/'));
    assert!(names.all(|name| name.starts_with(['p', 'b', 'u', 'o', 'l', 'h', 't', 's', 'e', 'c', 'a'])));
    assert!(!shown.as_str().contains("<script") && !shown.as_str().contains("<img"));
});
