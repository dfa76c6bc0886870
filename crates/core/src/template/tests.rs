//! Whole templates: what is accepted, what is refused with its place, and what values do in it.

use proptest::prelude::*;

use super::*;
use crate::WorkspaceId;

const FULL: &str = r#"
display_name = "Coding agent"
description = "An agent"
icon = "terminal"
[base]
root = "host"
install = "install.sh"
install_files = ["package.json"]
install_environment = ["npm_config_registry"]
[[parameters]]
name = "cpu"
type = "number"
default = 2
min = 1
max = 16
step = 1
monotonic = "increasing"
form = "slider"
order = 2
[[parameters]]
name = "greeting"
type = "string"
default = "hello"
regex = "[a-z]+( [a-z]+)*"
error = "lower-case words only"
order = 1
[[parameters]]
name = "tools"
type = "list"
default = ["git"]
options = [{ value = "git" }, { value = "vim", name = "Vim" }]
mutable = false
[[presets]]
name = "Large"
parameters = { cpu = 8 }
[resources]
cpus = "${param.cpu}"
memory = "${param.cpu}GiB"
processes = 512
disk = "10GiB"
io = "100MiB"
[environment]
GREETING = "${param.greeting}"
LITERAL = "$${HOME} costs $5"
[[files]]
path = "/home/dev/.vimrc"
source = "files/vimrc"
keep = true
[[files]]
path = "/etc/motd"
content = "${param.greeting}, ${workspace.owner}"
[[scripts]]
name = "hello"
run = "start"
command = "echo ${param.greeting} ${param.tools} > \"$HOME/x\""
timeout = "1m30s"
blocking = true
[[scripts]]
name = "tidy"
run = "cron"
schedule = "*/5 * * * *"
file = "scripts/tidy.sh"
[[metadata]]
name = "cpu"
kind = "cpu"
[[metadata]]
name = "load"
kind = "command"
command = "cat /proc/loadavg"
interval = "30s"
[[apps]]
name = "ide"
port = 8443
command = "exec code-server"
health = "/healthz"
sharing = "authenticated"
[[apps]]
name = "wiki"
external = "https://wiki.example/${workspace.owner}/${param.greeting}"
[browser_only]
enabled = true
[egress]
allow = [{ host = "registry.npmjs.org", port = 443 }]
[enforcement]
level = "standard"
[chat]
system_prompt = "You work for ${workspace.owner}."
model = "large"
models = ["large", "small"]
[lifecycle]
auto_stop = "never"
max_lifetime = "24h"
[[tasks]]
name = "review"
prompt = "Review the work of ${workspace.owner}"
"#;

fn facts() -> Facts {
    Facts {
        name: "box".into(),
        owner: "ada".into(),
        id: WorkspaceId::from_uuid(uuid::Uuid::from_u128(7)),
    }
}

fn parts() -> Parts {
    let text = |name: &str| (name.to_owned(), format!("text of {name}"));
    Parts {
        texts: [text("files/vimrc"), text("scripts/tidy.sh")].into(),
        root: Root::Host,
        layers: vec!["ab".into()],
        auto_stop: Some(60),
    }
}

fn number(value: f64) -> ParameterValue {
    ParameterValue::Number(value)
}

fn text(value: &str) -> ParameterValue {
    ParameterValue::Text(value.into())
}

#[test]
fn a_whole_template_comes_to_a_whole_workspace() {
    let template = Template::parse(FULL).unwrap();
    let order: Vec<&str> = template.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(order, ["tools", "greeting", "cpu"]);
    assert_eq!(template.parameters[2].form, Form::Slider);
    let files: Vec<&str> = template.sources().map(|source| source.file.as_str()).collect();
    assert_eq!(files, ["install.sh", "package.json", "files/vimrc", "scripts/tidy.sh"]);
    let given = [("cpu".to_owned(), number(4.0))].into();
    let values = check_values(&template.parameters, &given, None).unwrap();
    let resolved = template.resolve(&values, &facts(), &parts()).unwrap();
    assert_eq!(resolved.resources.cpu_milli, Some(4_000));
    assert_eq!(resolved.resources.memory, Some(4 << 30));
    assert_eq!(resolved.environment["LITERAL"], "${HOME} costs $5");
    assert_eq!(resolved.files[0].content, "text of files/vimrc");
    assert_eq!(resolved.files[1].content, "hello, ada");
    assert_eq!(resolved.scripts[0].command, "echo 'hello' 'git' > \"$HOME/x\"");
    assert_eq!((resolved.scripts[0].timeout, resolved.scripts[0].blocking), (90, true));
    assert_eq!(resolved.scripts[1].when, When::Cron("*/5 * * * *".into()));
    assert_eq!(resolved.apps[0].sharing, Sharing::Authenticated);
    assert_eq!(
        resolved.apps[1].target,
        Target::External("https://wiki.example/ada/hello".into())
    );
    assert_eq!((resolved.auto_stop, resolved.max_lifetime), (None, Some(86_400)));
    assert_eq!(resolved.enforcement, EnforcementLevel::Standard);
    assert_eq!(resolved.chat.system_prompt.as_deref(), Some("You work for ada."));
    assert_eq!(resolved.chat.model.as_deref(), Some("large"));
    assert_eq!(resolved.chat.models, ["large", "small"]);
    assert!(resolved.browser_only);
    assert_eq!(resolved.base.layers, ["ab"]);
    assert_eq!(resolved.tasks[0].prompt.shown(), "Review the work of ada");
}

