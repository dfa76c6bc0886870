//! `DELETE /api/v1/users/{id}`

use axum::Json;
use bailey_api::offboarding::{Deletion, UserDeleteQuery};

use crate::cx::RequestCx;
use crate::extract::{Id, Query};
use crate::reject::Reject;

/// Deletes a suspended person for good. Their workspaces and kept homes become another person's, who must have none of the
/// same name, or are deleted. What the ledger says of them stays under their name, which nobody else gets.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{id}",
    operation_id = "users_delete",
    tag = "users",
    params(("id" = String, Path, description = "The person's id or name"), UserDeleteQuery),
    responses((status = 200, description = "Done; workspaces that are not handed over are being deleted", body = Deletion)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<String>,
    Query(query): Query<UserDeleteQuery>,
) -> Result<Json<Deletion>, Reject> {
    Ok(Json(cx.app().user_delete(&cx.caller, &id, query).await?))
}
