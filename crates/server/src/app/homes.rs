//! Homes that were kept when their workspaces were deleted.

use bailey_api::homes::{Home, HomeListQuery};
use bailey_api::{Named, Page, Time};
use bailey_core::WorkspaceId;
use bailey_core::workspace::Workspace;
use bailey_store::WorkspaceFilter;

use super::caller::sees;
use super::names::Names;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'h';

impl App {
    /// Kept homes within reach, those of the newest workspaces first.
    pub async fn homes_list(&self, caller: &Caller, query: HomeListQuery) -> Result<Page<Home>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), WorkspaceId::from_uuid)?;
        let mut filter = WorkspaceFilter::within(reach);
        filter.name = query.name;
        if let Some(text) = &query.owner {
            let Some(owner) = self.find_person(text, &filter.reach).await? else {
                return Ok(Page {
                    items: Vec::new(),
                    next_cursor: None,
                });
            };
            filter.owner = Some(owner.id);
        }
        let (homes, next) = self.store().homes_list(&filter, page).await?;
        let mut names = Names::default();
        let mut items = Vec::with_capacity(homes.len());
        for home in homes {
            items.push(self.home_view(home, &mut names).await?);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(WorkspaceId::uuid)),
        })
    }

    /// Removes a kept home and everything in it, for good.
    pub async fn home_delete(&self, caller: &Caller, id: WorkspaceId) -> Result<(), AppError> {
        let reach = self.people_within(caller).await?;
        let home = self.store().home_get(id).await?;
        let home = home
            .filter(|home| sees(&reach, Some(home.owner)))
            .ok_or(AppError::NotFound)?;
        let resource = Resource::new("home", home.id).named(&home.name);
        caller.record(Change::new("homes.delete", resource)).await?;
        self.fleet().home_delete(home.id).await?;
        Ok(())
    }

    async fn home_view(&self, home: Workspace, names: &mut Names) -> Result<Home, AppError> {
        let template = self.store().template_get(home.template).await?;
        let template = template.map_or_else(|| home.template.to_string(), |template| template.name);
        Ok(Home {
            id: home.id,
            owner: names.person(self, home.owner).await?,
            template: Named {
                id: home.template.to_string(),
                name: template,
            },
            disk: home.resolved.resources.disk,
            created_at: Time(home.created_at),
            deleted_at: Time(home.deleted_at.unwrap_or(home.created_at)),
            name: home.name,
        })
    }
}
