//! The authorization table as a whole: each route, as each role, on one's own thing, a stranger's, and that of somebody in one's
//! group; over a socket, with an upgrade where the route takes a WebSocket, and with a token that is narrowed to nothing.
//!
//! The routes are the router's own; what a cell must answer follows from what its row needs and from the role.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bailey_core::authz::{Action, Extent, Grant, Reach, Role, Subject, TokenScopes};
use bailey_core::budget::{Budget, BudgetSubject};
use bailey_core::chat::{Engine, Limits, PlanMode, Prompts};
use bailey_core::identity::{Session, SignInMethod};
use bailey_core::key::{Key, KeyScope, ModelAccess};
use bailey_core::people::Group;
use bailey_core::period::Period;
use bailey_core::template::{ParameterValues, Resolved, TaskOrigin};
use bailey_core::workspace::{Build, BuildState, Quota, Transition};
use bailey_core::{
    BudgetId, BuildId, ChatId, GrantId, GroupId, KeyId, Money, PersonId, SessionId, TemplateId, TemplateVersionId,
    WorkspaceId,
};
use bailey_gate::authorize::Actor;
use bailey_gate::token::{self, Kind};
use bailey_runtime::ids::NewId;
use bailey_store::{Begun, NewBuild, NewChat, NewWorkspace, TemplateAccess, TemplateSource};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::agents::version;
use crate::harness::{Client, T0, TestApp, test, test_with_models};
use crate::table::{Needs, expected, operations};

/// Whose thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Strangers,
    OfGroup,
}

const EACH: [Whose; 3] = [Whose::Own, Whose::Strangers, Whose::OfGroup];

/// What a path's `{id}` names.
fn kind(path: &str) -> Option<&'static str> {
    let resource = path.strip_prefix("/api/v1/")?.split('/').next()?;
    if !path.contains("{id}") {
        return None;
    }
    let kinds = [
        "keys",
        "budgets",
        "tokens",
        "sessions",
        "invitations",
        "requests",
        "templates",
        "workspaces",
        "homes",
        "chats",
        "task-runs",
        "users",
        "groups",
        "roles",
        "grants",
        "audit",
        "connections",
        "me",
    ];
    let found = kinds.into_iter().find(|kind| *kind == resource);
    Some(found.unwrap_or_else(|| panic!("{path}: say here what its id names, and how to make one")))
}

/// A body that is right, so that what decides is what the path names. Routes without an id are asked without one.
fn body(route: &str) -> Option<Value> {
    let body = match route {
        "PATCH /api/v1/keys/{id}" => json!({"name": "n"}),
        "PATCH /api/v1/users/{id}" | "PATCH /api/v1/groups/{id}" => json!({"display_name": "D"}),
        "PATCH /api/v1/roles/{id}" => json!({"description": "d"}),
        "PATCH /api/v1/budgets/{id}" => json!({"limit": "1"}),
        "POST /api/v1/templates/{id}/promote" => json!({"version": 1}),
        "POST /api/v1/chats/{id}/messages" | "POST /api/v1/chats/{id}/calls/{call}/answer" => json!({"text": "t"}),
        "POST /api/v1/workspaces/{id}/task-runs" => json!({"task": "t"}),
        "POST /api/v1/chats/{id}/calls/{call}/plan" => json!({"accept": true}),
        "PUT /api/v1/templates/{id}/access" => json!({"everyone": true}),
        _ => {
            let method = route.split(' ').next().unwrap();
            if !["POST", "PUT", "PATCH"].contains(&method) || route.ends_with("/members/{person}") {
                return None;
            }
            if route.ends_with("/files") {
                return None;
            }
            json!({})
        }
    };
    Some(body)
}

/// A query that is right.
fn query(route: &str) -> &'static str {
    match route.rsplit('/').next().unwrap() {
        "files" | "stat" | "list" | "directories" => "?path=/x",
        "search" => "?query=x",
        "rename" => "?from=/x&to=/y",
        "exec" => "?command=true",
        _ if route == "DELETE /api/v1/users/{id}" => "?workspaces=delete",
        _ => "",
    }
}

