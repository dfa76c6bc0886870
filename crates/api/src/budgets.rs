//! Budgets: how they are asked for, and how they stand.

use std::fmt;

use bailey_core::BudgetId;
use bailey_core::budget::BudgetSpec;
use bailey_core::period::Period;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::schema::PeriodSchema;
use crate::{Amount, AmountInput, Time};

/// An amount per period in its long form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetObject {
    /// The most that may be spent in one window, in dollars.
    pub limit: AmountInput,
    /// How often it begins anew. `run` is the life of one key, and only keys have it.
    #[schema(value_type = PeriodSchema)]
    pub period: Period,
}

/// An amount per period: `"5/day"` or `{"limit": "5", "period": "day"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetInput(pub BudgetSpec);

/// One budget, or a list of them with different periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetsInput(pub Vec<BudgetSpec>);

impl Serialize for BudgetInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for BudgetsInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

struct OneVisitor;

impl<'de> de::Visitor<'de> for OneVisitor {
    type Value = BudgetInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a budget such as \"5/day\" or {\"limit\": \"5\", \"period\": \"day\"}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<BudgetInput, E> {
        text.parse().map(BudgetInput).map_err(E::custom)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<BudgetInput, A::Error> {
        let BudgetObject { limit, period } = BudgetObject::deserialize(MapAccessDeserializer::new(map))?;
        Ok(BudgetInput(BudgetSpec { limit: limit.0, period }))
    }
}

impl<'de> Deserialize<'de> for BudgetInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneVisitor)
    }
}

struct SomeVisitor;

impl<'de> de::Visitor<'de> for SomeVisitor {
    type Value = BudgetsInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a budget such as \"5/day\", or a list of such")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<BudgetsInput, E> {
        OneVisitor.visit_str(text).map(|one| BudgetsInput(vec![one.0]))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<BudgetsInput, A::Error> {
        OneVisitor.visit_map(map).map(|one| BudgetsInput(vec![one.0]))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<BudgetsInput, A::Error> {
        let list = Vec::<BudgetInput>::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(BudgetsInput(list.into_iter().map(|one| one.0).collect()))
    }
}

impl<'de> Deserialize<'de> for BudgetsInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SomeVisitor)
    }
}

impl PartialSchema for BudgetInput {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .examples(["5/day"]);
        OneOfBuilder::new()
            .item(text)
            .item(Ref::from_schema_name("BudgetObject"))
            .into()
    }
}

impl ToSchema for BudgetInput {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((BudgetObject::name().into(), BudgetObject::schema()));
        BudgetObject::schemas(schemas);
    }
}

impl PartialSchema for BudgetsInput {
    fn schema() -> RefOr<Schema> {
        let one = || Ref::from_schema_name("BudgetInput");
        OneOfBuilder::new()
            .item(one())
            .item(ArrayBuilder::new().items(one()))
            .into()
    }
}

impl ToSchema for BudgetsInput {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((BudgetInput::name().into(), BudgetInput::schema()));
        BudgetInput::schemas(schemas);
    }
}

/// What a budget limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// One key.
    Key,
    /// One person, all their keys and API tokens together.
    Person,
    /// What one person asks for with their own API tokens, all together; the id is the person's.
    Tokens,
    /// One group, all that is charged to it.
    Group,
    /// Everyone.
    Organization,
}

/// Whom a budget limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Subject {
    /// What it is.
    pub kind: SubjectKind,
    /// Its id.
    pub id: String,
}

/// A budget, and how it stands in the running window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Budget {
    /// Its id.
    #[schema(value_type = String)]
    pub id: BudgetId,
    /// Whom it limits.
    pub subject: Subject,
    /// How often it begins anew.
    #[schema(value_type = PeriodSchema)]
    pub period: Period,
    /// The most that may be spent in one window.
    pub limit: Amount,
    /// What is spent in the running window; overrun is not in it.
    pub spent: Amount,
    /// What providers billed beyond what was asked of them in the running window. It uses the limit up, too.
    pub overrun: Amount,
    /// What servers have in hand for requests under way and to come.
    pub leased: Amount,
    /// What is left: the limit less spent and overrun, never below zero.
    pub left: Amount,
    /// When the running window began; absent for `run` and `total`.
    pub window_start: Option<Time>,
    /// When it begins anew; absent for `run` and `total`.
    pub resets_at: Option<Time>,
    /// When the budget was made.
    pub created_at: Time,
}

/// Whom a new budget limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectInput {
    /// What it is.
    pub kind: SubjectKind,
    /// Its id; a name also does for people and groups. Not needed for the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A new budget. One subject has at most one budget of each period.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetCreate {
    /// Whom it limits.
    pub subject: SubjectInput,
    /// The most that may be spent in one window, in dollars.
    pub limit: AmountInput,
    /// How often it begins anew.
    #[schema(value_type = PeriodSchema)]
    pub period: Period,
}

/// A change of a budget.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetUpdate {
    /// The most that may be spent in one window, in dollars. Holds now; what is spent stays spent.
    pub limit: AmountInput,
}

/// Which budgets are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BudgetListQuery {
    /// Only those of the subject of this kind and `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub kind: Option<SubjectKind>,
    /// The subject's id; a name also does for people and groups. Together with `kind`; not needed for the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_read_in_all_its_forms() {
        let read = |json: &str| serde_json::from_str::<BudgetsInput>(json).map(|b| b.0);
        let five = || "5/day".parse::<BudgetSpec>().unwrap();
        assert_eq!(read("\"5/day\"").unwrap(), [five()]);
        assert_eq!(read(r#"{"limit": 5, "period": "day"}"#).unwrap(), [five()]);
        assert_eq!(
            read(r#"["5/day", {"limit": "0.5", "period": "run"}]"#).unwrap(),
            [five(), "0.5/run".parse().unwrap()]
        );
        for bad in [
            "5",
            "\"5\"",
            "\"5/fortnight\"",
            "\"-5/day\"",
            "\"NaN/day\"",
            r#"{"limit": "5"}"#,
            r#"{"limit": "5", "period": "day", "spent": "0"}"#,
            "null",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
