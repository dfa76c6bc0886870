//! How chats begin, and how much more they get.

use bailey_api::AmountInput;
use bailey_api::chats::{self as wire, ChatCreate, ChatLimitsInput};
use bailey_chats::Start;
use bailey_core::chat::{Cause, Engine, Limits, Prompts, Run};
use bailey_core::workspace::Workspace;
use bailey_core::{ChatId, WorkspaceId};
use bailey_gateway::ChatModel;
use serde_json::json;

use super::{chat_error, check_limits, view, within};
use crate::app::checks::Checks;
use crate::app::names::Names;
use crate::app::{App, AppError, Caller, workspace_resource};
use crate::audit::Change;

/// Characters of a title that nobody gave.
const TITLE: usize = 60;
/// Bytes of the path of a directory.
const DIRECTORY: usize = 1024;
/// The most tokens that an agent writes in one step: what it needs for a large file.
const OUTPUT: u64 = 32_000;

/// What the chat of a ticket is begun with.
pub(in crate::app) struct Begin {
    /// Its id, named by the run.
    pub(in crate::app) id: ChatId,
    /// What it is called: nothing of strangers.
    pub(in crate::app) title: String,
    /// The model; `None` = the default one.
    pub(in crate::app) model: Option<String>,
    /// The repository's directory.
    pub(in crate::app) directory: String,
    /// What the agent is told of text of strangers, for the system prompt.
    pub(in crate::app) rules: String,
    /// The first message.
    pub(in crate::app) message: String,
}

