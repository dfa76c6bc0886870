//! The addresses that the fake knows.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::State;

/// A status, a body and headers.
type Answer = (u16, Value, Vec<(&'static str, String)>);

pub(super) fn route(
    state: &mut State,
    method: &str,
    parts: &[&str],
    query: &HashMap<String, String>,
    body: &Value,
) -> Answer {
    match (method, parts) {
        ("GET", ["user"]) => found(Some(state.myself.clone())),
        ("GET", ["users", id]) => found(by(&state.users, "id", id)),
        ("GET", ["personal_access_tokens", "self"]) => found(state.token.clone()),
        ("GET", ["projects", "14" | "space/rocket"]) => found(Some(state.project.clone())),
        (_, ["projects", "14", rest @ ..]) => of_project(state, method, rest, query, body),
        _ => found(None),
    }
}

fn of_project(
    state: &mut State,
    method: &str,
    parts: &[&str],
    query: &HashMap<String, String>,
    body: &Value,
) -> Answer {
    match (method, parts) {
        ("GET", ["members", "all", id]) => found(by(&state.members, "id", id)),
        ("GET", ["issues"]) => page(state, &changed_issues(state, query), "issues", query),
        ("GET", ["issues", number]) => found(by(&state.issues, "iid", number)),
        ("PUT", ["issues", number]) => labels(state, number, body),
        ("GET", ["issues", "23", "resource_label_events"]) => {
            page(state, &state.label_events, "issues/23/resource_label_events", query)
        }
        ("GET", ["issues", "23", "notes"]) => {
            let mut notes = state.notes.clone();
            if query.get("sort").is_some_and(|sort| sort == "desc") {
                notes.reverse();
            }
            page(state, &notes, "issues/23/notes", query)
        }
        ("POST", ["issues", "23", "notes"]) => {
            let id = state.new_id();
            let author = state.myself["id"].as_i64().unwrap();
            let note = super::note(id, author, body["body"].as_str().unwrap());
            state.notes.push(note.clone());
            (201, note, vec![])
        }
        ("PUT", ["issues", "23", "notes", id]) => put(&mut state.notes, "id", id, body),
        ("GET", ["repository", "branches", name]) => found(by(&state.branches, "name", name)),
        ("POST", ["repository", "branches"]) => make_branch(state, body),
        ("GET", ["merge_requests"]) => {
            let fits = |request: &&Value| {
                request["state"] == "opened" && request["source_branch"] == query["source_branch"].as_str()
            };
            let all: Vec<Value> = state.merge_requests.iter().filter(fits).cloned().collect();
            page(state, &all, "merge_requests", query)
        }
        ("POST", ["merge_requests"]) => make_merge_request(state, body),
        ("PUT", ["merge_requests", number]) => put(&mut state.merge_requests, "iid", number, body),
        ("GET", ["hooks"]) => page(state, &state.hooks, "hooks", query),
        ("POST", ["hooks"]) => {
            let id = state.new_id();
            let hook = hook(state.signs, id, body);
            state.hooks.push(hook.clone());
            (201, hook, vec![])
        }
        ("PUT", ["hooks", id]) => {
            let made = hook(state.signs, id.parse().unwrap(), body);
            match state.hooks.iter_mut().find(|hook| is(hook, "id", id)) {
                Some(known) => {
                    *known = made.clone();
                    (200, made, vec![])
                }
                None => found(None),
            }
        }
        _ => found(None),
    }
}

fn changed_issues(state: &State, query: &HashMap<String, String>) -> Vec<Value> {
    let since = query.get("updated_after").map_or("", String::as_str);
    let time = |issue: &Value| issue["updated_at"].as_str().unwrap().to_owned();
    let mut issues: Vec<Value> = state
        .issues
        .iter()
        .filter(|issue| time(issue).as_str() >= since)
        .cloned()
        .collect();
    issues.sort_by_key(time);
    issues
}

fn labels(state: &mut State, number: &str, body: &Value) -> Answer {
    let Some(issue) = state.issues.iter_mut().find(|issue| is(issue, "iid", number)) else {
        return found(None);
    };
    let list = |name: &str| -> Vec<Value> {
        body[name]
            .as_str()
            .unwrap()
            .split(',')
            .filter(|label| !label.is_empty())
            .map(|label| json!(label))
            .collect()
    };
    let labels = issue["labels"].as_array_mut().unwrap();
    labels.retain(|label| !list("remove_labels").contains(label));
    labels.extend(list("add_labels"));
    (200, issue.clone(), vec![])
}

fn make_branch(state: &mut State, body: &Value) -> Answer {
    if state.branches.iter().any(|branch| branch["name"] == body["branch"]) {
        return (400, json!({ "message": "Branch already exists" }), vec![]);
    }
    let Some(from) = by(&state.branches, "name", body["ref"].as_str().unwrap()) else {
        return (400, json!({ "message": "Invalid reference name: @all" }), vec![]);
    };
    let branch = json!({ "name": body["branch"], "commit": from["commit"] });
    state.branches.push(branch.clone());
    (201, branch, vec![])
}

fn make_merge_request(state: &mut State, body: &Value) -> Answer {
    let clashes = |request: &Value| {
        request["state"] == "opened"
            && request["source_project_id"] == 14
            && request["source_branch"] == body["source_branch"]
    };
    if state.merge_requests.iter().any(clashes) {
        let said = "Another open merge request already exists for this source branch: !1";
        return (409, json!({ "message": [said] }), vec![]);
    }
    let mut request = body.clone();
    let number = state.merge_requests.len() + 1;
    request["iid"] = json!(number);
    request["state"] = json!("opened");
    request["source_project_id"] = json!(14);
    request["web_url"] = json!(format!(
        "https://gitlab.example.com/space/rocket/-/merge_requests/{number}"
    ));
    state.merge_requests.push(request.clone());
    (201, request, vec![])
}

fn hook(signs: bool, id: i64, body: &Value) -> Value {
    let mut hook = body.clone();
    hook["id"] = json!(id);
    hook["alert_status"] = json!("executable");
    let fields = hook.as_object_mut().unwrap();
    fields.remove("token");
    let signing = fields.remove("signing_token").is_some();
    if signs {
        fields.insert("signing_token_present".to_owned(), json!(signing));
    }
    hook
}

fn put(list: &mut [Value], field: &str, value: &str, body: &Value) -> Answer {
    let Some(known) = list.iter_mut().find(|known| is(known, field, value)) else {
        return found(None);
    };
    for (name, value) in body.as_object().unwrap() {
        known[name] = value.clone();
    }
    (200, known.clone(), vec![])
}

/// A page of a list, with a link to the next one.
fn page(state: &State, all: &[Value], path: &str, query: &HashMap<String, String>) -> Answer {
    let number = |name: &str, default: usize| query.get(name).map_or(default, |value| value.parse().unwrap());
    let (size, page) = (number("per_page", 20).min(100), number("page", 1));
    let items: Vec<Value> = all.iter().skip((page - 1) * size).take(size).cloned().collect();
    let mut headers = Vec::new();
    if all.len() > page * size {
        let sort = query.get("sort").map_or("asc", String::as_str);
        let address = |page: usize| {
            format!(
                "<{}/api/v4/projects/14/{path}?page={page}&per_page={size}&sort={sort}>",
                state.link_base
            )
        };
        headers.push((
            "link",
            format!("{}; rel=\"first\", {}; rel=\"next\"", address(1), address(page + 1)),
        ));
    }
    (200, Value::Array(items), headers)
}

fn by(list: &[Value], field: &str, value: &str) -> Option<Value> {
    list.iter().find(|known| is(known, field, value)).cloned()
}

fn is(known: &Value, field: &str, value: &str) -> bool {
    match known[field].as_i64() {
        Some(number) => value.parse() == Ok(number),
        None => known[field].as_str() == Some(value),
    }
}

fn found(value: Option<Value>) -> Answer {
    match value {
        Some(value) => (200, value, vec![]),
        None => (404, json!({ "message": "404 Not found" }), vec![]),
    }
}
