//! The routes, and the authorization table: what each operation needs.

mod apps;
mod audit;
mod auth;
mod budgets;
mod chats;
mod connections;
mod grants;
mod groups;
mod health;
mod homes;
mod invitations;
mod keys;
mod me;
mod models;
mod organization;
mod policy;
mod prices;
mod public;
mod requests;
mod roles;
mod sessions;
mod sign_in;
mod spend;
mod tasks;
mod templates;
mod tokens;
mod users;
mod workspaces;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use bailey_core::authz::Action;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::app::App;
use crate::envelope::envelope;
use crate::extract::LIMIT;
use crate::fleet;
use crate::guard::{Access, guard};
use crate::identity::COOKIE_NAME;
use crate::problems;

/// One operation and what it needs.
struct Row {
    access: Access,
    routes: UtoipaMethodRouter<App>,
}

/// The authorization table. A route that does not stand here does not exist.
fn table() -> Vec<Row> {
    let mut rows = rows_of_identity();
    rows.extend(rows_of_the_gate());
    rows.extend(rows_of_workspaces());
    rows.extend(rows_of_chats());
    rows.extend(rows_of_connections());
    rows
}

fn rows_of_identity() -> Vec<Row> {
    use Access::{Anyone, Needs, Public, Session};
    use Action as A;
    let row = |access, routes| Row { access, routes };
    vec![
        row(Public, routes!(sign_in::options::handler)),
        row(Public, routes!(sign_in::password::handler)),
        row(Public, routes!(sign_in::claim::handler)),
        row(Public, routes!(sign_in::accept::handler)),
        row(Session, routes!(sign_in::login_code::handler)),
        row(Public, routes!(sign_in::login_redeem::handler)),
        row(Session, routes!(sign_in::out::handler)),
        // It is for those who are signed in and those who are not: the handler tells them apart.
        row(Public, routes!(apps::enter::handler)),
        // A browser on its way to an identity provider and back, and the provider itself, whose token says who it is.
        row(Public, routes!(auth::start::handler)),
        row(Public, routes!(auth::callback::handler)),
        row(Public, routes!(auth::logout::handler)),
        row(Public, routes!(auth::external::handler)),
        row(Needs(A::SessionRead), routes!(sessions::list::handler)),
        row(Needs(A::SessionEnd), routes!(sessions::end::handler)),
        row(Anyone, routes!(me::get::handler)),
        // For others than oneself it takes more, which the use-case looks after.
        row(Anyone, routes!(policy::handler)),
        row(Needs(A::RoleWrite), routes!(roles::create::handler)),
        row(Needs(A::RoleRead), routes!(roles::list::handler)),
        row(Needs(A::RoleRead), routes!(roles::get::handler)),
        row(Needs(A::RoleWrite), routes!(roles::update::handler)),
        row(Needs(A::RoleWrite), routes!(roles::delete::handler)),
        row(Needs(A::RoleWrite), routes!(grants::create::handler)),
        row(Needs(A::RoleRead), routes!(grants::list::handler)),
        row(Needs(A::RoleWrite), routes!(grants::delete::handler)),
        row(Session, routes!(me::confirm::handler)),
        row(Anyone, routes!(me::identities::handler)),
        row(Session, routes!(me::identity_remove::handler)),
        row(Anyone, routes!(me::external_accounts::handler)),
        row(Session, routes!(me::external_link::handler)),
        row(Anyone, routes!(me::external_unlink::handler)),
        row(Session, routes!(me::password::handler)),
        row(Session, routes!(me::factor_begin::handler)),
        row(Session, routes!(me::factor_confirm::handler)),
        row(Session, routes!(me::factor_remove::handler)),
        row(Needs(A::PersonWrite), routes!(invitations::create::handler)),
        row(Needs(A::PersonWrite), routes!(invitations::list::handler)),
        row(Needs(A::PersonWrite), routes!(invitations::revoke::handler)),
    ]
}