impl App {
    /// What there is for chats in a workspace of one's own.
    pub async fn chat_options(&self, caller: &Caller, id: WorkspaceId) -> Result<wire::ChatOptions, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        let models = self.models_for(&workspace).await?;
        Ok(wire::ChatOptions {
            model: self.default_model(&workspace, &models).map(|model| model.name.clone()),
            models: models
                .iter()
                .map(|model| wire::ChatModel {
                    name: model.name.clone(),
                    display_name: model.display_name.clone(),
                })
                .collect(),
            limits: view::limits(&self.chats_config().limits()),
        })
    }

    /// Begins a chat in a workspace of one's own.
    pub async fn chat_create(&self, caller: &Caller, id: WorkspaceId, ask: ChatCreate) -> Result<wire::Chat, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        self.chat_in_browser(caller, id).await?;
        let limits = ask.limits.unwrap_or_default();
        let mut checks = Checks::default();
        check_limits(&mut checks, "/limits", &limits);
        if let Some(title) = &ask.title {
            checks.text("/title", title);
        }
        check_directory(&mut checks, ask.directory.as_deref());
        checks.done()?;
        let model = self.model_of(&workspace, ask.model.as_deref()).await?;
        let limits = within(&limits, &self.chats_config().limits());
        let title = ask.title.unwrap_or_else(|| title_of(ask.message.as_deref()));
        let record = Change::new("chats.create", workspace_resource(&workspace)).after(&json!({
            "title": title,
            "model": model.name,
            "plan": ask.plan.unwrap_or(false),
            "limits": view::limits(&limits),
        }));
        caller.record(record).await?;
        let start = Start {
            id: None,
            workspace: id,
            title,
            engine: self.engine(&model),
            prompts: Prompts {
                administrator: self.chats_config().system_prompt.clone(),
                template: workspace.resolved.chat.system_prompt.clone(),
            },
            directory: ask.directory,
            planned: ask.plan.unwrap_or(false),
            once: ask.once.unwrap_or(false),
            limits,
            task: None,
            message: ask.message.map(|text| (Some(caller.person()), text)),
        };
        let made = self.chats().create(start).await;
        let chat = made.map_err(|error| chat_error(error, "/message"))?;
        self.chat_view(chat, &mut Names::default()).await
    }

    /// Begins the chat of a ticket in its workspace, as the person that it is for: by their rights, which the caller has.
    pub(in crate::app) async fn chat_begin(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        begin: Begin,
    ) -> Result<(), AppError> {
        caller.inside()?;
        let workspace = self.workspace_within(caller, id).await?;
        let model = self.model_of(&workspace, begin.model.as_deref()).await?;
        let limits = self.chats_config().limits();
        let record = Change::new("chats.create", workspace_resource(&workspace)).after(&json!({
            "title": begin.title, "model": model.name, "plan": false, "limits": view::limits(&limits),
        }));
        caller.record(record).await?;
        let administrator = self.chats_config().system_prompt.clone().unwrap_or_default();
        let start = Start {
            id: Some(begin.id),
            workspace: id,
            title: begin.title,
            engine: self.engine(&model),
            prompts: Prompts {
                administrator: Some(format!("{administrator}\n\n{}", begin.rules).trim().to_owned()),
                template: workspace.resolved.chat.system_prompt.clone(),
            },
            directory: Some(begin.directory),
            planned: false,
            once: false,
            limits,
            task: None,
            message: Some((None, begin.message)),
        };
        let made = self.chats().create(start).await;
        made.map(drop).map_err(|error| chat_error(error, "/message"))
    }

    pub(in crate::app) fn engine(&self, model: &ChatModel) -> Engine {
        let context = model.context.unwrap_or(self.chats_config().context);
        Engine {
            model: model.name.clone(),
            protocol: model.protocol.as_str().to_owned(),
            context,
            // An answer never takes more than a quarter of what can be read.
            output: u32::try_from(model.output.min(OUTPUT).min(context / 4)).unwrap_or(u32::MAX),
            thinking: None,
        }
    }

    /// The models that chats in this workspace may use: the deployment's for chats, the template's, and the key's.
    async fn models_for(&self, workspace: &Workspace) -> Result<Vec<ChatModel>, AppError> {
        // A workspace that is down has no key; what it may ask is looked at when it asks.
        let key = self.gate().workspace_key(workspace.id).await.ok().flatten();
        let mut models = self.gateway().chat_models(key.as_deref());
        let lists = [&self.chats_config().models, &workspace.resolved.chat.models];
        for list in lists.into_iter().filter(|list| !list.is_empty()) {
            // Names that a model for all names answers to stand in no list of the door's own.
            let unlisted = list
                .iter()
                .filter(|name| models.iter().all(|model| model.name != **name));
            let more: Vec<ChatModel> = unlisted
                .filter_map(|name| self.gateway().chat_model(name))
                .filter(|model| key.as_ref().is_none_or(|key| key.allows(&model.name, None)))
                .collect();
            models.extend(more.into_iter().filter(|model| self.is_for_any_name(&model.name)));
            models.retain(|model| list.contains(&model.name));
        }
        Ok(models)
    }

    fn is_for_any_name(&self, name: &str) -> bool {
        self.gateway().models().iter().all(|model| model.name != name)
    }

    fn default_model<'m>(&self, workspace: &Workspace, models: &'m [ChatModel]) -> Option<&'m ChatModel> {
        let wanted = [&workspace.resolved.chat.model, &self.chats_config().model];
        let mut named = wanted.into_iter().flatten();
        let named = named.find_map(|name| models.iter().find(|model| model.name == *name));
        named.or_else(|| models.first())
    }

    /// The model of this name, or the one that chats in this workspace get.
    pub(crate) async fn model_of(&self, workspace: &Workspace, name: Option<&str>) -> Result<ChatModel, AppError> {
        let models = self.models_for(workspace).await?;
        let found = match name {
            Some(name) => models.iter().find(|model| model.name == name),
            None => self.default_model(workspace, &models),
        };
        found.cloned().ok_or_else(|| {
            let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
            let detail = if names.is_empty() {
                "there is no model for chats in this workspace".to_owned()
            } else {
                format!(
                    "is none that chats in this workspace may use; they may use {}",
                    names.join(", ")
                )
            };
            AppError::field("/model", detail)
        })
    }
}