/// The people of a cell: who asks, somebody in a group of theirs, and somebody else.
struct People {
    asker: Client,
    mate: Client,
    stranger: Client,
    group: GroupId,
}

impl People {
    fn of(&self, whose: Whose) -> &Client {
        match whose {
            Whose::Own => &self.asker,
            Whose::Strangers => &self.stranger,
            Whose::OfGroup => &self.mate,
        }
    }
}

/// A row of the table's other side: a built-in role, or a custom one besides a member's.
#[derive(Debug, Clone, Copy)]
enum As {
    BuiltIn(Role),
    Lead,
}

const LEAD: &str = "lead";

impl As {
    const ALL: [Self; 5] = [
        Self::BuiltIn(Role::Owner),
        Self::BuiltIn(Role::TemplateAdmin),
        Self::BuiltIn(Role::Member),
        Self::BuiltIn(Role::Auditor),
        Self::Lead,
    ];

    /// What the custom role gives: everything that can reach a group, and the health.
    fn leads(action: Action) -> Option<Reach> {
        match action {
            Action::HealthRead => Some(Reach::All),
            _ => action.reaches().contains(&Reach::Group).then_some(Reach::Group),
        }
    }

    fn reach(self, action: Action) -> Option<Reach> {
        match self {
            Self::BuiltIn(role) => role.reach(action),
            Self::Lead => Role::Member.reach(action).max(Self::leads(action)),
        }
    }
}

/// Ids are counted, so that no two are the same at the same moment.
fn name(n: &mut u32, what: &str) -> String {
    *n += 1;
    format!("{what}-{n}")
}

struct Maker<'a> {
    app: &'a TestApp,
    template: (TemplateId, TemplateVersionId),
    /// Where connections find their forge: it answers, and is none.
    forge: String,
    n: u32,
}