fn rows_of_the_gate() -> Vec<Row> {
    use Access::{Needs, Public};
    use Action as A;
    let row = |access, routes| Row { access, routes };
    vec![
        row(Public, routes!(public::livez::handler)),
        row(Public, routes!(public::readyz::handler)),
        row(Public, routes!(public::metrics::handler)),
        row(Public, routes!(public::openapi::handler)),
        row(Public, routes!(public::error_page::handler)),
        // For agents, whose tokens are of another kind: the handler authenticates them.
        row(Public, routes!(fleet::endpoint::handler)),
        row(Needs(A::KeyCreate), routes!(keys::create::handler)),
        row(Needs(A::KeyRead), routes!(keys::list::handler)),
        row(Needs(A::KeyRead), routes!(keys::get::handler)),
        row(Needs(A::KeyUpdate), routes!(keys::update::handler)),
        row(Needs(A::KeyRevoke), routes!(keys::revoke::handler)),
        row(Needs(A::KeyUpdate), routes!(keys::rotate::handler)),
        row(Needs(A::PersonWrite), routes!(users::create::handler)),
        row(Needs(A::PersonRead), routes!(users::list::handler)),
        row(Needs(A::PersonRead), routes!(users::get::handler)),
        row(Needs(A::PersonWrite), routes!(users::update::handler)),
        row(Needs(A::PersonWrite), routes!(users::suspend::handler)),
        row(Needs(A::PersonRead), routes!(users::suspension::handler)),
        row(Needs(A::PersonWrite), routes!(users::reactivate::handler)),
        row(Needs(A::PersonWrite), routes!(users::delete::handler)),
        row(Needs(A::GroupWrite), routes!(groups::create::handler)),
        row(Needs(A::GroupRead), routes!(groups::list::handler)),
        row(Needs(A::GroupRead), routes!(groups::get::handler)),
        row(Needs(A::GroupWrite), routes!(groups::update::handler)),
        row(Needs(A::GroupWrite), routes!(groups::delete::handler)),
        row(Needs(A::GroupWrite), routes!(groups::member_add::handler)),
        row(Needs(A::GroupWrite), routes!(groups::member_remove::handler)),
        row(Needs(A::GroupRead), routes!(organization::get::handler)),
        row(Needs(A::GroupWrite), routes!(organization::update::handler)),
        row(Needs(A::BudgetWrite), routes!(budgets::create::handler)),
        row(Needs(A::BudgetRead), routes!(budgets::list::handler)),
        row(Needs(A::BudgetRead), routes!(budgets::get::handler)),
        row(Needs(A::BudgetWrite), routes!(budgets::update::handler)),
        row(Needs(A::BudgetWrite), routes!(budgets::delete::handler)),
        row(Needs(A::TokenCreate), routes!(tokens::create::handler)),
        row(Needs(A::TokenRead), routes!(tokens::list::handler)),
        row(Needs(A::TokenRevoke), routes!(tokens::revoke::handler)),
        row(Needs(A::TokenCreate), routes!(tokens::rotate::handler)),
        row(Needs(A::AuditRead), routes!(audit::list::handler)),
        row(Needs(A::AuditRead), routes!(audit::get::handler)),
        row(Needs(A::AuditRead), routes!(audit::export::handler)),
        row(Needs(A::AuditRead), routes!(audit::verify::handler)),
        row(Needs(A::AuditRead), routes!(audit::anchors::handler)),
        row(Needs(A::LedgerRead), routes!(requests::list::handler)),
        row(Needs(A::LedgerRead), routes!(requests::get::handler)),
        row(Needs(A::LedgerRead), routes!(spend::handler)),
        row(Needs(A::HealthRead), routes!(health::handler)),
        row(Needs(A::ModelRead), routes!(models::handler)),
        row(Needs(A::ModelRead), routes!(prices::handler)),
    ]
}

