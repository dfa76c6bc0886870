//! Reading the tasks of a template.

use super::manifest::{PromptEntry, TaskEntry};
use super::reader::{Reader, Section, Value};
use super::text::{Kind, Text};
use super::{PromptPiece, names, parameters, task, units};
use crate::Money;
use crate::chat::Limits;

/// Reads `[[tasks]]`. `models` are those that chats in the template's workspaces may use; empty = all.
pub(super) fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>, models: &[String]) -> Vec<TaskEntry> {
    let (mut taken, mut tasks) = (Vec::new(), Vec::new());
    for mut section in root.sections(reader, "tasks", 100) {
        tasks.extend(entry(reader, &mut section, &mut taken, models));
        section.finish(reader);
    }
    tasks
}

fn entry<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'_, 'a>,
    taken: &mut Vec<String>,
    models: &[String],
) -> Option<TaskEntry> {
    let name = section.named(reader, names::identifier, taken);
    let display_name = section.string(reader, "display_name");
    let description = section.string(reader, "description").unwrap_or_default();
    let (parameters, known) = parameters::of_task(reader, section);
    let prompt = section.need(reader, "prompt");
    let place = prompt.as_ref().map(|value| (value.at, value.path.clone()));
    let prompt = prompt.and_then(|value| pieces(reader, &value, &known));
    let model = section.take(reader, "model").and_then(|value| {
        let model = reader.string(&value)?;
        if model.is_empty() {
            reader.error(value.at, &value.path, "must not be empty");
        } else if !models.is_empty() && !models.contains(&model) {
            reader.error(value.at, &value.path, "must be one of `models` of `[chat]`");
        }
        Some(model)
    });
    let plan = section.bool(reader, "plan").unwrap_or(false);
    let limits = section.section(reader, "limits").map(|found| limits(reader, found));
    let directory = section.text(reader, "directory", Kind::Plain);
    let name = name?;
    Some(TaskEntry {
        display_name: display_name.unwrap_or_else(|| name.clone()),
        name,
        description,
        prompt: prompt?,
        place: place?,
        parameters,
        model,
        plan,
        limits: limits.unwrap_or_default(),
        directory,
    })
}

/// The prompt, with the places of the task's parameters and those of the workspace's values.
fn pieces<'a>(reader: &mut Reader<'a>, value: &Value<'_, 'a>, known: &[String]) -> Option<Vec<PromptEntry>> {
    let text = reader.string(value)?;
    if text.trim().is_empty() {
        reader.error(value.at, &value.path, "must say what the agent is to do");
        return None;
    }
    let mut errors = Vec::new();
    let mut prompt = Vec::new();
    match task::split(&text, known) {
        Ok(found) => {
            for piece in found {
                match piece {
                    PromptPiece::Parameter(name) => prompt.push(PromptEntry::Parameter(name)),
                    PromptPiece::Text(text) => {
                        match Text::parse(&text, Kind::Plain, value.at, &value.path, &reader.parameters) {
                            Ok(text) => prompt.push(PromptEntry::Text(text)),
                            Err(found) => errors.extend(found),
                        }
                    }
                }
            }
        }
        Err(found) => errors = found,
    }
    let is_good = errors.is_empty();
    for error in errors {
        reader.error(value.at, &value.path, error);
    }
    is_good.then_some(prompt)
}

fn limits<'a>(reader: &mut Reader<'a>, mut section: Section<'_, 'a>) -> Limits {
    let steps = section
        .take(reader, "steps")
        .and_then(|value| reader.integer(&value, 1, 100_000))
        .and_then(|steps| u32::try_from(steps).ok());
    let seconds = section.take(reader, "time").and_then(|value| {
        let text = reader.string(&value)?;
        let seconds = units::seconds(&text).and_then(|seconds| match seconds {
            1..=604_800 => Ok(seconds),
            _ => Err("must be between 1s and 7d".to_owned()),
        });
        reader.check(value.at, &value.path, seconds)
    });
    let cost = section.take(reader, "cost").and_then(|value| {
        let text = reader.string(&value)?;
        let cost = match Money::parse(&text) {
            Ok(cost) if cost > Money::ZERO => Ok(cost),
            Ok(_) => Err("must be more than nothing".to_owned()),
            Err(error) => Err(format!("is no amount of dollars such as \"1.50\": {error}")),
        };
        reader.check(value.at, &value.path, cost)
    });
    section.finish(reader);
    Limits { steps, seconds, cost }
}

#[cfg(test)]
mod tests {
    use crate::template::{Facts, ParameterValue, ParameterValues, Parts, Resolved, Template};
    use crate::{Money, WorkspaceId};

    const TEMPLATE: &str = r#"
[[parameters]]
name = "repository"
type = "string"
default = "app"

[chat]
models = ["large", "small"]

[[tasks]]
name = "review"
display_name = "AI code review"
description = "Reads what changed."
prompt = "Review {{base}} of ${param.repository} for {{depth}}; write {{{{x}}."
model = "small"
plan = true
directory = "work/${param.repository}"
limits = { steps = 40, time = "20m", cost = "1.50" }

[[tasks.parameters]]
name = "depth"
type = "number"
default = 2
min = 1
max = 3
order = 2

[[tasks.parameters]]
name = "base"
type = "string"
order = 1
"#;

