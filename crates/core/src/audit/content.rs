//! What a row is about: what may have to be erased one day.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Hash;
use super::row::{Encoder, hex, unhex};

/// The content of a row. It is kept apart from the row, which has its hash alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Random: without it nobody can guess an erased content and try whether its hash is the one.
    #[serde(with = "salt")]
    pub salt: [u8; 16],
    /// The actor's name at the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The resource's name at the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The address that whoever did it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Why it failed or was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was there before, with secrets replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there after, with secrets replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Content {
    /// Its hash, which stands in the row. Independent of how it is written down: members of objects have no order.
    pub fn digest(&self) -> Hash {
        let mut enc = Encoder::new(b"bailey audit content v1");
        enc.bytes(&self.salt)
            .optional(self.actor.as_deref())
            .optional(self.resource.as_deref())
            .optional(self.address.as_deref())
            .optional(self.reason.as_deref());
        for value in [&self.before, &self.after] {
            match value {
                None => {
                    enc.tag(0);
                }
                Some(value) => {
                    enc.tag(1);
                    json(&mut enc, value);
                }
            }
        }
        enc.finish()
    }
}

fn json(enc: &mut Encoder, value: &Value) {
    match value {
        Value::Null => {
            enc.tag(b'n');
        }
        Value::Bool(x) => {
            enc.tag(if *x { b't' } else { b'f' });
        }
        // `scrub` leaves whole numbers alone, whose text is the same each time.
        Value::Number(x) => {
            enc.tag(b'#').text(&x.to_string());
        }
        Value::String(x) => {
            enc.tag(b's').text(x);
        }
        Value::Array(items) => {
            enc.tag(b'[').number(items.len() as u64);
            for item in items {
                json(enc, item);
            }
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            enc.tag(b'{').number(members.len() as u64);
            for (name, member) in members {
                json(enc.text(name), member);
            }
        }
    }
}

/// The salt as hexadecimal text.
mod salt {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{hex, unhex};

    pub(super) fn serialize<S: Serializer>(salt: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(salt))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
        let text = String::deserialize(deserializer)?;
        unhex(&text).ok_or_else(|| D::Error::custom("a salt is 32 hexadecimal digits"))
    }
}