/// What is wrong with a directory that is asked for.
pub(in crate::app) fn check_directory(checks: &mut Checks, directory: Option<&str>) {
    if directory.is_some_and(|path| path.is_empty() || path.len() > DIRECTORY || path.contains('\0')) {
        checks.wrong("/directory", format!("must be a path of at most {DIRECTORY} bytes"));
    }
}

/// The beginning of the first line that says something.
fn title_of(message: Option<&str>) -> String {
    let line = message
        .into_iter()
        .flat_map(str::lines)
        .map(str::trim)
        .find(|line| !line.is_empty());
    let line: String = line.unwrap_or("New chat").chars().filter(|c| !c.is_control()).collect();
    if line.chars().count() <= TITLE {
        return line;
    }
    let short: String = line.chars().take(TITLE).collect();
    format!("{}…", short.trim_end())
}

/// The limits of a chat that goes on. A limit that is named is what was used and as much as is asked for; one that it is held by,
/// and that is not named, what was used and as much again as it had. Neither is more at once than the deployment allows, and all
/// others stay.
pub(super) fn more(run: &Run, most: &Limits, asked: &ChatLimitsInput) -> Result<Limits, AppError> {
    let mut checks = Checks::default();
    check_limits(&mut checks, "/more", asked);
    checks.done()?;
    let had = run.limits;
    let wanted = ChatLimitsInput {
        steps: asked.steps.or(had.steps.filter(|_| run.cause == Some(Cause::Steps))),
        seconds: asked.seconds.or(had.seconds.filter(|_| run.cause == Some(Cause::Time))),
        cost: asked
            .cost
            .or(had.cost.filter(|_| run.cause == Some(Cause::Money)).map(AmountInput)),
    };
    let more = within(&wanted, most);
    let worked = run.active.div_ceil(1_000_000);
    Ok(Limits {
        steps: match wanted.steps.and(more.steps) {
            Some(steps) => Some(run.steps.saturating_add(steps)),
            None => had.steps,
        },
        seconds: match wanted.seconds.and(more.seconds) {
            Some(seconds) => Some(worked.saturating_add(seconds)),
            None => had.seconds,
        },
        cost: match wanted.cost.and(more.cost) {
            Some(cost) => Some(run.cost.saturating_add(cost)),
            None => had.cost,
        },
    })
}

#[cfg(test)]
mod tests {
    use bailey_core::Money;
    use bailey_core::chat::PlanMode;

    use super::*;

    #[test]
    fn a_title_is_the_beginning_of_the_first_line() {
        assert_eq!(title_of(None), "New chat");
        assert_eq!(title_of(Some("\n  Fix the test \nplease")), "Fix the test");
        let long = title_of(Some(&"word ".repeat(40)));
        assert!(long.ends_with("word…") && long.chars().count() <= TITLE + 1, "{long}");
    }

    #[test]
    fn what_goes_on_gets_more_of_what_it_is_held_by_and_of_what_is_named() {
        let most = Limits {
            steps: Some(200),
            seconds: Some(7_200),
            cost: Some(Money::cents(1_000)),
        };
        let had = Limits {
            steps: Some(5),
            seconds: Some(60),
            cost: Some(Money::cents(100)),
        };
        let mut run = Run::new(PlanMode::Off, false, had);
        (run.steps, run.cause) = (5, Some(Cause::Steps));
        let none = more(&run, &most, &ChatLimitsInput::default()).unwrap();
        assert_eq!(none, Limits { steps: Some(10), ..had });
        let asked = ChatLimitsInput {
            seconds: Some(30),
            ..ChatLimitsInput::default()
        };
        run.active = 10_000_000;
        let named = more(&run, &most, &asked).unwrap();
        let both = Limits {
            steps: Some(10),
            seconds: Some(40),
            ..had
        };
        assert_eq!(named, both);
    }
}
