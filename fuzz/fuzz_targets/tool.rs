//! Arguments of tool calls: nothing panics, what is read has no NUL in its names and paths, and a branch is no option and no refspec.
//!
//! The first byte picks the tool.

#![no_main]

use bailey_chats::tools::{ALL, Request, clip, kind, parse};
use bailey_core::chat::CallKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((pick, arguments)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(arguments) else { return };
    let Some(tool) = ALL.get(usize::from(*pick) % ALL.len()) else { return };
    match parse(tool.name(), text) {
        // What cannot be read changes nothing.
        Err(error) => {
            assert_eq!(kind(tool.name(), text), CallKind::Read);
            assert!(!error.to_string().is_empty());
        }
        Ok(request) => {
            assert_eq!(kind(tool.name(), text), tool.kind());
            match request {
                Request::GitPush { branch: Some(branch) } => {
                    assert!(!branch.starts_with(['-', '+']) && !branch.contains([':', '*', ' ', '~', '^', '\\', '\n']));
                }
                Request::Read { path, .. } | Request::Write { path, .. } | Request::List { path } => {
                    assert!(!path.contains('\0') && !path.trim().is_empty());
                }
                Request::Run { command, .. } => assert!(!command.contains('\0')),
                _ => {}
            }
        }
    }
    let most = usize::from(*pick);
    let clipped = clip::clip(text, most);
    assert!(clipped.len() <= text.len().min(most) + 64);
});
