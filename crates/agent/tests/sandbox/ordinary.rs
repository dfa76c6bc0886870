//! The same tests as an ordinary user, who may be the one to run Bailey.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{beside_agent, is_root};

/// An id that no account has.
const ORDINARY: &str = "65501";

#[test]
fn an_ordinary_users_sandbox_holds_as_well() {
    assert!(is_root(), "these tests need root, to be each kind of user");
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(place.path().join("examples")).unwrap();
    for name in ["bailey-agent", "examples/attempt"] {
        std::fs::copy(beside_agent(name), place.path().join(name)).unwrap();
    }
    let tests = place.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid", ORDINARY, "--regid", ORDINARY, "--clear-groups", "--"])
        .arg(&tests)
        .args(["basics::", "escapes::", "layers::", "network::"])
        .current_dir(place.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("test result: ok. 19 passed"),
        "{text}"
    );
}