#[test]
fn nothing_is_needed() {
    let template = Template::parse("").unwrap();
    let resolved = template
        .resolve(&ParameterValues::new(), &facts(), &Parts::default())
        .unwrap();
    assert_eq!(resolved.auto_stop, Some(1_800));
    assert_eq!(resolved.egress, []);
}

#[test]
fn all_faults_are_told_at_once_and_each_with_its_place() {
    let errors = Template::parse(
        "displayname = \"x\"\n[resources]\nmemory = \"4 gigs\"\ncpus = \"${param.cpus}\"\n\n[[parameters]]\nname = \"cpu\"\n\
         type = \"number\"\ndefault = 20\nmax = 16\n[[apps]]\nname = \"Web--IDE\"\nport = 70000\n[egress]\nallow = [{ \
         host = \"EXAMPLE.com\", port = 443 }]\n",
    )
    .unwrap_err();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let told = told.join("\n");
    for expected in [
        "1:1: displayname: is not known here; did you mean `display_name`?",
        "4:8: resources.cpus: there is no parameter `cpus`; did you mean `cpu`?",
        "9:11: parameters[0].default: must be at most 16",
        "12:8: apps[0].name: `Web--IDE` is not a name",
        "13:8: apps[0].port: must be a whole number from 1 to 65535",
        "15:19: egress.allow[0].host: `EXAMPLE.com` is not a host: it is written in lower case",
    ] {
        assert!(told.contains(expected), "{expected}\n--\n{told}");
    }
}

#[test]
fn amounts_are_tried_with_the_defaults_and_the_presets() {
    let base = "[[parameters]]\nname = \"m\"\ntype = \"string\"\ndefault = \"1GiB\"\n";
    let bad = format!(
        "{base}[[presets]]\nname = \"p\"\nparameters = {{ m = \"much\" }}\n[resources]\nmemory = \"${{param.m}}\"\n"
    );
    let errors = Template::parse(&bad).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].line, errors[0].path.as_str()), (9, "resources.memory"));
    assert!(
        errors[0].message.starts_with("with the values of a preset filled in:"),
        "{errors:?}"
    );
}

