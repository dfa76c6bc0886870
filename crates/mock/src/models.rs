//! `GET /v1/models` in the shape that the caller reads.

use serde_json::{Value, json};

/// Date given for every model.
const CREATED: (&str, u64) = ("2026-01-01T00:00:00Z", 1_767_225_600);

/// All models; `anthropic` chooses the shape.
pub(crate) fn list(names: &[String], anthropic: bool) -> Value {
    let data: Vec<_> = names.iter().map(|name| one(name, anthropic)).collect();
    if anthropic {
        json!({"data": data, "has_more": false, "first_id": names.first(), "last_id": names.last()})
    } else {
        json!({"object": "list", "data": data})
    }
}

/// One model.
pub(crate) fn one(name: &str, anthropic: bool) -> Value {
    if anthropic {
        json!({"type": "model", "id": name, "display_name": name, "created_at": CREATED.0})
    } else {
        json!({"id": name, "object": "model", "created": CREATED.1, "owned_by": "bailey-mock"})
    }
}
