//! The table of cases that the web app's check of parameters is held to as well.

use serde_json::{Value, json};

use super::*;

/// A definition with what a case does not say filled in.
fn definition(case: &Value) -> Parameter {
    let mut whole = json!({
        "name": "p", "display_name": "p", "description": "", "default": null, "options": [], "min": null, "max": null,
        "step": null, "monotonic": null, "regex": null, "error": null, "mutable": true, "order": 0, "form": "input",
    });
    for (name, value) in case.as_object().unwrap() {
        whole[name] = value.clone();
    }
    for option in whole["options"].as_array_mut().unwrap() {
        option["name"] = json!("");
        option["description"] = json!("");
    }
    serde_json::from_value(whole).unwrap()
}

#[test]
fn each_case_of_the_table_is_judged_as_it_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let read = |value: &Value| serde_json::from_value::<ParameterValue>(value.clone()).unwrap();
    for case in &cases {
        let definition = definition(&case["definition"]);
        let former = case.get("former").map(read);
        for good in case["good"].as_array().unwrap() {
            assert_eq!(
                check_value(&definition, &read(good), former.as_ref()),
                Ok(()),
                "{case}: {good}"
            );
        }
        for bad in case["bad"].as_array().unwrap() {
            let said = bad[1].as_str().unwrap().to_owned();
            assert_eq!(
                check_value(&definition, &read(&bad[0]), former.as_ref()),
                Err(said),
                "{case}: {bad}"
            );
        }
    }
}