fn fault(document: &str) -> String {
    let errors = Template::parse(document).expect_err(document);
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Documents, and what is said about each.
const NONSENSE: &[(&str, &str)] = &[
    ("a = ", "1:"),
    ("[base]\nroot = \"archive\"", "needs `archive = \"FILE\"`"),
    ("[base]\ninstall = \"../x\"", "not a path within the template"),
    ("[base]\ninstall_files = [\"x\"]", "need `install`"),
    ("[[files]]\npath = \"/a/../b\"\ncontent = \"\"", "not an absolute path"),
    ("[[files]]\npath = \"/proc/x\"\ncontent = \"\"", "nothing can be put"),
    (
        "[[files]]\npath = \"/a\"\ncontent = \"\"\nsource = \"a\"",
        "cannot both be given",
    ),
    ("[[files]]\npath = \"/a\"", "needs `content` or `source`"),
    (
        "[[files]]\npath = \"/a\"\ncontent = \"\"\nkeep = true",
        "below /home/dev/ only",
    ),
    (
        "[[files]]\npath = \"/a\"\ncontent = \"\"\n[[files]]\npath = \"/a\"\ncontent = \"\"",
        "two of the path",
    ),
    (
        "[[scripts]]\nname = \"a\"\nrun = \"cron\"\ncommand = \"x\"",
        "needs a `schedule`",
    ),
    (
        "[[scripts]]\nname = \"a\"\nrun = \"start\"\nschedule = \"* * * * *\"\ncommand = \"x\"",
        "`run = \"cron\"` only",
    ),
    (
        "[[scripts]]\nname = \"a\"\nrun = \"cron\"\nschedule = \"61 * * * *\"\ncommand = \"x\"",
        "is not a minute",
    ),
    (
        "[[scripts]]\nname = \"a\"\nrun = \"stop\"\ncommand = \"x\"\nblocking = true",
        "`run = \"start\"` only",
    ),
    (
        "[[scripts]]\nname = \"a\"\nrun = \"start\"\ncommand = \"x\"\ntimeout = \"0s\"",
        "between 1s and",
    ),
    (
        "[[scripts]]\nname = \"a\"\nrun = \"start\"\ncommand = \"echo '${workspace.name}'\"",
        "between quotes",
    ),
    ("[[metadata]]\nname = \"a\"\nkind = \"command\"", "needs a `command`"),
    ("[[apps]]\nname = \"a\"", "needs `port`, `socket` or `external`"),
    ("[[apps]]\nname = \"a\"\nport = 1\nsocket = \"/x\"", "only one of"),
    ("[[apps]]\nname = \"a\"\nport = 7080", "the gate's port"),
    (
        "[[apps]]\nname = \"a\"\nport = 1\n[[apps]]\nname = \"a\"\nport = 2",
        "two of the name",
    ),
    (
        "[[apps]]\nname = \"a\"\nexternal = \"javascript:alert(1)\"",
        "must begin with `https://`",
    ),
    (
        "[[apps]]\nname = \"a\"\nexternal = \"https://x.${workspace.name}/\"",
        "whole host name",
    ),
    ("[environment]\nLD_PRELOAD = \"/x\"", "not a template's to set"),
    ("[environment]\nA = \"a\\u0000b\"", "NUL"),
    ("[environment]\nA = \"${env.HOME}\"", "stands for nothing"),
    ("[environment]\nA = \"${param.x\"", "never closed"),
    ("[enforcement]\nlevel = \"strict\"", "must be one of `unrestricted`"),
    ("[chat]\nmodels = [\"a\"]\nmodel = \"b\"", "must be one of `models`"),
    ("[chat]\nmodel = \"\"", "must not be empty"),
    ("[chat]\nprompt = \"x\"", "prompt"),
    ("[lifecycle]\nauto_stop = \"5s\"", "must be between 60"),
    ("[resources]\ncpus = 0", "thousandths of a CPU"),
    ("[resources]\nprocesses = 1.5", "not a whole number"),
    (
        "[[presets]]\nname = \"a\"\nparameters = { x = 1 }",
        "no parameter of this name",
    ),
    (
        "[browser_only]\nenabled = \"yes\"",
        "must be true or false, and is a string",
    ),
    ("apps = 3", "must be a list of tables"),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"number\"\nform = \"slider\"",
        "a number with `min` and `max`",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"text\"",
        "must be one of `string`",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"string\"\nregex = \"a)|(b\"",
        "not an expression",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"string\"\nregex = \"((a{100}){100}){100}\"",
        "too large",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"bool\"\nregex = \"a\"",
        "strings and lists only",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"number\"\nstep = 0",
        "larger than 0",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"number\"\ndefault = nan",
        "between -2^53 and 2^53",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"string\"\ndefault = 3",
        "must be a text",
    ),
    (
        "[[parameters]]\nname = \"a\"\ntype = \"number\"\nmin = 3\nmax = 2",
        "larger than `max`",
    ),
];

#[test]
fn each_kind_of_nonsense_is_refused() {
    for (document, said) in NONSENSE {
        let told = fault(document);
        assert!(
            told.contains(said),
            "{document}\n-- should say\n{said}\n-- but says\n{told}"
        );
    }
}

fn definition(lines: &str) -> Parameter {
    let document = format!("[[parameters]]\nname = \"p\"\n{lines}\n");
    Template::parse(&document).unwrap().parameters.remove(0)
}

#[test]
fn an_expression_matches_as_a_whole() {
    let p = definition("type = \"string\"\nregex = \"a|ab\"");
    for good in ["a", "ab"] {
        assert_eq!(check_value(&p, &text(good), None), Ok(()), "{good}");
    }
    for bad in ["", "abc", "xa", "a\n", "ab ab"] {
        assert!(check_value(&p, &text(bad), None).is_err(), "{bad:?}");
    }
}

#[test]
fn values_change_only_as_they_may() {
    let grows = definition("type = \"number\"\nmonotonic = \"increasing\"");
    assert_eq!(check_value(&grows, &number(3.0), Some(&number(2.0))), Ok(()));
    assert!(check_value(&grows, &number(1.0), Some(&number(2.0))).is_err());
    let fixed = definition("type = \"string\"\nmutable = false\noptions = [{ value = \"a\" }, { value = \"b\" }]");
    assert_eq!(check_value(&fixed, &text("a"), Some(&text("a"))), Ok(()));
    assert!(check_value(&fixed, &text("b"), Some(&text("a"))).is_err());
    // What a new version does not allow any more can be left.
    assert_eq!(check_value(&fixed, &text("b"), Some(&text("gone"))), Ok(()));
}