fn rows_of_connections() -> Vec<Row> {
    use Access::{Needs, Public};
    use Action as A;
    let row = |access, routes| Row { access, routes };
    vec![
        // For forges, whose signature the handler verifies.
        row(Public, routes!(connections::hook::handler)),
        row(Needs(A::ConnectionWrite), routes!(connections::create::handler)),
        row(Needs(A::ConnectionRead), routes!(connections::list::handler)),
        row(Needs(A::ConnectionRead), routes!(connections::get::handler)),
        row(Needs(A::ConnectionWrite), routes!(connections::update::handler)),
        row(Needs(A::ConnectionWrite), routes!(connections::delete::handler)),
        row(Needs(A::ConnectionWrite), routes!(connections::check::handler)),
        row(Needs(A::ConnectionWrite), routes!(connections::register::handler)),
        row(Needs(A::ConnectionRead), routes!(connections::runs::handler)),
        row(Needs(A::ConnectionRead), routes!(connections::deliveries::handler)),
    ]
}

fn rows_of_workspaces() -> Vec<Row> {
    use Access::Needs;
    use Action as A;
    let row = |access, routes| Row { access, routes };
    vec![
        row(Needs(A::TemplateWrite), routes!(templates::push::handler)),
        row(Needs(A::TemplateRead), routes!(templates::list::handler)),
        row(Needs(A::TemplateRead), routes!(templates::get::handler)),
        row(Needs(A::TemplateWrite), routes!(templates::delete::handler)),
        row(Needs(A::TemplateRead), routes!(templates::access::get)),
        row(Needs(A::TemplateWrite), routes!(templates::access::set)),
        row(Needs(A::TemplateRead), routes!(templates::versions::handler)),
        row(Needs(A::TemplateRead), routes!(templates::version::handler)),
        row(Needs(A::TemplateRead), routes!(templates::archive::handler)),
        row(Needs(A::TemplateWrite), routes!(templates::build::begin)),
        row(Needs(A::TemplateRead), routes!(templates::build::get)),
        row(Needs(A::TemplateWrite), routes!(templates::build_log::handler)),
        row(Needs(A::TemplateWrite), routes!(templates::promote::handler)),
        row(Needs(A::TemplateWrite), routes!(templates::rollback::handler)),
        row(Needs(A::WorkspaceAccess), routes!(apps::open::handler)),
        row(Needs(A::WorkspaceRead), routes!(me::quota::handler)),
        row(Needs(A::WorkspaceCreate), routes!(workspaces::create::handler)),
        row(Needs(A::WorkspaceRead), routes!(workspaces::list::handler)),
        row(Needs(A::WorkspaceRead), routes!(workspaces::get::handler)),
        row(Needs(A::WorkspaceUpdate), routes!(workspaces::settings::handler)),
        row(Needs(A::WorkspaceDelete), routes!(workspaces::delete::handler)),
        row(Needs(A::WorkspaceRead), routes!(homes::list::handler)),
        row(Needs(A::WorkspaceDelete), routes!(homes::delete::handler)),
        row(Needs(A::WorkspaceUpdate), routes!(workspaces::start::handler)),
        row(Needs(A::WorkspaceUpdate), routes!(workspaces::stop::handler)),
        row(Needs(A::WorkspaceUpdate), routes!(workspaces::restart::handler)),
        row(Needs(A::WorkspaceUpdate), routes!(workspaces::update::handler)),
        row(Needs(A::WorkspaceRead), routes!(workspaces::live::handler)),
        row(Needs(A::WorkspaceRead), routes!(workspaces::builds::handler)),
        row(Needs(A::WorkspaceRead), routes!(workspaces::build::handler)),
        row(Needs(A::WorkspaceRead), routes!(workspaces::log::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::terminal::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::exec::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::files::read::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::files::write::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::files::delete::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::files::stat::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::files::list::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::files::search::handler)),
        row(
            Needs(A::WorkspaceAccess),
            routes!(workspaces::files::directory::handler),
        ),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::files::rename::handler)),
        row(Needs(A::WorkspaceAccess), routes!(workspaces::ports::handler)),
    ]
}

