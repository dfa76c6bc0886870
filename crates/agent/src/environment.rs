//! The variables of every process inside.

use std::collections::BTreeMap;

use bailey_api::agent::{Committer, GATE_PORT, HOME, Handed, Manifest};

use crate::settings::GIT_CONFIG;

/// Where programs are looked for.
pub(crate) const PATH: &str = "/opt/bin:/opt/node_modules/.bin:/usr/local/bin:/usr/bin:/bin";
/// Coding agents that would report home or update themselves are told not to: nothing of it would get out.
const QUIET: &[(&str, &str)] = &[
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_TELEMETRY", "1"),
    ("DISABLE_ERROR_REPORTING", "1"),
    ("DISABLE_BUG_COMMAND", "1"),
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DO_NOT_TRACK", "1"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_SHARE", "1"),
    ("AIDER_ANALYTICS_DISABLE", "1"),
    ("AIDER_CHECK_UPDATE", "false"),
    ("NPM_CONFIG_UPDATE_NOTIFIER", "false"),
    ("NPM_CONFIG_FUND", "false"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
];

/// All variables: the template's, and above them those that say who and where one is. The key is in here and nowhere else.
pub(crate) fn variables(
    manifest: &Manifest,
    key: Option<&Handed>,
    committer: Option<&Committer>,
) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("LANG", "C.UTF-8");
    set("PATH", PATH);
    set("SHELL", "/bin/bash");
    set("TERM", "xterm-256color");
    for (name, value) in QUIET {
        set(name, value);
    }
    for (name, value) in &manifest.environment {
        set(name, value);
    }
    // From here on a template has no say.
    let gate = format!("http://127.0.0.1:{GATE_PORT}");
    let with_version = format!("{gate}/v1");
    set("HOME", HOME);
    set("USER", "dev");
    set("LOGNAME", "dev");
    set("HOSTNAME", &manifest.name);
    set("BAILEY_WORKSPACE", &manifest.name);
    set("BAILEY_WORKSPACE_ID", &manifest.workspace.to_string());
    set("BAILEY_OWNER", &manifest.owner);
    set("BAILEY_GATE", &gate);
    set("ANTHROPIC_BASE_URL", &gate);
    set("OPENAI_BASE_URL", &with_version);
    // Aider and older libraries.
    set("OPENAI_API_BASE", &with_version);
    // Claude Code asks the gate which models there are.
    set("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1");
    set("GIT_CONFIG_SYSTEM", GIT_CONFIG);
    if let Some(Committer { name, email }) = committer {
        set("GIT_AUTHOR_NAME", name);
        set("GIT_COMMITTER_NAME", name);
        if let Some(email) = email {
            set("GIT_AUTHOR_EMAIL", email);
            set("GIT_COMMITTER_EMAIL", email);
        }
    }
    if let Some(Handed(key)) = key {
        set("BAILEY_KEY", key);
        set("ANTHROPIC_AUTH_TOKEN", key);
        set("OPENAI_API_KEY", key);
    }
    variables
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A manifest with nothing special in it.
    pub(crate) fn manifest() -> Manifest {
        serde_json::from_value(serde_json::json!({
            "workspace": "ws_01890a5dac96774bbcceb302099a8057",
            "name": "blue",
            "owner": "ada",
            "server": {"url": "http://127.0.0.1:1"},
            "token": "secret-token",
            "state_dir": "/nowhere",
            "sandbox": {
                "root": null, "layers": [], "home": {"directory": "/nowhere"}, "host_id": null,
                "limits": {"cpu_milli": null, "memory": null, "processes": null, "disk": null, "io_bytes": null},
                "allow_missing": [], "certificates": [], "network": "isolated",
            },
            "environment": {"EDITOR": "vim", "HOME": "/elsewhere", "LANG": "de_DE.UTF-8"},
            "files": [], "scripts": [], "metadata": [], "apps": [], "egress": [],
            "browser_only": false, "enforcement": "unrestricted",
        }))
        .unwrap()
    }

    #[test]
    fn a_template_adds_and_does_not_lead_elsewhere() {
        let committer = Committer {
            name: "Ada".to_owned(),
            email: None,
        };
        let key = Handed("bk_1".to_owned());
        let variables = variables(&manifest(), Some(&key), Some(&committer));
        for (name, value) in [
            ("EDITOR", "vim"),
            ("LANG", "de_DE.UTF-8"),
            ("HOME", HOME),
            ("ANTHROPIC_BASE_URL", "http://127.0.0.1:7080"),
            ("ANTHROPIC_AUTH_TOKEN", "bk_1"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:7080/v1"),
            ("BAILEY_KEY", "bk_1"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_CONFIG_SYSTEM", "/etc/bailey/gitconfig"),
        ] {
            assert_eq!(variables.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!variables.contains_key("GIT_AUTHOR_EMAIL"));
        assert!(!variables.values().any(|value| value.contains("secret-token")));
    }

    #[test]
    fn without_a_key_there_is_none() {
        assert!(!variables(&manifest(), None, None).contains_key("ANTHROPIC_AUTH_TOKEN"));
    }
}