#[test]
fn numbers_stay_in_their_steps_and_bounds() {
    let p = definition("type = \"number\"\nmin = 0.1\nmax = 1\nstep = 0.1");
    for good in [0.1, 0.3, 0.7, 1.0] {
        assert_eq!(check_value(&p, &number(good), None), Ok(()), "{good}");
    }
    for bad in [0.0, 0.15, 1.1, f64::NAN, f64::INFINITY, -0.1] {
        assert!(check_value(&p, &number(bad), None).is_err(), "{bad}");
    }
}

#[test]
fn missing_values_are_filled_in_and_unknown_ones_refused() {
    let template = Template::parse(
        "[[parameters]]\nname = \"a\"\ntype = \"string\"\n[[parameters]]\nname = \"b\"\ntype = \"bool\"\ndefault = true\n",
    )
    .unwrap();
    let errors = check_values(&template.parameters, &[("c".to_owned(), text("x"))].into(), None).unwrap_err();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "parameter `c` is not one of this template; did you mean `a`?",
            "parameter `a` needs a value"
        ]
    );
    let former = [("a".to_owned(), text("kept"))].into();
    let values = check_values(&template.parameters, &ParameterValues::new(), Some(&former)).unwrap();
    assert_eq!(values["a"], text("kept"));
    assert_eq!(values["b"], ParameterValue::Bool(true));
}

#[test]
fn values_are_the_same_after_json() {
    let values: ParameterValues = [
        ("a".to_owned(), number(2.0)),
        ("b".to_owned(), number(0.5)),
        ("c".to_owned(), ParameterValue::List(vec!["x".into()])),
    ]
    .into();
    let json = serde_json::to_string(&values).unwrap();
    assert_eq!(json, r#"{"a":2,"b":0.5,"c":["x"]}"#);
    assert_eq!(serde_json::from_str::<ParameterValues>(&json).unwrap(), values);
}

/// Runs a command as a workspace does; answers with what it prints.
fn shell(command: &str) -> String {
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", command])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_value_is_one_word_to_the_shell_whatever_it_is(value in "[ -~äé\n\t]{0,40}") {
        let template = Template::parse(
            "[[parameters]]\nname = \"p\"\ntype = \"string\"\nform = \"textarea\"\n\
             [[scripts]]\nname = \"s\"\nrun = \"start\"\ncommand = \"printf %s ${param.p}\"\n",
        ).unwrap();
        let values = [("p".to_owned(), text(&value))].into();
        let resolved = template.resolve(&values, &facts(), &Parts::default()).unwrap();
        prop_assert_eq!(shell(&resolved.scripts[0].command), value);
    }

    #[test]
    fn a_value_is_put_in_once(value in "(\\$\\{(param\\.q|workspace\\.name)\\}|\\$|\\{|[a-z]|'){0,8}") {
        let template = Template::parse(
            "[environment]\nA = \"<${param.p}>\"\n[[parameters]]\nname = \"p\"\ntype = \"string\"\n\
             [[parameters]]\nname = \"q\"\ntype = \"string\"\n",
        ).unwrap();
        let values = [("p".to_owned(), text(&value)), ("q".to_owned(), text("secret"))].into();
        let resolved = template.resolve(&values, &facts(), &Parts::default()).unwrap();
        prop_assert_eq!(&resolved.environment["A"], &format!("<{value}>"));
    }

    #[test]
    fn a_quoted_value_never_runs_wherever_a_template_may_put_it(
        before in "(echo|[ '\"\\\\#$`({\\[<a\n;]){0,12}",
        after in "[ '\"\\\\#$`)}a\n;]{0,6}",
    ) {
        // If a value could become code anywhere that is accepted, this one would print its sign.
        let value = "a\n\"'`printf OW%sD NE`$(printf OW%sD NE)'\"\nprintf OW%sD NE\n";
        let known = ["p".to_owned()];
        let command = format!("{}${{param.p}}{}", before.replace("${", "$"), after.replace("${", "$"));
        let at = Position::default();
        if let Ok(parsed) = super::text::Text::parse(&command, super::text::Kind::Command, at, "", &known) {
            let values = [("p".to_owned(), text(value))].into();
            let rendered = parsed.render(&values, &facts()).unwrap();
            // Bash and dash print what they cannot run to standard error, which is not looked at.
            let printed = shell(&format!("{rendered}\n"));
            prop_assert!(!printed.contains("OWNED"), "{}\n--\n{}", command, printed);
        }
    }

    #[test]
    fn no_document_makes_the_parser_fail_in_another_way(document in "[a-z\\[\\]={}\"'.,#$ \n0-9-]{0,200}") {
        if let Err(errors) = Template::parse(&document) {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|e| e.line >= 1 && e.column >= 1));
        }
    }
}
