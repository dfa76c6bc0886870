use proptest::prelude::*;

use super::*;

fn agent(model: Option<&str>) -> Reading {
    let model = model.map(str::to_owned);
    Reading::Trigger(Trigger::Agent { model })
}

fn reading(label: &str) -> Reading {
    read(&Prefix::default(), label)
}

#[test]
fn labels_ask_for_a_workspace_or_an_agent() {
    assert_eq!(reading("bailey-hitl"), Reading::Trigger(Trigger::Workspace));
    assert_eq!(reading("bailey-agent"), agent(None));
    for model in [
        "sonnet",
        "claude-sonnet-4-5",
        "gpt-4.1",
        "llama3.3:70b",
        "openai/gpt-5",
        "Qwen/Qwen3-32B",
        "us.anthropic.claude-opus-4-1-v1:0",
    ] {
        assert_eq!(reading(&format!("bailey-agent:{model}")), agent(Some(model)));
    }
}

#[test]
fn other_labels_ask_for_nothing() {
    for label in [
        "",
        "bug",
        "bailey",
        "bailey-",
        "bailey-agents",
        "bailey-agent-sonnet",
        "bailey-hitl:sonnet",
        "my-bailey-agent",
        "priority::high",
        "other-agent",
        "агент",
    ] {
        assert_eq!(reading(label), Reading::Other, "{label}");
    }
    assert_eq!(reading(&"bailey-agent:".repeat(200)), Reading::Other);
}

#[test]
fn the_prefix_is_the_deployments_own() {
    let prefix = Prefix::parse("acme-ai").unwrap();
    assert_eq!(read(&prefix, "acme-ai-hitl"), Reading::Trigger(Trigger::Workspace));
    assert_eq!(read(&prefix, "bailey-hitl"), Reading::Other);
    for text in ["", "-a", "a-", "A", "a b", "1a", "bäiley", &"a".repeat(33)] {
        assert_eq!(Prefix::parse(text), Err(PrefixError), "{text}");
    }
}

#[test]
fn labels_that_only_look_right_are_refused() {
    for label in [
        "Bailey-Agent",
        "bailey_agent",
        "bailey agent",
        " bailey-agent",
        "bailey-agent ",
        "bailey–agent",
        "bailey−agent",
        "bаiley-agent",
        "bailey-аgent",
        "baiIey-agent",
        "bai1ey-agent",
        "bailey-agent\u{200b}",
        "bai\u{200d}ley-agent",
        "b\u{e0061}ailey-agent",
        "ｂａｉｌｅｙ－ａｇｅｎｔ",
        "𝐛𝐚𝐢𝐥𝐞𝐲-𝐚𝐠𝐞𝐧𝐭",
        "bailey-agent::sonnet",
        "bailey-agent：sonnet",
        "bailey-Agent:sonnet",
        "bailey-agent :sonnet",
        "báiley-agent",
        "baile\u{301}y-agent",
    ] {
        assert!(
            matches!(reading(label), Reading::Refused(_)),
            "{label:?}: {:?}",
            reading(label)
        );
    }
    assert_eq!(
        reading("bailey-hit1"),
        Reading::Refused(LabelFault::Lookalike {
            meant: "bailey-hitl".to_owned()
        })
    );
}

#[test]
fn a_label_without_a_sound_model_is_refused() {
    for model in [
        "",
        ".x",
        "a b",
        "модель",
        "a$(id)",
        "a`id`",
        "a\n",
        "../etc",
        &"m".repeat(65),
    ] {
        let label = format!("bailey-agent:{model}");
        assert_eq!(
            reading(&label),
            Reading::Refused(LabelFault::Model {
                label: "bailey-agent".to_owned()
            }),
            "{label}"
        );
    }
}

proptest! {
    /// Whatever is read as asking for something is written exactly as the grammar says.
    #[test]
    fn what_triggers_is_written_exactly(label in "\\PC*") {
        if let Reading::Trigger(trigger) = reading(&label) {
            prop_assert_eq!(written(&trigger), label);
        }
    }

    /// The same close to the grammar, where random text seldom comes.
    #[test]
    fn what_nearly_triggers_does_not(label in "[bB]a[iI1l]ley[-_ –]?(hitl|agent|аgent)[:：]{0,2}[a-z0-9. /-]{0,6}") {
        match reading(&label) {
            Reading::Trigger(trigger) => prop_assert_eq!(written(&trigger), label),
            Reading::Other | Reading::Refused(_) => {}
        }
    }

    /// A label with one character put in that does not show, or one letter in another case, never triggers and is explained.
    #[test]
    fn one_change_is_noticed(at in 0_usize..12, hidden in prop_oneof![Just('\u{200b}'), Just('\u{202e}'), Just('\u{feff}'), Just('\u{301}')]) {
        let mut label: Vec<char> = "bailey-agent".chars().collect();
        label.insert(at, hidden);
        let text: String = label.iter().collect();
        prop_assert!(matches!(reading(&text), Reading::Refused(_)), "{text:?}");
        label.remove(at);
        if label[at].is_alphabetic() {
            label[at] = label[at].to_ascii_uppercase();
            let text: String = label.iter().collect();
            prop_assert!(matches!(reading(&text), Reading::Refused(_)), "{text:?}");
        }
    }

    /// Every name of a model that the grammar allows comes through unchanged.
    #[test]
    fn models_come_through(model in "[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}") {
        prop_assert_eq!(reading(&format!("bailey-agent:{model}")), agent(Some(&model)));
    }
}

fn written(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Workspace => "bailey-hitl".to_owned(),
        Trigger::Agent { model: None } => "bailey-agent".to_owned(),
        Trigger::Agent { model: Some(model) } => format!("bailey-agent:{model}"),
    }
}
