//! From what a person writes to the workspace that is meant.

use bailey_api::Page;
use bailey_api::me::Me;
use bailey_api::workspaces::{Workspace, WorkspaceListQuery};
use bailey_core::WorkspaceId;

use super::PATH;
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output::understood;

/// The workspace of an id, of `OWNER/NAME`, or of a name: one's own.
pub(crate) async fn find(api: &Api, text: &str) -> Result<Workspace, Failure> {
    if text.parse::<WorkspaceId>().is_ok() {
        return understood(api.get(&format!("{PATH}/{}", segment(text)), &()).await?);
    }
    let (owner, name) = match text.split_once('/') {
        Some((owner, name)) => (owner.to_owned(), name),
        None => {
            let me: Me = understood(api.get("/me", &()).await?)?;
            (me.user.id.to_string(), text)
        }
    };
    let query = WorkspaceListQuery {
        owner: Some(owner),
        name: Some(name.to_owned()),
        ..WorkspaceListQuery::default()
    };
    let page: Page<Workspace> = understood(api.list(PATH, &query, Some(1)).await?)?;
    page.items.into_iter().next().ok_or_else(|| {
        Failure::new(format!("there is no workspace `{text}`"))
            .hint("list yours with `bailey list`; another person's is written OWNER/NAME")
    })
}
