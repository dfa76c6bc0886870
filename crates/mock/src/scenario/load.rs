//! Reading scenarios from YAML and checking what the types alone cannot.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Rule, Scenario, StallPoint};

/// Why a scenario was refused, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {reason}", .file.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ScenarioError {
    /// The file, or the name that was given for a text.
    pub file: PathBuf,
    /// Line in it, from 1, where known.
    pub line: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

/// A scenario file as written: like [`Scenario`], with the place of each rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: String,
    rules: Vec<Spanned<Rule>>,
}

/// Reads a scenario file, or every `*.yaml` and `*.yml` file of a folder in the order of their names.
///
/// # Errors
/// All files are read, and everything that is wrong with them is returned together.
pub fn load_scenarios(path: &Path) -> Result<Vec<Scenario>, Vec<ScenarioError>> {
    let files = scenario_files(path).map_err(|source| vec![unreadable(path, &source)])?;
    let mut scenarios = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        match std::fs::read_to_string(&file) {
            Ok(text) => match parse(&file, &text) {
                Ok(scenario) => scenarios.push(scenario),
                Err(found) => errors.extend(found),
            },
            Err(source) => errors.push(unreadable(&file, &source)),
        }
    }
    if errors.is_empty() { Ok(scenarios) } else { Err(errors) }
}

impl Scenario {
    /// Reads a scenario from YAML; `name` stands for the file in errors and is the scenario's name if it has none.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn parse(name: &str, yaml: &str) -> Result<Self, Vec<ScenarioError>> {
        parse(Path::new(name), yaml)
    }
}

fn scenario_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if matches!(
            file.extension().and_then(|extension| extension.to_str()),
            Some("yaml" | "yml")
        ) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(file: &Path, source: &std::io::Error) -> ScenarioError {
    ScenarioError {
        file: file.to_owned(),
        line: None,
        reason: format!("cannot be read: {source}"),
    }
}

fn parse(file: &Path, yaml: &str) -> Result<Scenario, Vec<ScenarioError>> {
    let written: Written = serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().map(|location| location.line());
        vec![ScenarioError {
            file: file.to_owned(),
            line,
            reason: error.without_snippet().to_string(),
        }]
    })?;
    let errors: Vec<_> = written
        .rules
        .iter()
        .flat_map(|rule| {
            check(&rule.value)
                .into_iter()
                .map(|reason| (rule.defined.line(), reason))
        })
        .map(|(line, reason)| ScenarioError {
            file: file.to_owned(),
            line: Some(line),
            reason: reason.to_owned(),
        })
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let stem = || {
        file.file_stem()
            .unwrap_or(file.as_os_str())
            .to_string_lossy()
            .into_owned()
    };
    Ok(Scenario {
        name: written.name.unwrap_or_else(stem),
        description: written.description,
        rules: written.rules.into_iter().map(|rule| rule.value).collect(),
    })
}

/// What is wrong with a rule beyond its grammar.
fn check(rule: &Rule) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let mut refuse_if = |condition: bool, reason| {
        if condition {
            wrong.push(reason);
        }
    };
    let endings = [rule.answer.is_some(), rule.error.is_some(), rule.redirect.is_some()];
    refuse_if(
        endings.iter().filter(|given| **given).count() > 1,
        "a rule has at most one of `answer`, `error` and `redirect`",
    );
    refuse_if(rule.limit == Some(0), "`limit: 0` can never apply");
    if let Some(error) = &rule.error {
        refuse_if(
            !(200..=599).contains(&error.status),
            "`error.status` must be from 200 to 599",
        );
    }
    if let Some(redirect) = &rule.redirect {
        refuse_if(
            !(300..=399).contains(&redirect.status),
            "`redirect.status` must be from 300 to 399",
        );
        refuse_if(
            http::HeaderValue::from_str(&redirect.to).is_err(),
            "`redirect.to` cannot be sent as a header",
        );
    }
    if let Some(stall) = &rule.stall {
        refuse_if(
            stall.at.is_some() == stall.after_events.is_some(),
            "`stall` has exactly one of `at` and `after_events`",
        );
        refuse_if(
            stall.at == Some(StallPoint::Connect) && rule.matches != super::Match::default(),
            "`stall.at: connect` happens before a request is read, so `match` must be empty",
        );
    }
    if let Some(cut) = &rule.cut {
        refuse_if(
            cut.after_events.is_some() && cut.after_bytes.is_some(),
            "`cut` has at most one of `after_events` and `after_bytes`",
        );
    }
    if let Some(garbage) = &rule.garbage {
        refuse_if(
            garbage.text.is_some() == garbage.base64.is_some(),
            "`garbage` has exactly one of `text` and `base64`",
        );
        refuse_if(
            garbage
                .base64
                .as_ref()
                .is_some_and(|text| STANDARD.decode(text).is_err()),
            "`garbage.base64` is not base64",
        );
    }
    if let Some(answer) = &rule.answer {
        refuse_if(answer.chunks == Some(0), "`answer.chunks` must be at least 1");
        refuse_if(answer.write_bytes == Some(0), "`answer.write_bytes` must be at least 1");
    }
    let headers = rule.answer.iter().flat_map(|answer| &answer.headers);
    let mut headers = headers.chain(rule.error.iter().flat_map(|error| &error.headers));
    refuse_if(
        headers.any(|(name, value)| {
            name.parse::<http::HeaderName>().is_err() || value.parse::<http::HeaderValue>().is_err()
        }),
        "a header in `headers` cannot be sent",
    );
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(yaml: &str) -> Vec<String> {
        Scenario::parse("test.yaml", yaml)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn unknown_keys_are_refused_with_file_and_line() {
        let found = errors("rules:\n  - match: {model: a}\n    answr: {text: hi}\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("test.yaml:3"), "{found:?}");
        assert!(found[0].contains("answr"), "{found:?}");
    }

    #[test]
    fn every_wrong_rule_is_named_by_its_line() {
        let found = errors(concat!(
            "rules:\n",
            "  - stall: {for: 1s}\n",
            "  - error: {status: 99}\n",
            "    limit: 0\n",
            "  - stall: {at: connect}\n",
            "    match: {model: a}\n",
        ));
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].starts_with("test.yaml:2: "), "{found:?}");
        assert!(
            found[1].starts_with("test.yaml:3: ") && found[2].starts_with("test.yaml:3: "),
            "{found:?}"
        );
        assert!(found[3].starts_with("test.yaml:5: "), "{found:?}");
    }

    #[test]
    fn the_scenarios_that_come_with_the_crate_load() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let scenarios = load_scenarios(&folder).unwrap();
        let names: Vec<_> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(names, ["errors", "overloaded-then-ok", "write-file"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let found = load_scenarios(Path::new("/nonexistent/scenario.yaml")).unwrap_err();
        assert!(
            found[0]
                .to_string()
                .starts_with("/nonexistent/scenario.yaml: cannot be read")
        );
    }
}