impl Maker<'_> {
    async fn people(&mut self, role: As) -> People {
        let own = match role {
            As::BuiltIn(role) => role,
            As::Lead => Role::Member,
        };
        let asker = self.app.person(&name(&mut self.n, "asker"), own).await;
        let mate = self.app.person(&name(&mut self.n, "mate"), Role::Member).await;
        let stranger = self.app.person(&name(&mut self.n, "stranger"), Role::Member).await;
        let group = self.group().await;
        for person in [&asker, &mate] {
            self.app.store.group_member_add(group, id(person)).await.unwrap();
        }
        if let As::Lead = role {
            self.grant(LEAD, Subject::Person(id(&asker))).await;
        }
        People {
            asker,
            mate,
            stranger,
            group,
        }
    }

    async fn group(&mut self) -> GroupId {
        let name = name(&mut self.n, "group");
        let group = Group {
            id: GroupId::new_at(T0),
            display_name: name.clone(),
            name,
            created_at: T0,
        };
        self.app.store.group_insert(&group).await.unwrap();
        group.id
    }

    async fn grant(&mut self, role: &str, subject: Subject) -> GrantId {
        let grant = Grant {
            id: GrantId::new_at(T0),
            role: role.to_owned(),
            subject,
            provider: None,
            created_at: T0,
            created_by: None,
        };
        self.app.store.grant_insert(&grant).await.unwrap();
        grant.id
    }

    /// Makes a thing of this kind, and answers with its id. `None` = there are none that are anybody's.
    #[expect(clippy::too_many_lines, reason = "one kind after the other")]
    async fn thing(&mut self, kind: &str, people: &People, whose: Whose) -> Option<String> {
        let store = &self.app.store;
        let person = id(people.of(whose));
        Some(match kind {
            "keys" => {
                let minted = token::mint(Kind::Key).unwrap();
                let key = Key {
                    id: KeyId::new_at(T0),
                    public_id: minted.public_id,
                    hash: minted.hash,
                    name: "key".into(),
                    scope: KeyScope::User,
                    person,
                    group: None,
                    workspace: None,
                    models: ModelAccess::default(),
                    rpm: None,
                    tpm: None,
                    concurrent: None,
                    expires_at: None,
                    metadata: BTreeMap::new(),
                    created_at: T0,
                    created_by: person,
                    revoked_at: None,
                    rotated_at: None,
                };
                store.key_insert(&key, &[]).await.unwrap();
                key.id.to_string()
            }
            "tokens" => {
                let scopes = TokenScopes::from_names(&["models.read"]).unwrap();
                let (record, _) = token::api_token(T0, "t".into(), person, scopes, None).unwrap();
                store.token_insert(&record).await.unwrap();
                record.id.to_string()
            }
            "sessions" => {
                let minted = token::mint(Kind::Session).unwrap();
                let session = Session {
                    id: SessionId::new_at(T0),
                    public_id: minted.public_id,
                    hash: minted.hash,
                    person,
                    method: SignInMethod::Password,
                    address: "192.0.2.1".into(),
                    agent: String::new(),
                    created_at: T0,
                    last_used_at: T0,
                    expires_at: T0.plus_seconds(3_600),
                    ended_at: None,
                };
                store.session_insert(&session).await.unwrap();
                session.id.to_string()
            }
            "requests" => self.app.record(people.of(whose), None, "mock", 1_000, 0).await,
            "budgets" => {
                // One a person and period: a key of theirs has one as well.
                let key = Box::pin(self.thing("keys", people, whose)).await.unwrap();
                let budget = Budget {
                    id: BudgetId::new_at(T0),
                    subject: BudgetSubject::Key(key.parse().unwrap()),
                    period: Period::Day,
                    limit: Money::usd(1),
                    created_at: T0,
                };
                self.app.store.budget_insert(&budget, T0).await.unwrap();
                budget.id.to_string()
            }
            "workspaces" => self.workspace(person).await.to_string(),
            "homes" => {
                let id = self.workspace(person).await;
                let store = &self.app.store;
                let build = store.build_get(id, 1).await.unwrap().unwrap();
                store.build_end(&build, Err("no agent"), T0).await.unwrap();
                let new = NewBuild {
                    id: BuildId::new_at(T0),
                    transition: Transition::Delete,
                    initiator: None,
                    reason: None,
                    change: None,
                    keep_home: true,
                    created_at: T0,
                };
                let Begun::Yes((_, build)) = store.build_begin(id, &new, None).await.unwrap() else {
                    panic!("there is no quota")
                };
                store.build_end(&build, Ok(()), T0).await.unwrap();
                id.to_string()
            }
            "chats" | "task-runs" => {
                let workspace = self.workspace(person).await;
                let new = NewChat {
                    id: ChatId::new_at(T0),
                    workspace,
                    title: "chat".into(),
                    engine: Engine {
                        model: "mock".into(),
                        protocol: "messages".into(),
                        context: 100_000,
                        output: 1_000,
                        thinking: None,
                    },
                    prompts: Prompts::default(),
                    directory: None,
                    plan: PlanMode::Off,
                    once: false,
                    limits: Limits::default(),
                    task: (kind == "task-runs").then(|| TaskOrigin {
                        name: "t".into(),
                        display_name: "T".into(),
                        version: TemplateVersionId::new_at(T0),
                        parameters: ParameterValues::new(),
                    }),
                    message: None,
                    created_at: T0,
                };
                self.app.store.chat_create(&new).await.unwrap().id.to_string()
            }
            "users" => person.to_string(),
            "groups" => match whose {
                Whose::Own => people.group.to_string(),
                // A group that the asker is not in, whoever else is.
                Whose::Strangers | Whose::OfGroup => {
                    let group = self.group().await;
                    self.app.store.group_member_add(group, person).await.unwrap();
                    group.to_string()
                }
            },
            "templates" => self.template(people, whose).await.to_string(),
            "roles" => {
                let name = name(&mut self.n, "role");
                self.app.role(&name, &[(Action::KeyRead, Reach::Own)]).await;
                let subject = match whose {
                    Whose::OfGroup => Subject::Group(people.group),
                    _ => Subject::Person(person),
                };
                self.grant(&name, subject).await;
                name
            }
            "grants" => self.grant("member", Subject::Person(person)).await.to_string(),
            "connections" => {
                let name = name(&mut self.n, "connection");
                // A project is of one connection.
                let body = json!({
                    "name": name, "kind": "gitlab", "base_url": self.forge,
                    "projects": [format!("g/{name}")], "token": "glpat-cells",
                });
                let made = self.app.owner().await.post("/api/v1/connections", body).await.ok(201);
                made["id"].as_str().unwrap().to_owned()
            }
            // What these name is nobody's, and only those ask who reach everything; or it is the asker's own, in a session.
            "invitations" | "audit" | "me" => return None,
            _ => panic!("{kind}: say here how to make one"),
        })
    }

    async fn template(&mut self, people: &People, whose: Whose) -> TemplateId {
        let (id, name) = (TemplateId::new_at(T0), name(&mut self.n, "template"));
        let push = version("[base]\nroot = \"host\"\n");
        let store = &self.app.store;
        store
            .template_insert(id, &name, TemplateSource::Api, &push)
            .await
            .unwrap();
        let access = match whose {
            Whose::OfGroup => TemplateAccess {
                groups: vec![people.group],
                ..TemplateAccess::default()
            },
            _ => TemplateAccess {
                people: vec![crate::cells::id(people.of(whose))],
                ..TemplateAccess::default()
            },
        };
        store.template_access_set(id, &access).await.unwrap();
        id
    }

    async fn workspace(&mut self, owner: PersonId) -> WorkspaceId {
        let id = WorkspaceId::new_at(T0);
        let (template, version) = self.template;
        let new = NewWorkspace {
            id,
            owner,
            name: name(&mut self.n, "ws"),
            template,
            version,
            parameters: BTreeMap::new(),
            resolved: Resolved {
                tasks: vec![serde_json::from_value(json!({"name": "t", "display_name": "T", "prompt": "p"})).unwrap()],
                ..Resolved::default()
            },
            auto_stop: None,
            created_at: T0,
        };
        let build = Build {
            id: BuildId::new_at(T0),
            workspace: id,
            number: 1,
            transition: Transition::Start,
            state: BuildState::Queued,
            version,
            initiator: None,
            reason: None,
            error: None,
            created_at: T0,
            started_at: None,
            finished_at: None,
        };
        let made = self.app.store.workspace_create(&new, &build, &Quota::default()).await;
        assert!(matches!(made.unwrap(), Begun::Yes(_)));
        id
    }
}