    fn resolved(repository: &str) -> Resolved {
        let template = Template::parse(TEMPLATE).unwrap();
        let values: ParameterValues = [("repository".to_owned(), ParameterValue::Text(repository.into()))].into();
        let facts = Facts {
            name: "box".into(),
            owner: "ada".into(),
            id: WorkspaceId::from_uuid(uuid::Uuid::from_u128(7)),
        };
        template.resolve(&values, &facts, &Parts::default()).unwrap()
    }

    #[test]
    fn a_task_says_what_it_asks_and_what_it_may_take() {
        let resolved = resolved("shop");
        let [task] = &resolved.tasks[..] else {
            panic!("{:?}", resolved.tasks)
        };
        assert_eq!(
            task.prompt.shown(),
            "Review {{base}} of shop for {{depth}}; write {{{{x}}."
        );
        assert_eq!(task.directory.as_deref(), Some("work/shop"));
        assert_eq!((task.model.as_deref(), task.plan), (Some("small"), true));
        assert_eq!(task.limits.steps, Some(40));
        assert_eq!(
            (task.limits.seconds, task.limits.cost),
            (Some(1_200), Some(Money::cents(150)))
        );
        let names: Vec<&str> = task
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        assert_eq!(names, ["base", "depth"]);
        assert!(task.is_free_text("base") && !task.is_free_text("depth"));

        let faults = task.check(&ParameterValues::new()).unwrap_err();
        assert_eq!(faults[0].to_string(), "parameter `base` needs a value");
        let given = [
            ("bas".to_owned(), ParameterValue::Text("main".into())),
            ("depth".to_owned(), ParameterValue::Number(4.0)),
        ];
        let faults = task.check(&given.into()).unwrap_err();
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let expected = [
            "parameter `bas` is not one of this task; did you mean `base`?",
            "parameter `base` needs a value",
            "parameter `depth` must be at most 3",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_a_workspace_fills_in_is_no_place_for_a_runs_values() {
        let resolved = resolved("{{base}}");
        let values = [("base".to_owned(), ParameterValue::Text("main".into()))].into();
        let filled = resolved.tasks[0].prompt.fill(&values, |_, value| value.to_string());
        assert_eq!(filled, "Review main of {{base}} for ; write {{x}}.");
    }

    #[test]
    fn faults_of_a_task_are_told_with_their_place() {
        let head = "[chat]\nmodels = [\"large\"]\n[[tasks]]\nname = \"a\"\n";
        for (rest, expected) in [
            ("", "3:1: tasks[0]: this entry needs `prompt`"),
            (
                "prompt = \" \"",
                "5:10: tasks[0].prompt: must say what the agent is to do",
            ),
            (
                "prompt = \"{{x}}\"",
                "5:10: tasks[0].prompt: this task has no parameter `x`",
            ),
            ("prompt = \"{{x\"", "5:10: tasks[0].prompt: `{{` is never closed"),
            (
                "prompt = \"${param.y}\"",
                "5:10: tasks[0].prompt: there is no parameter `y`",
            ),
            (
                "prompt = \"x\"\nmodel = \"small\"",
                "6:9: tasks[0].model: must be one of `models`",
            ),
            ("prompt = \"x\"\nmodel = \"\"", "6:9: tasks[0].model: must not be empty"),
            ("prompt = \"x\"\nplan = 1", "6:8: tasks[0].plan: must be true or false"),
            (
                "prompt = \"x\"\ndirectory = \"\"",
                "6:13: tasks[0].directory: must be a path",
            ),
            (
                "prompt = \"x\"\nlimits = { steps = 0 }",
                "6:20: tasks[0].limits.steps: must be a whole number",
            ),
            (
                "prompt = \"x\"\nlimits = { time = \"8d\" }",
                "6:19: tasks[0].limits.time: must be between",
            ),
            (
                "prompt = \"x\"\nlimits = { cost = \"0\" }",
                "6:19: tasks[0].limits.cost: must be more than",
            ),
            (
                "prompt = \"x\"\nlimits = { cost = \"x\" }",
                "6:19: tasks[0].limits.cost: is no amount",
            ),
            (
                "prompt = \"x\"\nlimits = { money = \"1\" }",
                "6:12: tasks[0].limits.money: is not known here",
            ),
            (
                "prompt = \"x\"\ntitle = \"A\"",
                "6:1: tasks[0].title: is not known here",
            ),
            (
                "prompt = \"x\"\nparameters = [{ name = \"p\", type = \"bool\", mutable = true }]",
                "tasks[0].parameters[0].mutable: is not known here",
            ),
            (
                "prompt = \"x\"\nparameters = [{ name = \"p\", type = \"number\", max = 1, default = 2 }]",
                "tasks[0].parameters[0].default: must be at most 1",
            ),
        ] {
            let errors = Template::parse(&format!("{head}{rest}\n")).expect_err(rest);
            let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert!(told.iter().any(|told| told.contains(expected)), "{rest}: {told:#?}");
        }
    }
}
