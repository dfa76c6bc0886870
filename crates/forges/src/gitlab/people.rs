//! Users, members and projects.

use super::GitLab;
use super::wire::{WireMember, WireProject, WireUser};
use crate::error::ForgeError;
use crate::forge::ProjectKey;
use crate::model::{Access, Account, ProjectRef};

impl GitLab {
    pub(super) async fn user_of_token(&self) -> Result<WireUser, ForgeError> {
        self.api.get("read the token's user", &Self::target(&["user"])).await
    }

    pub(super) async fn read_myself(&self) -> Result<Account, ForgeError> {
        self.user_of_token().await.map(WireUser::account)
    }

    pub(super) async fn read_account(&self, id: i64) -> Result<Option<Account>, ForgeError> {
        let target = Self::target(&["users", &id.to_string()]);
        let found: Option<WireUser> = self.api.find("read a user", &target).await?;
        Ok(found.map(WireUser::account))
    }

    pub(super) async fn read_access(&self, project: &ProjectRef, user: i64) -> Result<Access, ForgeError> {
        let target = Self::of_project(project, &["members", "all", &user.to_string()]);
        let found: Option<WireMember> = self.api.find("read a member of the project", &target).await?;
        Ok(found.map_or(Access::None, |member| member.access()))
    }

    pub(super) async fn read_project(&self, project: ProjectKey<'_>) -> Result<Option<WireProject>, ForgeError> {
        let id;
        let key = match project {
            ProjectKey::Id(number) => {
                id = number.to_string();
                id.as_str()
            }
            ProjectKey::Path(path) => path.trim_matches('/'),
        };
        self.api
            .find("read the project", &Self::target(&["projects", key]))
            .await
    }
}