fn id(client: &Client) -> PersonId {
    client.id.parse().unwrap()
}

/// What was answered over the socket.
struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// Asks over a socket, with an upgrade where the route takes one.
async fn ask(addr: SocketAddr, token: &str, route: &str, path: &str, body: Option<&Value>) -> Answer {
    let method = route.split(' ').next().unwrap();
    let upgrades = route.ends_with("/terminal") || route.ends_with("/exec") || route.ends_with("/link");
    let connection = if upgrades {
        "Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
    } else {
        "close"
    };
    let text = body.map(Value::to_string).unwrap_or_default();
    let bearer = match token {
        "" => String::new(),
        token => format!("authorization: Bearer {token}\r\n"),
    };
    let kind = body.map_or("", |_| "content-type: application/json\r\n");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost:7080\r\nconnection: {connection}\r\n{bearer}{kind}content-length: {}\r\n\r\n{text}",
        text.len()
    );
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, rest)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "{route}: {text}");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let whole = head.starts_with("HTTP/1.1 101") || length.is_some_and(|length: usize| rest.len() >= length);
        if whole || read == 0 {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let body = serde_json::from_str(rest).unwrap_or(Value::Null);
            return Answer { status, body };
        }
    }
}

fn filled(path: &str, id: &str, person: &str) -> String {
    path.replace("{id}", id)
        .replace("{person}", person)
        .replace("{number}", "1")
        .replace("{call}", &format!("tc_{}", "0".repeat(32)))
        .replace("{app}", "terminal")
        .replace("{code}", "not_found")
}

