//! Templates and their versions.

use std::collections::BTreeMap;

use bailey_core::template::{Form, Monotonic, ParameterType, ParameterValue, Sharing};
use bailey_core::{TemplateId, TemplateVersionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::layers::LayerState;
use crate::schema::{FormSchema, MonotonicSchema, ParameterTypeSchema, ParameterValueSchema, SharingSchema};
use crate::{Named, Time};

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TemplateId,
    /// Its unique name.
    #[schema(example = "shell")]
    pub name: String,
    /// The name to show; the unique name where the version in force has none.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Name of an icon; may be empty.
    pub icon: String,
    /// Where it came from.
    pub source: TemplateSource,
    /// Whether the server's folder of templates has it: then it is changed there, and not here.
    pub managed: bool,
    /// The number of the version in force, which new workspaces get; absent = none was promoted yet.
    pub active: Option<u64>,
    /// The number of the version that was in force before.
    pub previous: Option<u64>,
    /// When it was made.
    pub created_at: Time,
    /// Who made it; absent = Bailey itself.
    pub created_by: Option<Named>,
}

/// Who may use a template. Those who may see all templates may use all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateAccess {
    /// Whether everyone may. Where it is `false`, those may who are listed, and for others the template does not exist.
    pub everyone: bool,
    /// Groups whose members may, by name.
    #[serde(default)]
    pub groups: Vec<String>,
    /// People who may, by name.
    #[serde(default)]
    pub people: Vec<String>,
}

/// Where a template came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemplateSource {
    /// Somebody pushed it.
    Api,
    /// The server's folder of templates.
    Folder,
    /// It came with Bailey.
    Starter,
}

/// A template with what its version in force says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateDetail {
    /// The template.
    #[serde(flatten)]
    pub template: Template,
    /// What the version in force says; absent = there is none, or this Bailey cannot read it any more.
    pub content: Option<TemplateContent>,
}

/// A version of a template. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateVersion {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TemplateVersionId,
    /// Counts up from 1 within the template.
    pub number: u64,
    /// SHA-256 (hex) of its archive without gzip: files in the order of their names, without owners and times.
    pub digest: String,
    /// What its maker said about it.
    pub message: String,
    /// Whether it is in force.
    pub active: bool,
    /// How far what it installs is on this server.
    pub layer: LayerState,
    /// When it was made.
    pub created_at: Time,
    /// Who made it; absent = Bailey itself.
    pub created_by: Option<Named>,
}

/// A version with what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateVersionDetail {
    /// The version.
    #[serde(flatten)]
    pub version: TemplateVersion,
    /// What it says; absent = this Bailey cannot read it any more.
    pub content: Option<TemplateContent>,
}

/// What a version of a template says to those who make workspaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateContent {
    /// The name to show; absent = the template's name.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: String,
    /// Name of an icon; may be empty.
    pub icon: String,
    /// What can be chosen, in the order of a form.
    pub parameters: Vec<TemplateParameter>,
    /// Named sets of values.
    pub presets: Vec<TemplatePreset>,
    /// What is reached with a browser.
    pub apps: Vec<TemplateApp>,
    /// Named jobs for an AI agent.
    pub tasks: Vec<TemplateTask>,
    /// Where connections may go beside the gate.
    pub egress: Vec<TemplateEgress>,
    /// Whether nothing but the browser leads in.
    pub browser_only: bool,
    /// Whether it brings a root file system of its own.
    pub own_root: bool,
    /// Whether it installs something first, which is built once as a layer.
    pub needs_layer: bool,
}

/// What can be chosen when a workspace is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateParameter {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// What kind of value it has.
    #[serde(rename = "type")]
    #[schema(value_type = ParameterTypeSchema)]
    pub kind: ParameterType,
    /// The value when none is given; absent = a value is needed.
    #[schema(value_type = Option<ParameterValueSchema>)]
    pub default: Option<ParameterValue>,
    /// The values to choose from; empty = any.
    pub options: Vec<TemplateOption>,
    /// The least number, characters of a text or elements of a list.
    pub min: Option<f64>,
    /// The largest number, characters of a text or elements of a list.
    pub max: Option<f64>,
    /// Numbers are a number of these from `min`, or from 0.
    pub step: Option<f64>,
    /// In which direction it may change once it is set; absent = in both.
    #[schema(value_type = Option<MonotonicSchema>)]
    pub monotonic: Option<Monotonic>,
    /// What a text, or each element of a list, must match as a whole.
    pub regex: Option<String>,
    /// What is said when it does not.
    pub error: Option<String>,
    /// Whether it may be changed once the workspace is there.
    pub mutable: bool,
    /// How a person is asked for it.
    #[schema(value_type = FormSchema)]
    pub form: Form,
}

/// One of the values to choose from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplateOption {
    /// The value; of a list, the value of one element.
    #[schema(value_type = ParameterValueSchema)]
    pub value: ParameterValue,
    /// What people read.
    pub name: String,
    /// What it means.
    pub description: String,
}

/// A named set of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplatePreset {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The values; parameters that are not named keep their default.
    #[schema(value_type = BTreeMap<String, ParameterValueSchema>)]
    pub parameters: BTreeMap<String, ParameterValue>,
}

/// What is reached with a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateApp {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// Name of an icon; may be empty.
    pub icon: String,
    /// Who may open it, as far as the deployment allows it.
    #[schema(value_type = SharingSchema)]
    pub sharing: Sharing,
}

/// A named job for an AI agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateTask {
    /// Its name.
    pub name: String,
    /// What people read.
    pub display_name: String,
    /// What it is for.
    pub description: String,
}

/// Where connections may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateEgress {
    /// A host, or `*.` and one: all names below it.
    #[schema(example = "registry.npmjs.org")]
    pub host: String,
    /// The port.
    pub port: u16,
}

/// How an archive is pushed. The archive is the body.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TemplatePushQuery {
    /// The template's name: 1 to 32 lower-case letters, digits and single dashes. It is made if it is not there.
    pub name: String,
    /// What is said about the version, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether new workspaces get it from now on; `true` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<bool>,
    /// Whether everything is checked and nothing stored; `false` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TemplatePushed {
    /// The template as it is now; absent = a dry run, and there is none of the name.
    pub template: Option<Template>,
    /// The version of this content; absent = a dry run, and there is none.
    pub version: Option<TemplateVersion>,
    /// Whether a version was made, or would be; `false` = one of the same content was there already.
    pub created: bool,
    /// SHA-256 (hex) of the archive without gzip.
    pub digest: String,
    /// What it says.
    pub content: TemplateContent,
}

/// Which version is to be in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplatePromote {
    /// Its number.
    pub version: u64,
}

/// Which templates are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TemplateListQuery {
    /// Only the one of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only those from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TemplateSource>,
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Which versions are asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TemplateVersionListQuery {
    /// At most this many items, 1 to 1000; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
