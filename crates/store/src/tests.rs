//! Every statement is understood by both databases, and every migration exists for both.

use bailey_core::ledger::Outcome;
use bailey_core::{KeyId, PersonId, RequestId, Secret, Timestamp, WorkspaceId};
use bailey_testkit::db::{TestDb, TestTarget};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqlSafeStr as _, SqliteConnection};

use crate::audit::list_query as audit_query;
use crate::ledger::list_query;
use crate::migrate::STEPS;
use crate::sql::{Query, Statement};
use crate::{AuditCursor, AuditFilter, AuditOutcome, Backend, Cursor, LedgerReach, RequestFilter, Store, Target};

/// The statements of every file.
const FILES: &[(&str, &[(&str, Statement)])] = &[
    ("audit/anchors", crate::audit::ANCHORS),
    ("audit/append", crate::audit::APPEND),
    ("audit/read", crate::audit::READ),
    ("budgets", crate::budgets::ALL),
    ("builds", crate::builds::ALL),
    ("chat_leases", crate::chat_leases::ALL),
    ("chat_steps", crate::chat_steps::ALL),
    ("chats", crate::chats::ALL),
    ("connections", crate::connections::ALL),
    ("credentials", crate::credentials::ALL),
    ("deliveries", crate::deliveries::ALL),
    ("external_accounts", crate::external_accounts::ALL),
    ("grants", crate::grants::ALL),
    ("groups", crate::groups::ALL),
    ("identities", crate::identities::ALL),
    ("invitations", crate::invitations::ALL),
    ("keys", crate::keys::ALL),
    ("leases", crate::leases::ALL),
    ("ledger/apply", crate::ledger::APPLY),
    ("ledger/read", crate::ledger::READ),
    ("offboarding", crate::offboarding::ALL),
    ("organization", crate::organization::ALL),
    ("people", crate::people::ALL),
    ("prices", crate::prices::ALL),
    ("replicas", crate::replicas::ALL),
    ("roles", crate::roles::ALL),
    ("sessions", crate::sessions::ALL),
    ("store", crate::store::ALL),
    ("template_access", crate::template_access::ALL),
    ("templates", crate::templates::ALL),
    ("ticket_runs", crate::ticket_runs::ALL),
    ("ticket_status", crate::ticket_status::ALL),
    ("tokens", crate::tokens::ALL),
    ("workspaces", crate::workspaces::ALL),
];

fn texts(backend: Backend) -> impl Iterator<Item = (String, &'static str)> {
    FILES.iter().flat_map(move |(file, statements)| {
        let named = move |(name, statement): &(&str, Statement)| (format!("{file}: {name}"), statement.text(backend));
        statements.iter().map(named)
    })
}

