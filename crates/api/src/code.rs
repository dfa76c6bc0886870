//! Every error code: its status, its title and its page.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// A stable error code. Codes are never renamed and never change their meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code itself, as programs see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status it is answered with. At the model door a vendor's own status may stand in its place.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it says in a few words, the same each time.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Its page, in Markdown.
            pub const fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../../../docs/errors/", $text, ".md")),)* }
            }
        }
    };
}

codes! {
    /// The body is no JSON.
    MalformedJson = "malformed_json", 400, "The body is not JSON";
    /// A query parameter is unknown or wrong.
    InvalidQuery = "invalid_query", 400, "A query parameter is wrong";
    /// The body could not be read to its end.
    BodyCut = "body_cut", 400, "The body ended before it was whole";
    /// The answer of an identity provider belongs to nothing that the browser began.
    SignInStale = "sign_in_stale", 400, "The sign-in was not begun in this browser, or too long ago";
    /// A logout token does not hold.
    LogoutTokenInvalid = "logout_token_invalid", 400, "The logout token does not hold";
    /// A path inside a workspace cannot be used so.
    FileInvalid = "file_invalid", 400, "The path cannot be used so";
    /// No token was sent.
    TokenMissing = "token_missing", 401, "No API token was sent";
    /// The token is not good.
    TokenInvalid = "token_invalid", 401, "The API token is not valid";
    /// The session is over.
    SessionEnded = "session_ended", 401, "The session has ended";
    /// Name, password or code are not right.
    SignInRefused = "sign_in_refused", 401, "Not signed in";
    /// What an identity provider says cannot be relied on.
    ProviderAnswerInvalid = "provider_answer_invalid", 401, "The identity provider's answer does not hold";
    /// The role or the token does not include the action.
    Forbidden = "forbidden", 403, "Not allowed";
    /// More would be granted than the asker has.
    BeyondAuthority = "beyond_authority", 403, "More than you may grant";
    /// The person is suspended.
    PersonSuspended = "person_suspended", 403, "The person is suspended";
    /// It takes a session in a browser.
    SessionRequired = "session_required", 403, "It takes a session in a browser";
    /// A page of another origin asks.
    OriginRefused = "origin_refused", 403, "The request comes from another page";
    /// The browser would not keep the session.
    HttpsRequired = "https_required", 403, "Signing in takes https";
    /// The one-time link is not good.
    LinkInvalid = "link_invalid", 403, "The link is not good";
    /// An identity provider says no.
    ProviderRefused = "provider_refused", 403, "The identity provider refused";
    /// Nobody has claimed this installation.
    NotClaimed = "not_claimed", 403, "Nobody has claimed this installation yet";
    /// The identity is nobody's here, and strangers do not become people.
    SignUpClosed = "sign_up_closed", 403, "Strangers cannot sign up";
    /// They are in none of the places that are let in.
    SignInNotAllowed = "sign_in_not_allowed", 403, "Not among those who are let in";
    /// The identity provider has not confirmed the address.
    EmailNotVerified = "email_not_verified", 403, "The e-mail address is not confirmed";
    /// It takes a recent sign-in.
    ConfirmationRequired = "confirmation_required", 403, "It takes a recent sign-in";
    /// Nothing but the browser leads into the workspace.
    BrowserOnly = "browser_only", 403, "Nothing but the browser leads into the workspace";
    /// The workspace's person may not do this to the file.
    FileForbidden = "file_forbidden", 403, "The file's permissions do not allow it";
    /// Nothing there, or nothing that the asker may see.
    NotFound = "not_found", 404, "Not found";
    /// There is no such identity provider.
    ProviderUnknown = "provider_unknown", 404, "There is no such identity provider";
    /// There is no such file in the workspace.
    FileNotFound = "file_not_found", 404, "There is no such file";
    /// No such address.
    NoSuchRoute = "no_such_route", 404, "No such address";
    /// The address does not take this method.
    MethodNotAllowed = "method_not_allowed", 405, "The address does not take this method";
    /// The body took too long to arrive.
    BodyTooSlow = "body_too_slow", 408, "The body took too long to arrive";
    /// The name is taken.
    NameTaken = "name_taken", 409, "The name is taken";
    /// It exists already.
    AlreadyExists = "already_exists", 409, "It exists already";
    /// The identity is another person's.
    IdentityTaken = "identity_taken", 409, "The identity is another person's";
    /// An account at a forge is another person's already.
    ExternalAccountTaken = "external_account_taken", 409, "The account at the forge is another person's";
    /// It is the last way to sign in.
    LastWayIn = "last_way_in", 409, "It is the last way to sign in";
    /// What is revoked stays revoked.
    Revoked = "revoked", 409, "It is revoked";
    /// An owner must remain.
    LastOwner = "last_owner", 409, "An active owner must remain";
    /// Built-in roles cannot be changed.
    RoleBuiltIn = "role_built_in", 409, "The role is built in";
    /// Somebody holds the role.
    RoleInUse = "role_in_use", 409, "The role is granted";
    /// The owner of the workspace may not use its template any more.
    TemplateWithdrawn = "template_withdrawn", 409, "The workspace's owner may not use its template any more";
    /// Nobody suspends or deletes themselves.
    OwnAccount = "own_account", 409, "Nobody does this to themselves";
    /// The person is active, and must be suspended first.
    PersonActive = "person_active", 409, "The person is active";
    /// The person is deleted.
    PersonDeleted = "person_deleted", 409, "The person is deleted";
    /// Workspaces must be stopped first.
    WorkspaceNotStopped = "workspace_not_stopped", 409, "A workspace is not stopped";
    /// A build of the workspace is under way.
    BuildActive = "build_active", 409, "A build of the workspace is under way";
    /// The owner of the workspace is suspended.
    OwnerSuspended = "owner_suspended", 409, "The workspace's owner is suspended";
    /// A person's quota of workspaces has no room.
    QuotaExceeded = "quota_exceeded", 409, "The quota has no room for it";
    /// The folder of templates has this template.
    TemplateManaged = "template_managed", 409, "The folder of templates has this template";
    /// Workspaces use the template.
    TemplateInUse = "template_in_use", 409, "Workspaces use the template";
    /// No version was in force before.
    NoPreviousVersion = "no_previous_version", 409, "No version was in force before";
    /// The workspace does not run.
    WorkspaceNotRunning = "workspace_not_running", 409, "The workspace does not run";
    /// The workspace's agent refuses.
    WorkspaceRefuses = "workspace_refuses", 409, "The workspace refuses";
    /// What is there already stands against it.
    FileConflict = "file_conflict", 409, "What is there already stands against it";
    /// The body is too large.
    BodyTooLarge = "body_too_large", 413, "The body is too large";
    /// The body is not declared as what the address takes.
    UnsupportedMediaType = "unsupported_media_type", 415, "The body is of a type that the address does not take";
    /// The Host header names another host.
    HostNotAllowed = "host_not_allowed", 421, "This server does not answer to that host name";
    /// Fields of the body are unknown or wrong.
    InvalidFields = "invalid_fields", 422, "Fields of the request are wrong";
    /// Too many tries to sign in.
    SignInLimited = "sign_in_limited", 429, "Too many tries to sign in";
    /// The template has faults.
    TemplateInvalid = "template_invalid", 422, "The template is not valid";
    /// The address takes a WebSocket.
    UpgradeRequired = "upgrade_required", 426, "The address takes a WebSocket";
    /// There are as many streams into workspaces as there may be.
    TooManyStreams = "too_many_streams", 429, "Too many streams into workspaces are open";
    /// A fault of the server.
    Internal = "internal", 500, "Something went wrong in the server";
    /// What is to be done cannot be recorded.
    AuditUnavailable = "audit_unavailable", 503, "The audit log cannot be written";
    /// What is needed does not answer.
    Unavailable = "unavailable", 503, "Not available at the moment";
    /// An identity provider does not answer.
    ProviderUnavailable = "provider_unavailable", 503, "The identity provider does not answer";
    /// The workspace's agent is not linked.
    WorkspaceNotConnected = "workspace_not_connected", 503, "The workspace is not connected at the moment";
    /// The server holds as many connections as it may.
    TooManyConnections = "too_many_connections", 503, "The server has as many connections as it may";
    /// The workspace's disk is full.
    DiskFull = "disk_full", 507, "The workspace's disk is full";
    /// The server is ending.
    ShuttingDown = "shutting_down", 503, "The server is shutting down";
    /// The key is missing or unknown (model door).
    KeyInvalid = "key_invalid", 401, "The key is missing or not known";
    /// The key was good once (model door).
    KeyEnded = "key_ended", 401, "The key is revoked or expired";
    /// The key is not that of the workspace where it is used (model door).
    KeyNotOfWorkspace = "key_not_of_workspace", 401, "The key is not the one of the workspace that it is used in";
    /// The key may not use the model (model door).
    ModelNotAllowed = "model_not_allowed", 403, "The key may not use the model";
    /// Requests per minute (model door).
    RateRequests = "rate_requests", 429, "Too many requests per minute";
    /// Tokens per minute (model door).
    RateTokens = "rate_tokens", 429, "Too many tokens per minute";
    /// Requests at the same time (model door).
    RateConcurrent = "rate_concurrent", 429, "Too many requests at the same time";
    /// A budget is used up (model door).
    BudgetExhausted = "budget_exhausted", 429, "A budget does not cover the request";
    /// The cost has no bound (model door).
    CostUnbounded = "cost_unbounded", 400, "The cost of the request has no upper bound";
    /// The model has no price (model door).
    ModelNotPriced = "model_not_priced", 422, "The model has no price";
    /// The body is no request of the protocol (model door).
    RequestInvalid = "request_invalid", 400, "The body is no request of the protocol";
    /// The request cannot be made into one for the provider (model door).
    RequestUnsendable = "request_unsendable", 400, "The request cannot be made into one for the provider";
    /// The body has an unknown content-encoding (model door).
    EncodingUnknown = "encoding_unknown", 400, "The content-encoding is not known";
    /// The body is not compressed as it says (model door).
    EncodingInvalid = "encoding_invalid", 400, "The body is not compressed as it says";
    /// There is no such model (model door).
    ModelUnknown = "model_unknown", 404, "There is no model of this name";
    /// No provider of the model speaks the protocol (model door).
    NoRouteForProtocol = "no_route_for_protocol", 404, "No provider of the model speaks the protocol";
    /// The model door does not serve the path (model door).
    PathUnknown = "path_unknown", 404, "Bailey does not serve this path";
    /// Request bodies in memory reach their limit (model door).
    BodiesFull = "bodies_full", 503, "Too many request bodies are in memory";
    /// The request could not be recorded (model door).
    JournalUnavailable = "journal_unavailable", 503, "The request could not be recorded";
    /// No connection to the provider (model door).
    UpstreamConnect = "upstream_connect", 502, "No connection to the provider";
    /// The connection to the provider broke (model door).
    UpstreamBroken = "upstream_broken", 502, "The connection to the provider broke";
    /// The provider did not begin to answer in time (model door).
    UpstreamTimeout = "upstream_timeout", 502, "The provider did not begin to answer in time";
    /// The provider refuses Bailey's own credential or quota (model door).
    UpstreamRefusedUs = "upstream_refused_us", 502, "The provider refuses Bailey";
    /// The provider's own rate limit is reached (model door).
    UpstreamRateLimited = "upstream_rate_limited", 429, "The provider's own rate limit is reached";
    /// The provider answered with a redirect (model door).
    UpstreamRedirected = "upstream_redirected", 502, "The provider answered with a redirect";
    /// The provider refused the request (model door).
    UpstreamRejected = "upstream_rejected", 400, "The provider refused the request";
    /// The provider failed (model door).
    UpstreamFailed = "upstream_failed", 502, "The provider failed";
    /// The provider reported an error within its stream (model door).
    UpstreamErrorEvent = "upstream_error_event", 502, "The provider reported an error within its stream";
    /// The provider fell silent within an answer (model door).
    UpstreamIdle = "upstream_idle", 502, "The provider fell silent";
    /// The provider's answer broke off (model door).
    UpstreamCut = "upstream_cut", 502, "The provider's answer broke off";
    /// The provider's answer is no event stream (model door).
    UpstreamGarbage = "upstream_garbage", 502, "The provider's answer is no event stream";
}

impl Code {
    /// Where the code is explained, as the `type` of a problem.
    pub fn uri(self) -> String {
        format!("/errors/{}", self.as_str())
    }

    /// The code of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_what_it_means_and_how_to_mend_it() {
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {code}\n")), "{code}: title");
            assert!(page.contains("\n## What it means\n"), "{code}: meaning");
            assert!(page.contains("\n## How to mend it\n"), "{code}: mending");
            assert_eq!(Code::from_name(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn the_index_lists_every_code() {
        let index = include_str!("../../../docs/errors/README.md");
        let rows: Vec<&str> = index.lines().filter(|l| l.starts_with("| [")).collect();
        let row = |c: &Code| format!("| [`{c}`]({c}.md) | {} | {} |", c.status(), c.title());
        assert_eq!(rows, Code::ALL.iter().map(row).collect::<Vec<_>>());
    }

    #[test]
    fn every_page_belongs_to_a_code() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let code = name.strip_suffix(".md").unwrap();
            assert!(code == "README" || Code::from_name(code).is_some(), "{name}");
        }
    }
}