fn rows_of_chats() -> Vec<Row> {
    use Access::{Inside, Needs};
    use Action as A;
    let row = |access, routes| Row { access, routes };
    vec![
        row(Inside(A::ChatWrite), routes!(chats::create::handler)),
        row(Needs(A::ChatWrite), routes!(chats::options::handler)),
        row(Needs(A::ChatRead), routes!(chats::list::handler)),
        row(Needs(A::ChatRead), routes!(chats::get::handler)),
        row(Needs(A::ChatRead), routes!(chats::events::handler)),
        row(Needs(A::ChatWrite), routes!(chats::update::handler)),
        row(Inside(A::ChatWrite), routes!(chats::message::handler)),
        row(Inside(A::ChatWrite), routes!(chats::answer::handler)),
        row(Inside(A::ChatWrite), routes!(chats::plan::handler)),
        row(Inside(A::ChatWrite), routes!(chats::resume::handler)),
        row(Needs(A::ChatWrite), routes!(chats::finish::handler)),
        row(Needs(A::ChatStop), routes!(chats::interrupt::handler)),
        row(Needs(A::ChatStop), routes!(chats::stop::handler)),
        row(Needs(A::ChatWrite), routes!(tasks::list::handler)),
        row(Inside(A::ChatWrite), routes!(tasks::run::handler)),
        row(Needs(A::ChatRead), routes!(tasks::runs::handler)),
        row(Needs(A::ChatRead), routes!(tasks::get::handler)),
    ]
}

/// The API's router.
pub fn router(app: &App) -> Router {
    let mut router = OpenApiRouter::new();
    for Row { access, routes } in table() {
        let layer = from_fn_with_state((app.clone(), access), guard);
        router = router.routes(routes.layer(layer));
    }
    let (router, _) = router.split_for_parts();
    router
        .fallback(problems::no_such_route)
        .method_not_allowed_fallback(problems::method_not_allowed)
        // Bodies are read and capped by `extract::Body`; nothing else reads one.
        .layer(DefaultBodyLimit::max(LIMIT))
        .layer(from_fn_with_state(app.clone(), envelope))
        .with_state(app.clone())
}

const DESCRIPTION: &str = "Bailey's administration API. Errors are problem documents (RFC 9457); their codes are \
    explained at /errors/{code}. In a change, an absent field stays as it is and null clears it. What a token needs is \
    named as a scope at each operation.";

/// The description of the API.
pub fn openapi() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Bailey")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .build();
    let mut router = OpenApiRouter::<App>::with_openapi(OpenApiBuilder::new().info(info).build());
    for Row {
        access,
        routes: (schemas, mut paths, methods),
    } in table()
    {
        for operation in paths.paths.values_mut().flat_map(operations) {
            describe(operation, access);
        }
        router = router.routes((schemas, paths, methods));
    }
    let mut api = router.into_openapi();
    let components = api.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token."));
    components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer.build()));
    let about = "A session in a browser. What changes something takes an `Origin` of Bailey's own.";
    let cookie = ApiKeyValue::with_description(COOKIE_NAME, about);
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    for (name, schema) in problems::schemas() {
        components.schemas.insert(name, schema);
    }
    api
}

/// The description of the API as the text of `openapi.json`.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    openapi().to_pretty_json().map(|text| text + "\n")
}

const SCHEME: &str = "token";
const SESSION: &str = "session";

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = path;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// What every operation has: the action that it needs, named as the scope of a token, and its errors.
fn describe(operation: &mut Operation, access: Access) {
    let session = SecurityRequirement::new::<_, _, &str>(SESSION, []);
    operation.security = Some(match access {
        Access::Public => Vec::new(),
        Access::Anyone => vec![SecurityRequirement::new::<_, _, &str>(SCHEME, []), session],
        Access::Session => vec![session],
        Access::Needs(action) => vec![SecurityRequirement::new(SCHEME, [action.as_str()]), session],
        Access::Inside(action) => {
            let both = [action.as_str(), Action::WorkspaceAccess.as_str()];
            vec![SecurityRequirement::new(SCHEME, both), session]
        }
    });
    let problem = problems::response();
    operation
        .responses
        .responses
        .insert("default".to_owned(), problem.into());
}
