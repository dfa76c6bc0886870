//! How types are described in OpenAPI that cannot derive it: those of `bailey-core`, which knows nothing of the wire,
//! and those with a text form of their own.

use bailey_core::authz::{Action, Role};
use bailey_core::chat::{CallKind, Cause, Channel, ChatState, Outcome as CallOutcome, PlanMode, Stop};
use bailey_core::key::{KeyScope, Tier};
use bailey_core::ledger::{ChargeFlag, Outcome};
use bailey_core::people::PersonStatus;
use bailey_core::period::Period;
use bailey_core::workspace::{BuildState, Transition, WorkspaceStatus};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{Lifetime, Moment};

fn one_of(names: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some(names))
        .into()
}

macro_rules! closed_lists {
    ($($(#[$doc:meta])* $name:ident as $text:literal = $names:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of($names)
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $text.into()
            }
        }
    )*};
}

closed_lists! {
    /// Schema of [`KeyScope`].
    KeyScopeSchema as "KeyScope" = KeyScope::ALL.map(KeyScope::as_str);
    /// Schema of [`Tier`].
    TierSchema as "Tier" = [Tier::Fast, Tier::General, Tier::Deep].map(Tier::as_str);
    /// Schema of [`Period`].
    PeriodSchema as "Period" = Period::ALL.map(Period::as_str);
    /// Schema of [`Role`].
    RoleSchema as "Role" = Role::ALL.map(Role::as_str);
    /// Schema of [`PersonStatus`].
    PersonStatusSchema as "PersonStatus" = PersonStatus::ALL.map(PersonStatus::as_str);
    /// Schema of [`Outcome`].
    OutcomeSchema as "Outcome" = Outcome::ALL.iter().map(|o| o.as_str());
    /// Schema of [`ChargeFlag`].
    ChargeFlagSchema as "ChargeFlag" = ChargeFlag::ALL.iter().map(|f| f.as_str());
    /// Schema of what a token may be used for: `*`, or an [`Action`].
    TokenScopeSchema as "TokenScope" = std::iter::once("*").chain(Action::ALL.iter().map(|a| a.as_str()));
    /// Schema of [`Action`].
    ActionSchema as "Action" = Action::ALL.iter().map(|a| a.as_str());
    /// Schema of [`bailey_core::workspace::Transition`].
    TransitionSchema as "Transition" = Transition::ALL.iter().map(|t| t.as_str());
    /// Schema of [`bailey_core::workspace::BuildState`].
    BuildStateSchema as "BuildState" = BuildState::ALL.iter().map(|s| s.as_str());
    /// Schema of [`bailey_core::workspace::WorkspaceStatus`].
    WorkspaceStatusSchema as "WorkspaceStatus" = WorkspaceStatus::ALL.iter().map(|s| s.as_str());
    /// Schema of [`bailey_core::template::Sharing`].
    SharingSchema as "Sharing" = ["owner", "authenticated", "public"];
    /// Schema of [`bailey_core::template::ParameterType`].
    ParameterTypeSchema as "ParameterType" = ["string", "number", "bool", "list"];
    /// Schema of [`bailey_core::template::Form`].
    FormSchema as "Form" = ["slider", "dropdown", "radio", "switch", "input", "textarea"];
    /// Schema of [`bailey_core::template::Monotonic`].
    MonotonicSchema as "Monotonic" = ["increasing", "decreasing"];
    /// Schema of [`crate::agent::AppHealth`].
    AppHealthSchema as "AppHealth" = ["starting", "healthy", "unhealthy"];
    /// Schema of [`bailey_core::chat::ChatState`].
    ChatStateSchema as "ChatState" = ChatState::ALL.iter().map(|s| s.as_str());
    /// Schema of [`bailey_core::chat::Cause`].
    ChatCauseSchema as "ChatCause" = Cause::ALL.iter().map(|c| c.as_str());
    /// Schema of [`bailey_core::chat::PlanMode`].
    PlanModeSchema as "PlanMode" = PlanMode::ALL.iter().map(|p| p.as_str());
    /// Schema of [`bailey_core::chat::Stop`].
    ChatStopSchema as "ChatStop" = Stop::ALL.iter().map(|s| s.as_str());
    /// Schema of [`bailey_core::chat::CallKind`].
    CallKindSchema as "CallKind" = CallKind::ALL.iter().map(|k| k.as_str());
    /// Schema of [`bailey_core::chat::Outcome`].
    CallOutcomeSchema as "CallOutcome" = CallOutcome::ALL.iter().map(|o| o.as_str());
    /// Schema of [`bailey_core::chat::Channel`].
    ChannelSchema as "Channel" = Channel::ALL.iter().map(|c| c.as_str());
    /// Schema of [`bailey_core::authz::Reach`].
    ReachSchema as "Reach" = ["own", "group", "all"];
}

/// Schema of [`bailey_core::template::ParameterValue`].
#[derive(Debug)]
pub struct ParameterValueSchema;

impl PartialSchema for ParameterValueSchema {
    fn schema() -> RefOr<Schema> {
        let one = |kind| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
        OneOfBuilder::new()
            .item(one(Type::Boolean))
            .item(one(Type::Number))
            .item(one(Type::String))
            .item(ArrayBuilder::new().items(one(Type::String)))
            .description(Some(
                "The value of a parameter: of the type that the template gives it.",
            ))
            .into()
    }
}

impl ToSchema for ParameterValueSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "ParameterValue".into()
    }
}

/// Schema of an archive's bytes.
#[derive(Debug)]
pub struct ArchiveSchema;

impl PartialSchema for ArchiveSchema {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("The bytes of an archive."))
            .into()
    }
}

impl ToSchema for ArchiveSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Archive".into()
    }
}

fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .description(Some(description))
        .examples([example])
}

impl PartialSchema for Lifetime {
    fn schema() -> RefOr<Schema> {
        let description = "How long something lives: a whole number and one of s, m, h, d, w; or never.";
        let pattern = Some("^([0-9]+[smhdw]|never)$");
        text(description, "30d").pattern(pattern).into()
    }
}

impl ToSchema for Lifetime {}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let description = "An instant (RFC 3339), a date (its first instant, UTC), or a duration back from now.";
        text(description, "24h").into()
    }
}

impl ToSchema for Moment {}