async fn every_statement_can_be_prepared(db: TestDb) {
    match db.target() {
        TestTarget::Sqlite(path) => {
            Store::open(&Target::Sqlite(path.clone())).await.unwrap().close().await;
            let mut conn = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
                .await
                .unwrap();
            for (name, text) in texts(Backend::Sqlite) {
                let prepared = conn.prepare(text.into_sql_str()).await;
                prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
        TestTarget::Postgres(url) => {
            Store::open(&Target::Postgres(Secret::new(url.clone())))
                .await
                .unwrap()
                .close()
                .await;
            let mut conn = PgConnection::connect(url).await.unwrap();
            for (name, text) in texts(Backend::Postgres) {
                let prepared = conn.prepare(text.into_sql_str()).await;
                prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}

bailey_testkit::db_tests!(every_statement_can_be_prepared);

/// How SQLite goes about a statement.
async fn plan(conn: &mut SqliteConnection, query: Query) -> String {
    let (sql, arguments) = query.for_sqlite().unwrap();
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.as_str()));
    let rows = sqlx::query_with(explain, arguments).fetch_all(conn).await.unwrap();
    rows.iter()
        .map(|row| row.get::<String, _>("detail"))
        .collect::<Vec<_>>()
        .join("; ")
}

async fn requests_are_found_by_index_and_not_sorted(db: TestDb) {
    let TestTarget::Sqlite(path) = db.target() else {
        panic!("SQLite only")
    };
    Store::open(&Target::Sqlite(path.clone())).await.unwrap().close().await;
    let mut conn = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let all = RequestFilter::within(LedgerReach::All);
    let key = RequestFilter {
        key: Some(KeyId::from_uuid(uuid::Uuid::nil())),
        ..all.clone()
    };
    let person = RequestFilter {
        person: Some(PersonId::from_uuid(uuid::Uuid::nil())),
        ..all.clone()
    };
    let cursor = Cursor {
        started_at: Timestamp::default(),
        id: RequestId::from_uuid(uuid::Uuid::nil()),
    };
    let failed = RequestFilter {
        outcome: Some(Outcome::Error),
        ..all.clone()
    };
    let workspace = RequestFilter {
        workspace: Some(WorkspaceId::from_uuid(uuid::Uuid::nil())),
        ..all.clone()
    };
    let session = RequestFilter {
        session: Some("s".to_owned()),
        ..all.clone()
    };
    let failed_of_person = RequestFilter {
        outcome: Some(Outcome::Error),
        ..person.clone()
    };
    for (filter, index) in [
        (all, "requests_started_at"),
        (key, "requests_key_id"),
        (person, "requests_person"),
        (failed, "requests_failed"),
        (workspace, "requests_workspace"),
        (session, "requests_session"),
        (failed_of_person, "requests_person"),
    ] {
        let plan = plan(&mut conn, list_query(Backend::Sqlite, &filter, Some(cursor), 50)).await;
        assert!(
            plan.contains(index) && plan.contains("SEARCH") && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}

#[test]
fn requests_are_listed_by_index() {
    bailey_testkit::db::on_sqlite(requests_are_found_by_index_and_not_sorted);
}

async fn entries_are_found_by_index_and_not_sorted(db: TestDb) {
    let TestTarget::Sqlite(path) = db.target() else {
        panic!("SQLite only")
    };
    Store::open(&Target::Sqlite(path.clone())).await.unwrap().close().await;
    let mut conn = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let all = AuditFilter::default();
    let cursor = AuditCursor {
        began_at: Timestamp::default(),
        writer: bailey_core::AuditWriterId::from_uuid(uuid::Uuid::nil()),
        seq: 1,
    };
    let of = |change: fn(&mut AuditFilter)| {
        let mut filter = all.clone();
        change(&mut filter);
        filter
    };
    let person = Some(PersonId::from_uuid(uuid::Uuid::nil()));
    let by_actor = AuditFilter {
        actor: person,
        ..all.clone()
    };
    for (filter, index) in [
        (all.clone(), "audit_rows_began_at"),
        (by_actor, "audit_rows_actor"),
        (of(|f| f.action = Some("x".into())), "audit_rows_action"),
        (of(|f| f.resource = Some("x".into())), "audit_rows_resource"),
        (
            of(|f| f.outcome = Some(AuditOutcome::Is(bailey_core::audit::Outcome::Denied))),
            "audit_rows_outcome",
        ),
    ] {
        let query = audit_query(Backend::Sqlite, &filter, Some(cursor), 50);
        let plan = plan(&mut conn, query).await;
        let inner = plan.split("SCAN").next().unwrap_or_default().to_owned();
        assert!(inner.contains(index) && inner.contains("SEARCH"), "{index}: {plan}");
        assert!(!inner.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn the_audit_log_is_listed_by_index() {
    bailey_testkit::db::on_sqlite(entries_are_found_by_index_and_not_sorted);
}

#[test]
fn every_file_with_statements_is_in_the_list() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = 0;
    for dir in [source.clone(), source.join("audit"), source.join("ledger")] {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && std::fs::read_to_string(&path).unwrap().contains("\nstatements! {") {
                found += 1;
            }
        }
    }
    assert_eq!(found, FILES.len());
}

#[test]
fn every_migration_exists_for_both_databases_and_is_in_the_list() {
    let names = |backend: &str| {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("migrations")
            .join(backend);
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let listed: Vec<String> = STEPS.iter().map(|step| format!("{}.sql", step.name)).collect();
    assert_eq!(names("sqlite"), listed);
    assert_eq!(names("postgres"), listed);
    for step in STEPS {
        let number = format!("{:04}_", step.version);
        assert!(step.name.starts_with(&number), "{}", step.name);
    }
    assert!(STEPS.is_sorted_by(|a, b| a.version < b.version));
}