/// A well-formed id or name that names nothing.
fn nothing(id: &str) -> String {
    match id.split_once('_') {
        Some((prefix, _)) => format!("{prefix}_{}", "0".repeat(32)),
        None => "nothing-of-that-name".to_owned(),
    }
}

/// Whether a thing is to be seen by somebody whose action reaches so far.
fn seen(kind: &str, reach: Reach, whose: Whose) -> bool {
    match (reach, whose) {
        (Reach::All, _) | (_, Whose::Own) => true,
        // What a group has is there for everyone in it.
        (_, Whose::OfGroup) if ["roles", "templates"].contains(&kind) => true,
        (Reach::Group, Whose::OfGroup) => kind != "groups",
        _ => false,
    }
}

async fn prepare(app: &TestApp) -> Maker<'_> {
    let all: Vec<_> = Action::ALL
        .iter()
        .filter_map(|action| As::leads(*action).map(|reach| (*action, reach)))
        .collect();
    app.role(LEAD, &all).await;
    let (template, push) = (TemplateId::new_at(T0), version("[base]\nroot = \"host\"\n"));
    let made = app.store.template_insert(template, "plain", TemplateSource::Api, &push);
    let version = made.await.unwrap().id;
    Maker {
        app,
        template: (template, version),
        forge: "http://127.0.0.1:1".to_owned(),
        n: 0,
    }
}

/// The routes, as the router has them.
fn routes() -> Vec<String> {
    let api = serde_json::to_value(bailey_server::routes::openapi()).unwrap();
    operations(&api).into_keys().collect()
}

#[test]
fn every_cell_answers_as_the_table_says() {
    test_with_models("", async |app| {
        let running = app.run().await;
        let mut maker = prepare(&app).await;
        maker.forge = format!("http://{}", running.addr);
        let rows = expected();
        let mut cells = 0;
        for role in As::ALL {
            let mut people = maker.people(role).await;
            let mut changed = false;
            for route in routes() {
                let needs = *rows
                    .get(route.as_str())
                    .unwrap_or_else(|| panic!("{route} has no row in the table"));
                let path = route.split_once(' ').unwrap().1;
                for whose in EACH {
                    // What is done to people and groups would stay.
                    let lasting = ["users", "groups"].contains(&kind(path).unwrap_or_default());
                    if lasting || changed {
                        people = maker.people(role).await;
                    }
                    changed = lasting;
                    cell(&running.addr, &mut maker, (role, &people), (&route, needs), whose).await;
                    cells += 1;
                }
            }
        }
        assert!(cells > 1_500, "{cells}");
    });
}

