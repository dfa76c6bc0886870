//! Reading the definitions of parameters and presets.

use super::parameter::{Form, Monotonic, Parameter, ParameterOption, ParameterType, Preset, check_value, compile};
use super::reader::{Reader, Section, Value};
use super::{ParameterValue, ParameterValues, names};

/// Reads `[[parameters]]` and `[[presets]]`, and tells the reader which names there are.
pub(super) fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>) -> (Vec<Parameter>, Vec<Preset>) {
    let (mut parameters, taken) = definitions(reader, root, Of::Workspace);
    // Those with faults of their own, too: a text that refers to one has no fault.
    reader.parameters = taken;
    let presets = presets(reader, root, &parameters);
    parameters.sort_by_key(|parameter| parameter.order);
    (parameters, presets)
}

/// What parameters belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Workspace,
    Task,
}

/// Reads `[[tasks.parameters]]`: all that stand there, and the names of those with faults of their own, too.
pub(super) fn of_task<'a>(reader: &mut Reader<'a>, task: &mut Section<'_, 'a>) -> (Vec<Parameter>, Vec<String>) {
    let (mut parameters, taken) = definitions(reader, task, Of::Task);
    parameters.sort_by_key(|parameter| parameter.order);
    (parameters, taken)
}

fn definitions<'a>(reader: &mut Reader<'a>, within: &mut Section<'_, 'a>, of: Of) -> (Vec<Parameter>, Vec<String>) {
    let (mut parameters, mut taken) = (Vec::new(), Vec::new());
    let most = if of == Of::Task { 30 } else { 100 };
    for mut section in within.sections(reader, "parameters", most) {
        if let Some(parameter) = parameter(reader, &mut section, &mut taken, of) {
            parameters.push(parameter);
        }
        section.finish(reader);
    }
    (parameters, taken)
}

fn parameter<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'_, 'a>,
    taken: &mut Vec<String>,
    of: Of,
) -> Option<Parameter> {
    let name = section.named(reader, names::identifier, taken);
    let kind = section.need(reader, "type").and_then(|value| {
        reader.choice(
            &value,
            &[
                ("string", ParameterType::String),
                ("number", ParameterType::Number),
                ("bool", ParameterType::Bool),
                ("list", ParameterType::List),
            ],
        )
    });
    let display_name = section.string(reader, "display_name");
    let description = section.string(reader, "description").unwrap_or_default();
    let options = options(reader, section);
    let default = section.take(reader, "default");
    let default_value = default.as_ref().and_then(|value| reader.parameter_value(value));
    let form = section.take(reader, "form");
    let form_value = form.as_ref().and_then(|value| form_of(reader, value));
    let limits = limits(reader, section, kind);
    let regex = section.take(reader, "regex").and_then(|value| {
        let pattern = reader.string(&value)?;
        if !matches!(kind, None | Some(ParameterType::String | ParameterType::List)) {
            reader.error(value.at, &value.path, "belongs to strings and lists only");
        }
        reader.check(value.at, &value.path, compile(&pattern)).map(|_| pattern)
    });
    let error = section.string(reader, "error");
    // A task's values are given once for each run: they do not change.
    let (monotonic, mutable) = match of {
        Of::Workspace => changes(reader, section, kind),
        Of::Task => (None, true),
    };
    let order = section
        .take(reader, "order")
        .and_then(|value| reader.integer(&value, -1_000_000, 1_000_000));
    let (name, kind) = (name?, kind?);
    let parameter = Parameter {
        display_name: display_name.unwrap_or_else(|| name.clone()),
        name,
        description,
        kind,
        default: default_value,
        form: form_value.unwrap_or(usual_form(kind, !options.is_empty())),
        options,
        min: limits.0,
        max: limits.1,
        step: limits.2,
        monotonic,
        regex,
        error,
        mutable,
        order: order.unwrap_or(0),
    };
    consistent(reader, section, &parameter, default.as_ref(), form.as_ref());
    Some(parameter)
}

/// How the value of a workspace's parameter may change.
fn changes<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'_, 'a>,
    kind: Option<ParameterType>,
) -> (Option<Monotonic>, bool) {
    let monotonic = section.take(reader, "monotonic").and_then(|value| {
        if !matches!(kind, None | Some(ParameterType::Number)) {
            reader.error(value.at, &value.path, "belongs to numbers only");
        }
        let words = [
            ("increasing", Monotonic::Increasing),
            ("decreasing", Monotonic::Decreasing),
        ];
        reader.choice(&value, &words)
    });
    (monotonic, section.bool(reader, "mutable").unwrap_or(true))
}

fn usual_form(kind: ParameterType, options: bool) -> Form {
    match kind {
        ParameterType::Bool => Form::Switch,
        _ if options => Form::Dropdown,
        _ => Form::Input,
    }
}

fn form_of<'a>(reader: &mut Reader<'a>, value: &Value<'_, 'a>) -> Option<Form> {
    reader.choice(
        value,
        &[
            ("slider", Form::Slider),
            ("dropdown", Form::Dropdown),
            ("radio", Form::Radio),
            ("switch", Form::Switch),
            ("input", Form::Input),
            ("textarea", Form::Textarea),
        ],
    )
}

type Limits = (Option<f64>, Option<f64>, Option<f64>);

