//! What this machine gives workspaces: a sandbox is made for trial, as `bailey-agent probe` does it.

use bailey_api::agent::{Capabilities, Limit};
use bailey_runtime::config::Config;

use super::Check;

const NAME: &str = "workspaces";

pub(super) async fn workspaces(config: &Config) -> Vec<Check> {
    let found = bailey_server::fleet::probe(config).await;
    checks(found, &config.workspaces.allow_missing_limits)
}

fn checks(found: Result<Capabilities, String>, allowed: &[String]) -> Vec<Check> {
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let hint = "bailey-agent belongs beside this program; else name it with workspaces.agent";
            return vec![Check::warn(NAME, error, hint)];
        }
    };
    let mut checks = Vec::new();
    // The gate needs no workspaces, so that this is no reason to fail.
    for blocker in &found.blockers {
        let hint = "no workspace can run here until this is mended; the gate can";
        checks.push(Check::warn(NAME, blocker, hint));
    }
    if found.blockers.is_empty() {
        checks.push(Check::ok(NAME, "a sandbox could be made"));
    }
    for (name, fact) in &found.facts {
        checks.push(Check::ok(format!("{NAME}: {name}"), fact));
    }
    for (limit, cause) in &found.missing {
        let (name, what) = words(*limit);
        let hint = if allowed.iter().any(|allowed| allowed == name) {
            format!("{what} is not limited, as workspaces.allow_missing_limits allows")
        } else {
            format!(
                "workspaces that need it do not start; to go without, add \"{name}\" to workspaces.allow_missing_limits"
            )
        };
        checks.push(Check::warn(format!("{NAME}: {what}"), cause, hint));
    }
    for note in &found.notes {
        checks.push(Check::warn(
            format!("{NAME}: note"),
            note,
            "workspaces run all the same",
        ));
    }
    checks
}

/// What the configuration calls a limit, and what people do.
const fn words(limit: Limit) -> (&'static str, &'static str) {
    match limit {
        Limit::Cpu => ("cpu", "CPU time"),
        Limit::Memory => ("memory", "memory"),
        Limit::Processes => ("processes", "number of processes"),
        Limit::Io => ("io", "disk traffic"),
        Limit::Disk => ("disk", "size of homes"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{State, text};
    use super::*;

    #[test]
    fn what_there_is_and_what_is_missing_is_said_with_what_to_do() {
        let mut found = Capabilities::default();
        let fact = |name: &str, fact: &str| (name.to_owned(), fact.to_owned());
        found.facts = [fact("cgroups", "version 2 with cpu, memory"), fact("Landlock", "ABI 7")].into();
        found.missing = [
            (Limit::Io, "there is no cgroup controller io".to_owned()),
            (Limit::Disk, "only root can mount".to_owned()),
        ]
        .into();
        let checks = checks(Ok(found), &["io".to_owned()]);
        assert_eq!(
            text(&checks),
            "\
ok    workspaces                 a sandbox could be made
ok    workspaces: Landlock       ABI 7
ok    workspaces: cgroups        version 2 with cpu, memory
warn  workspaces: disk traffic   there is no cgroup controller io
                                 hint: disk traffic is not limited, as workspaces.allow_missing_limits allows
warn  workspaces: size of homes  only root can mount
                                 hint: workspaces that need it do not start; to go without, add \"disk\" to workspaces.allow_missing_limits
"
        );
        let json = serde_json::to_value(&checks).unwrap();
        assert_eq!(
            json[3],
            serde_json::json!({
                "name": "workspaces: disk traffic",
                "state": "warn",
                "detail": "there is no cgroup controller io",
                "hint": "disk traffic is not limited, as workspaces.allow_missing_limits allows",
            })
        );
    }

    #[test]
    fn a_machine_that_cannot_isolate_says_why_and_still_has_a_gate() {
        let found = Capabilities {
            blockers: vec!["ordinary users may not make user namespaces".to_owned()],
            ..Capabilities::default()
        };
        let blocked = checks(Ok(found), &[]);
        assert_eq!((blocked.len(), blocked[0].state), (1, State::Warn));
        assert!(blocked[0].detail.contains("user namespaces"));
        let missing = checks(Err("cannot run bailey-agent".to_owned()), &[]);
        assert!(missing[0].hint.as_deref().unwrap().contains("workspaces.agent"));
    }
}