async fn cell(
    addr: &SocketAddr,
    maker: &mut Maker<'_>,
    (role, people): (As, &People),
    (route, needs): (&str, Needs),
    whose: Whose,
) {
    let path = route.split_once(' ').unwrap().1;
    let kind = kind(path);
    let id = match kind {
        Some(kind) => maker.thing(kind, people, whose).await,
        None => None,
    };
    let target = people.of(whose);
    let mut asker = people.asker.clone();
    if route.ends_with("/suspension") {
        // There is a report of those who were suspended once; it ended the tokens that they had.
        let owner = maker.app.owner().await;
        let path = format!("/api/v1/users/{}", target.id);
        owner.post(&format!("{path}/suspend"), json!({})).await;
        owner.post(&format!("{path}/reactivate"), json!({})).await;
        asker = maker.app.with_scopes(&asker, TokenScopes::All).await;
    }
    let at = |id: &str| format!("{}{}", filled(path, id, &target.name), query(route));
    let id = id.unwrap_or_else(|| "nothing".to_owned());
    let body = body(route);
    let context = format!("{role:?} {route} {whose:?}");
    let reach = match needs {
        Needs::To(action) => role.reach(action),
        Needs::Inside(action) => role.reach(Action::WorkspaceAccess).and(role.reach(action)),
        Needs::Nothing | Needs::Token | Needs::Session => None,
    };

    // Asked first: what is refused changes nothing.
    let narrowed = maker.app.with_scopes(&people.asker, TokenScopes::Only([].into())).await;
    let answer = ask(*addr, &narrowed.token, route, &at(&id), body.as_ref()).await;
    match needs {
        Needs::To(_) | Needs::Inside(_) => {
            assert_eq!(answer.code(), "forbidden", "{context}, narrowed: {}", answer.body);
        }
        Needs::Session => assert_eq!(answer.code(), "session_required", "{context}, narrowed"),
        Needs::Nothing | Needs::Token => assert_ne!(answer.code(), "forbidden", "{context}, narrowed"),
    }
    if needs != Needs::Nothing {
        let answer = ask(*addr, "", route, &at(&id), body.as_ref()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{context}, by nobody");
    }

    let answer = ask(*addr, &asker.token, route, &at(&id), body.as_ref()).await;
    assert!(
        answer.status < 500 || answer.status == 503,
        "{context}: {}",
        answer.body
    );
    match (needs, reach, kind) {
        (Needs::To(_) | Needs::Inside(_), None, _) => {
            assert_eq!(answer.code(), "forbidden", "{context}: {}", answer.body);
        }
        (Needs::To(_) | Needs::Inside(_), Some(reach), Some(kind)) if !["invitations", "audit"].contains(&kind) => {
            if seen(kind, reach, whose) {
                let probed = ![
                    "not_found",
                    "forbidden",
                    "invalid_fields",
                    "invalid_query",
                    "token_invalid",
                ]
                .contains(&answer.code());
                assert!(probed, "{context}: {} {}", answer.status, answer.body);
            } else {
                assert_eq!(answer.code(), "not_found", "{context}: {}", answer.body);
                let other = ask(*addr, &asker.token, route, &at(&nothing(&id)), body.as_ref()).await;
                let plain = |mut answer: Answer| {
                    answer.body.as_object_mut().unwrap().remove("instance");
                    (answer.status, answer.body)
                };
                assert_eq!(plain(other), plain(answer), "{context}: as if it did not exist");
            }
        }
        (Needs::To(_) | Needs::Inside(_), Some(_), _) | (Needs::Token, ..) => {
            assert!(![401].contains(&answer.status), "{context}: {}", answer.body);
            assert_ne!(answer.code(), "forbidden", "{context}");
        }
        (Needs::Session, ..) => assert_eq!(answer.code(), "session_required", "{context}"),
        (Needs::Nothing, ..) => {}
    }
}

/// Lists show what may be seen, and nothing else.
#[test]
fn every_list_shows_what_is_within_reach() {
    test(async |app| {
        let running = app.run().await;
        let mut maker = prepare(&app).await;
        let lists: [(&str, &str, Action); 13] = [
            ("keys", "", Action::KeyRead),
            ("budgets", "", Action::BudgetRead),
            ("tokens", "", Action::TokenRead),
            ("sessions", "&person=*", Action::SessionRead),
            ("requests", "", Action::LedgerRead),
            ("workspaces", "", Action::WorkspaceRead),
            ("chats", "", Action::ChatRead),
            ("task-runs", "", Action::ChatRead),
            ("users", "", Action::PersonRead),
            ("groups", "", Action::GroupRead),
            ("templates", "", Action::TemplateRead),
            ("roles", "", Action::RoleRead),
            ("grants", "", Action::RoleRead),
        ];
        for role in As::ALL {
            for (kind, query, action) in lists {
                let people = maker.people(role).await;
                let mut things = Vec::new();
                for whose in EACH {
                    things.push((whose, maker.thing(kind, &people, whose).await.unwrap()));
                }
                let route = format!("GET /api/v1/{kind}");
                let path = format!("/api/v1/{kind}?limit=1000{query}");
                let answer = ask(running.addr, &people.asker.token, &route, &path, None).await;
                let field = if kind == "roles" { "name" } else { "id" };
                let shown: Vec<_> = answer.body["items"]
                    .as_array()
                    .unwrap_or_else(|| panic!("{role:?} {kind}: {}", answer.body))
                    .iter()
                    .map(|item| item[field].as_str().unwrap().to_owned())
                    .collect();
                for (whose, id) in things {
                    let reach = role.reach(action).unwrap();
                    let expected = seen(kind, reach, whose);
                    assert_eq!(shown.contains(&id), expected, "{role:?} {kind} {whose:?}: {shown:?}");
                }
            }
        }
    });
}

/// Others, and its owner with a token that is narrowed to nothing, ask to go into a workspace that runs.
#[test]
fn no_socket_opens_into_a_workspace_of_somebody_else() {
    test(async |app| {
        app.template("plain", "[base]\nroot = \"host\"\n").await;
        let running = app.run().await;
        let ann = app.person("ann", Role::Member).await;
        let id = app.workspace(&ann, "plain", "one").await;
        let nothing = app.with_scopes(&ann, TokenScopes::Only([].into())).await;
        for (route, query) in [("terminal", ""), ("exec", "?command=true")] {
            let path = format!("/api/v1/workspaces/{id}/{route}{query}");
            let route = format!("GET /api/v1/workspaces/{{id}}/{route}");
            for role in Role::ALL {
                let other = app.person(&format!("{role}-{}", route.len()), role).await;
                let answer = ask(running.addr, &other.token, &route, &path, None).await;
                let code = if role == Role::Auditor {
                    "forbidden"
                } else {
                    "not_found"
                };
                assert_eq!(answer.code(), code, "{role} {route}");
            }
            let answer = ask(running.addr, &nothing.token, &route, &path, None).await;
            assert_eq!(answer.code(), "forbidden", "{route}");
        }
    });
}

/// What the table says, the explanation says too: it is the same decision.
#[test]
fn an_explanation_is_the_decision() {
    test(async |app| {
        let mut maker = prepare(&app).await;
        for role in As::ALL {
            let people = maker.people(role).await;
            let holder = app.store.holder(id(&people.asker)).await.unwrap().unwrap();
            let actor = Actor::of(holder, TokenScopes::All, None, None);
            for action in Action::ALL {
                let path = format!("/api/v1/policy/explain?action={action}");
                let explained = people.asker.get(&path).await.ok(200);
                let decided = actor.may(*action);
                assert_eq!(explained["allowed"], decided.is_ok(), "{role:?} {action}");
                let reach = decided.as_ref().ok().map(Extent::reach);
                assert_eq!(explained["reach"], json!(reach), "{role:?} {action}");
                assert_eq!(reach, role.reach(*action), "{role:?} {action}");
            }
            for whose in EACH {
                let key = maker.thing("keys", &people, whose).await.unwrap();
                let path = format!("/api/v1/policy/explain?action=keys.read&resource={key}");
                let explained = people.asker.get(&path).await;
                let read = people.asker.get(&format!("/api/v1/keys/{key}")).await;
                if read.status.is_success() {
                    assert_eq!(explained.ok(200)["allowed"], true, "{role:?} {whose:?}");
                } else {
                    assert_eq!(explained.code(), "not_found", "{role:?} {whose:?}");
                }
            }
        }
    });
}
