//! Answers to what no route takes, and how problems are described in OpenAPI.

use axum::response::{IntoResponse, Response};
use bailey_api::{Code, FieldError, Problem};
use utoipa::openapi::{Content, Ref, RefOr, Response as Described, ResponseBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::reject::Reject;

/// The answer at an address that does not exist.
pub(crate) async fn no_such_route() -> Response {
    Reject::new(Code::NoSuchRoute, "the addresses are described at /api/openapi.json").into_response()
}

/// The answer to a method that the address does not take. The framework adds the `Allow` header.
pub(crate) async fn method_not_allowed() -> Response {
    Reject::new(Code::MethodNotAllowed, "the methods it takes are in the header `allow`").into_response()
}

/// A problem document as the answer to any operation.
pub(crate) fn response() -> Described {
    let content = Content::new(Some(Ref::from_schema_name(Problem::name())));
    ResponseBuilder::new()
        .description("A problem document")
        .content("application/problem+json", content)
        .build()
}

/// The schemas of problem documents.
pub(crate) fn schemas() -> [(String, RefOr<Schema>); 2] {
    [
        (Problem::name().into_owned(), Problem::schema()),
        (FieldError::name().into_owned(), FieldError::schema()),
    ]
}
