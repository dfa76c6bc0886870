//! Files that point coding agents at the gate and hold them to the workspace's rules.
//!
//! No key is in them: agents read it from the environment. Those that have a sandbox of their own are told to leave that to
//! the workspace, which is one already, and in which theirs could not be made. Settings that a person may want to change are written
//! once; those that Bailey stands for are mounted read-only or written anew at each start.

use bailey_api::agent::{GATE_PORT, GIT_SOCKET, HOME, Manifest};
use bailey_core::template::{EnforcementLevel, ManagedFile};
use serde_json::{Value, json};

mod enforcement;

/// What git reads before anything else. It is not in `/etc/gitconfig`, which is an archive's or a template's.
pub(crate) const GIT_CONFIG: &str = "/etc/bailey/gitconfig";
/// Variables of a template that name models, since only a template knows which ones its agents should use: all of them
/// separated by commas, and the one to begin with.
const MODELS: &str = "AGENT_MODELS";
const MODEL: &str = "AGENT_MODEL";

struct Facts {
    gate: String,
    models: Vec<String>,
    model: Option<String>,
    level: EnforcementLevel,
}

impl Facts {
    fn of(manifest: &Manifest) -> Self {
        let variable = |name: &str| manifest.environment.get(name).map(|value| value.trim());
        let models: Vec<String> = variable(MODELS)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|model| !model.is_empty())
            .map(str::to_owned)
            .collect();
        let model = variable(MODEL).filter(|model| !model.is_empty()).map(str::to_owned);
        Self {
            gate: format!("http://127.0.0.1:{GATE_PORT}"),
            model: model.or_else(|| models.first().cloned()),
            models,
            level: manifest.enforcement,
        }
    }
}

/// All of them.
pub(crate) fn files(manifest: &Manifest) -> Vec<ManagedFile> {
    let facts = Facts::of(manifest);
    let mut files = vec![
        fixed(GIT_CONFIG, &git()),
        fixed("/etc/claude-code/managed-settings.json", &claude_managed()),
        once(".claude/settings.json", &pretty(&claude(&facts))),
        once(".codex/config.toml", &codex(&facts)),
        once(".config/opencode/opencode.json", &pretty(&opencode(&facts))),
        once(".aider.conf.yml", &aider(&facts)),
        once(".config/roo-code/settings.json", &pretty(&roo(&facts))),
    ];
    if let Some(text) = enforcement::text(facts.level) {
        files.push(fixed("/etc/claude-code/CLAUDE.md", text));
        for path in [
            ".codex/AGENTS.md",
            ".config/opencode/enforcement.md",
            ".config/bailey/enforcement.md",
        ] {
            files.push(below_home(path, text, false));
        }
    }
    files
}

fn fixed(path: &str, content: &str) -> ManagedFile {
    ManagedFile {
        path: path.to_owned(),
        content: content.to_owned(),
        executable: false,
        keep: false,
    }
}

fn below_home(path: &str, content: &str, keep: bool) -> ManagedFile {
    ManagedFile {
        keep,
        ..fixed(&format!("{HOME}/{path}"), content)
    }
}

fn once(path: &str, content: &str) -> ManagedFile {
    below_home(path, content, true)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Git: whom it asks for user names and passwords. What the system or the person say of it counts as well, and after this.
fn git() -> String {
    format!("[credential]\n\thelper = cache --socket {GIT_SOCKET}\n[include]\n\tpath = /etc/gitconfig\n")
}

/// Claude Code, what stands above a person's settings.
fn claude_managed() -> String {
    pretty(&json!({
        "env": {
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        },
        "includeCoAuthoredBy": false,
    }))
}

/// Claude Code, a person's settings. Commands need no leave: the workspace is the sandbox.
fn claude(facts: &Facts) -> Value {
    let mut settings = json!({
        "permissions": { "defaultMode": "acceptEdits", "allow": ["Bash", "Edit", "Write", "WebFetch"] },
        "sandbox": { "enabled": false },
    });
    if let (Some(model), Some(settings)) = (&facts.model, settings.as_object_mut())
        && model.starts_with("claude")
    {
        settings.insert("model".to_owned(), json!(model));
    }
    settings
}

/// Text in a basic string of TOML, which JSON's strings are too.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Codex. Its own sandbox would need namespaces that are not to be had here; it would run nothing and say nothing.
fn codex(facts: &Facts) -> String {
    let model = facts
        .model
        .as_ref()
        .map(|model| format!("model = {}\n", quoted(model)))
        .unwrap_or_default();
    format!(
        "{model}model_provider = \"bailey\"\n\
         approval_policy = \"never\"\n\
         sandbox_mode = \"danger-full-access\"\n\
         check_for_update_on_startup = false\n\
         \n\
         [analytics]\n\
         enabled = false\n\
         \n\
         [model_providers.bailey]\n\
         name = \"Bailey\"\n\
         base_url = \"{}/v1\"\n\
         env_key = \"BAILEY_KEY\"\n\
         wire_api = \"responses\"\n",
        facts.gate
    )
}

/// OpenCode. It knows no models of a provider that it does not know, so they are listed.
fn opencode(facts: &Facts) -> Value {
    let models: serde_json::Map<String, Value> = facts
        .models
        .iter()
        .chain(&facts.model)
        .map(|model| (model.clone(), json!({ "name": model })))
        .collect();
    let mut settings = json!({
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": false,
        "share": "disabled",
        "provider": {
            "bailey": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "Bailey",
                "options": { "baseURL": format!("{}/v1", facts.gate), "apiKey": "{env:BAILEY_KEY}" },
                "models": models,
            },
        },
    });
    if let Some(settings) = settings.as_object_mut() {
        if let Some(model) = &facts.model {
            settings.insert("model".to_owned(), json!(format!("bailey/{model}")));
        }
        if enforcement::text(facts.level).is_some() {
            let path = format!("{HOME}/.config/opencode/enforcement.md");
            settings.insert("instructions".to_owned(), json!([path]));
        }
    }
    settings
}

