//! Answers to `GET /v1/models`, in both vendors' shapes.

use serde_json::{Value, json};

/// A model as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// The name that requests use.
    pub id: String,
    /// A name for people.
    pub display_name: String,
    /// When it was made known, in seconds since the epoch.
    pub created: i64,
    /// Who offers it.
    pub owned_by: String,
}

/// OpenAI's shape: `{"object":"list","data":[{"id","object":"model","created","owned_by"}]}`.
pub fn list_openai(models: &[ModelInfo]) -> Vec<u8> {
    let data: Vec<Value> = models.iter().map(openai).collect();
    json!({"object": "list", "data": data}).to_string().into_bytes()
}

/// One model in OpenAI's shape, the answer to `GET /v1/models/{id}`.
pub fn show_openai(model: &ModelInfo) -> Vec<u8> {
    openai(model).to_string().into_bytes()
}

fn openai(model: &ModelInfo) -> Value {
    json!({"id": model.id, "object": "model", "created": model.created, "owned_by": model.owned_by})
}

/// Anthropic's shape, one page with everything: `{"data":[{"type":"model","id","display_name","created_at"}],
/// "has_more":false,"first_id","last_id"}`.
pub fn list_anthropic(models: &[ModelInfo]) -> Vec<u8> {
    let data: Vec<Value> = models.iter().map(anthropic).collect();
    let first = models.first().map(|m| m.id.as_str());
    let last = models.last().map(|m| m.id.as_str());
    json!({"data": data, "has_more": false, "first_id": first, "last_id": last})
        .to_string()
        .into_bytes()
}

/// One model in Anthropic's shape.
pub fn show_anthropic(model: &ModelInfo) -> Vec<u8> {
    anthropic(model).to_string().into_bytes()
}

fn anthropic(model: &ModelInfo) -> Value {
    let created = bailey_core::Timestamp::from_seconds(model.created).to_string();
    json!({"type": "model", "id": model.id, "display_name": model.display_name, "created_at": created})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str) -> ModelInfo {
        ModelInfo {
            id: id.to_owned(),
            display_name: "M".to_owned(),
            created: 0,
            owned_by: "bailey".to_owned(),
        }
    }

    #[test]
    fn lists_have_the_fields_that_clients_read() {
        let models = [model("claude-a"), model("gpt-b")];
        let list: Value = serde_json::from_slice(&list_anthropic(&models)).unwrap();
        assert_eq!(list["data"][0]["type"], "model");
        assert_eq!(list["data"][0]["created_at"], "1970-01-01T00:00:00Z");
        assert_eq!(
            (list["first_id"].as_str(), list["last_id"].as_str()),
            (Some("claude-a"), Some("gpt-b"))
        );
        assert_eq!(list["has_more"], false);
        let list: Value = serde_json::from_slice(&list_openai(&models)).unwrap();
        assert_eq!(
            (&list["object"], &list["data"][1]["object"]),
            (&json!("list"), &json!("model"))
        );
        assert_eq!(
            serde_json::from_slice::<Value>(&list_anthropic(&[])).unwrap()["first_id"],
            Value::Null
        );
    }
}
