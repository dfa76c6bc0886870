//! The same tests as an ordinary user, who may be the one to run Bailey.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{beside_agent, is_root};

/// Ids that no account has.
const ORDINARY: &str = "65501";
const ANOTHER: &str = "65502";

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
    let run = |id: &str, names: &[&str]| {
        Command::new("setpriv")
            .args(["--reuid", id, "--regid", id, "--clear-groups", "--"])
            .arg(&tests)
            .args(names)
            .current_dir(place.path())
            .output()
            .unwrap()
    };
    for (id, names, least) in [
        (
            ORDINARY,
            &["basics::", "escapes::", "layers::", "network::", "patience::"][..],
            25,
        ),
        // All processes of the user count there, so that no other test may run as this one.
        (ANOTHER, &["resources::an_ordinary"], 1),
    ] {
        let output = run(id, names);
        let text = String::from_utf8_lossy(&output.stdout);
        let passed = text.lines().find_map(|line| {
            let (passed, _) = line.strip_prefix("test result: ok. ")?.split_once(" passed")?;
            passed.parse::<u32>().ok()
        });
        // That none is left out by mistake.
        assert!(
            output.status.success() && passed.is_some_and(|passed| passed >= least),
            "{text}"
        );
    }
}