/// Aider. Its address and key are in the environment.
fn aider(facts: &Facts) -> String {
    let model = facts.model.as_ref();
    let model = model.map(|model| format!("model: {}\n", quoted(&format!("openai/{model}"))));
    let rules = enforcement::text(facts.level).map(|_| format!("read: {HOME}/.config/bailey/enforcement.md\n"));
    [
        Some("analytics: false\ncheck-update: false\nshow-release-notes: false\n".to_owned()),
        model,
        rules,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Roo Code, as its `roo-cline.autoImportSettingsPath` reads it. It cannot read the environment, so its key is to be entered by
/// a person, or handed in by a template's script.
fn roo(facts: &Facts) -> Value {
    let instructions = enforcement::text(facts.level).unwrap_or_default();
    json!({
        "providerProfiles": {
            "currentApiConfigName": "bailey",
            "apiConfigs": {
                "bailey": {
                    "id": "bailey",
                    "apiProvider": "openai",
                    "openAiBaseUrl": format!("{}/v1", facts.gate),
                    "openAiModelId": facts.model.clone().unwrap_or_default(),
                },
            },
        },
        "globalSettings": {
            "customInstructions": instructions,
            "telemetrySetting": "disabled",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::manifest;

    fn content(files: &[ManagedFile], path: &str) -> String {
        files
            .iter()
            .find(|file| file.path.ends_with(path))
            .map(|file| file.content.clone())
            .unwrap_or_default()
    }

    #[test]
    fn agents_are_pointed_at_the_gate_without_a_key() {
        let mut manifest = manifest();
        manifest
            .environment
            .insert(MODELS.to_owned(), "gpt-5, \"odd\"".to_owned());
        let files = files(&manifest);
        for file in &files {
            assert!(!file.content.contains("secret-token"), "{}", file.path);
            if file.content.starts_with('{') {
                serde_json::from_str::<Value>(&file.content).unwrap();
            }
            if file.path.starts_with(HOME) {
                assert!(file.keep, "{}: a person's own version stays", file.path);
            }
        }
        let codex = content(&files, "config.toml");
        assert!(codex.contains("model = \"gpt-5\"\n") && codex.contains("sandbox_mode = \"danger-full-access\""));
        let opencode: Value = serde_json::from_str(&content(&files, "opencode.json")).unwrap();
        assert_eq!(opencode["model"], "bailey/gpt-5");
        assert_eq!(opencode["provider"]["bailey"]["models"]["\"odd\""]["name"], "\"odd\"");
        assert!(opencode.get("instructions").is_none());
        assert_eq!(content(&files, "enforcement.md"), "");
    }

    #[test]
    fn the_rules_are_in_the_settings_of_each() {
        for level in [EnforcementLevel::Standard, EnforcementLevel::DesignFirst] {
            let mut manifest = manifest();
            manifest.enforcement = level;
            let text = enforcement::text(level).unwrap();
            let files = files(&manifest);
            for path in ["/etc/claude-code/CLAUDE.md", "AGENTS.md", "opencode/enforcement.md"] {
                assert_eq!(content(&files, path), text, "{path}");
                assert!(
                    files
                        .iter()
                        .filter(|file| file.path.ends_with(path))
                        .all(|file| !file.keep)
                );
            }
            let roo: Value = serde_json::from_str(&content(&files, "roo-code/settings.json")).unwrap();
            assert_eq!(roo["globalSettings"]["customInstructions"], text);
            assert!(content(&files, "opencode.json").contains("enforcement.md"));
            assert!(content(&files, ".aider.conf.yml").contains("enforcement.md"));
        }
    }
}