fn limits<'a>(reader: &mut Reader<'a>, section: &mut Section<'_, 'a>, kind: Option<ParameterType>) -> Limits {
    let mut number = |key| {
        let value = section.take(reader, key)?;
        if kind == Some(ParameterType::Bool) {
            reader.error(value.at, &value.path, "does not belong to a bool");
        }
        let number = reader.number(&value)?;
        Some((value, number))
    };
    let (min, max, step) = (number("min"), number("max"), number("step"));
    if let (Some((value, min)), Some((_, max))) = (&min, &max)
        && min > max
    {
        reader.error(value.at, &value.path, "is larger than `max`");
    }
    if let Some((value, step)) = &step {
        if *step <= 0.0 {
            reader.error(value.at, &value.path, "must be larger than 0");
        }
        if !matches!(kind, None | Some(ParameterType::Number)) {
            reader.error(value.at, &value.path, "belongs to numbers only");
        }
    }
    (
        min.map(|m| m.1),
        max.map(|m| m.1),
        step.map(|s| s.1).filter(|step| *step > 0.0),
    )
}

fn options<'a>(reader: &mut Reader<'a>, section: &mut Section<'_, 'a>) -> Vec<ParameterOption> {
    let mut options: Vec<ParameterOption> = Vec::new();
    for mut entry in section.sections(reader, "options", 200) {
        let value = entry.need(reader, "value");
        let name = entry.string(reader, "name");
        let description = entry.string(reader, "description").unwrap_or_default();
        entry.finish(reader);
        let Some((place, value)) = value.and_then(|place| reader.parameter_value(&place).map(|value| (place, value)))
        else {
            continue;
        };
        if options.iter().any(|option| option.value == value) {
            reader.error(place.at, &place.path, format!("there are two of the value `{value}`"));
        }
        let name = name.unwrap_or_else(|| value.to_string());
        options.push(ParameterOption {
            value,
            name,
            description,
        });
    }
    options
}

/// What one key says against another.
fn consistent<'a>(
    reader: &mut Reader<'a>,
    section: &Section<'_, 'a>,
    parameter: &Parameter,
    default: Option<&Value<'_, 'a>>,
    form: Option<&Value<'_, 'a>>,
) {
    let kind = parameter.kind;
    if kind == ParameterType::Bool && !parameter.options.is_empty() {
        reader.error(section.at, &section.name("options"), "do not belong to a bool");
    }
    // Each option must be a value that is allowed, or nobody could choose it.
    for (i, option) in parameter
        .options
        .iter()
        .enumerate()
        .filter(|_| kind != ParameterType::Bool)
    {
        let value = match (&option.value, kind) {
            (ParameterValue::Text(text), ParameterType::List) => ParameterValue::List(vec![text.clone()]),
            (value, _) => value.clone(),
        };
        let alone = Parameter {
            min: parameter.min.filter(|_| kind != ParameterType::List),
            ..parameter.clone()
        };
        if let Err(message) = check_value(&alone, &value, None) {
            let path = format!("{}.options[{i}]", section.path);
            reader.error(section.at, &path, format!("`{}` {message}", option.value));
        }
    }
    if let (Some(place), Some(value)) = (default, &parameter.default)
        && let Err(message) = check_value(parameter, value, None)
    {
        reader.error(place.at, &place.path, message);
    }
    let (chosen, bounded) = (
        !parameter.options.is_empty(),
        parameter.min.is_some() && parameter.max.is_some(),
    );
    let needs = match (parameter.form, kind) {
        (Form::Slider, ParameterType::Number) if bounded => None,
        (Form::Slider, _) => Some("a number with `min` and `max`"),
        (Form::Dropdown | Form::Radio, ParameterType::String | ParameterType::Number)
        | (Form::Dropdown, ParameterType::List)
            if chosen =>
        {
            None
        }
        (Form::Dropdown | Form::Radio, _) => Some("a string or number with `options`"),
        (Form::Switch, ParameterType::Bool) | (Form::Textarea, ParameterType::String) => None,
        (Form::Switch, _) => Some("a bool"),
        (Form::Textarea, _) => Some("a string"),
        (Form::Input, ParameterType::Bool) => Some("a string, number or list"),
        (Form::Input, _) => None,
    };
    if let (Some(needs), Some(place)) = (needs, form) {
        reader.error(place.at, &place.path, format!("is a form for {needs}"));
    }
}

fn presets<'a>(reader: &mut Reader<'a>, root: &mut Section<'_, 'a>, parameters: &[Parameter]) -> Vec<Preset> {
    let mut taken = Vec::new();
    let mut presets = Vec::new();
    let any = |name: &str| match name.trim() {
        "" => Err("needs a name".to_owned()),
        _ => Ok(()),
    };
    for mut section in root.sections(reader, "presets", 50) {
        let name = section.named(reader, any, &mut taken);
        let description = section.string(reader, "description").unwrap_or_default();
        let mut values = ParameterValues::new();
        if let Some(chosen) = section.section(reader, "parameters") {
            for (key, at, value) in chosen.entries(reader) {
                let Some(found) = reader.parameter_value(&value) else {
                    continue;
                };
                match parameters.iter().find(|parameter| parameter.name == key) {
                    Some(parameter) => {
                        reader.check(value.at, &value.path, check_value(parameter, &found, None));
                        values.insert(key, found);
                    }
                    None if reader.parameters.contains(&key) => {}
                    None => {
                        let hint = super::error::hint(&key, reader.parameters.iter().map(String::as_str));
                        let message = format!("there is no parameter of this name{hint}");
                        reader.error(at, &value.path, message);
                    }
                }
            }
        }
        section.finish(reader);
        if let Some(name) = name {
            presets.push(Preset {
                name,
                description,
                parameters: values,
            });
        }
    }
    presets
}
