//! The schema: the same on both databases, and brought up to date exactly once.

use std::collections::BTreeSet;

use bailey_core::Secret;
use bailey_store::{LedgerReach, ListPage, PersonFilter, Store, StoreError, Target};
use bailey_testkit::db::{TestDb, TestTarget};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::fixtures::*;

/// What a schema comes to, line by line, in words that both databases share.
type Schema = BTreeSet<String>;

const SQLITE: &str = "
    SELECT 'column ' || t.name || '.' || c.name || ' ' || lower(c.type) || iif(c.\"notnull\", ' not null', '')
    FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE '\\_%' ESCAPE '\\'
    UNION ALL
    SELECT 'key ' || name || ' ' || columns FROM (
        SELECT t.name, group_concat(c.name ORDER BY c.pk) AS columns
        FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND c.pk > 0 AND t.name NOT LIKE '\\_%' ESCAPE '\\' GROUP BY t.name)
    UNION ALL
    SELECT 'index ' || name || iif(uniq, ' unique ', ' ') || tbl || ' ' || columns FROM (
        SELECT i.name, i.\"unique\" AS uniq, t.name AS tbl, group_concat(c.name ORDER BY c.seqno) AS columns
        FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
        WHERE t.type = 'table' AND i.origin = 'c' GROUP BY i.name)
    UNION ALL
    SELECT 'reference ' || name || ' ' || own || ' ' || target || ' ' || theirs || ' ' || lower(act) FROM (
        SELECT t.name, f.id, group_concat(f.\"from\" ORDER BY f.seq) AS own, f.\"table\" AS target,
               group_concat(f.\"to\" ORDER BY f.seq) AS theirs, f.on_delete AS act
        FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' GROUP BY t.name, f.id)";

const POSTGRES: &str = "
    SELECT 'column ' || table_name || '.' || column_name || ' ' ||
           CASE data_type WHEN 'uuid' THEN 'blob' WHEN 'bytea' THEN 'blob' WHEN 'bigint' THEN 'integer'
                          WHEN 'boolean' THEN 'integer' ELSE data_type END ||
           CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'
    UNION ALL
    SELECT CASE WHEN x.indisprimary THEN 'key ' || t.relname || ' '
                ELSE 'index ' || i.relname || CASE WHEN x.indisunique THEN ' unique ' ELSE ' ' END || t.relname || ' ' END ||
           (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(x.indkey::int[]) WITH ORDINALITY k(att, n)
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.att)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_namespace s ON s.oid = t.relnamespace WHERE s.nspname = 'public' AND t.relname NOT LIKE '\\_%'
    UNION ALL
    SELECT 'reference ' || t.relname || ' ' ||
           (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k(att, n)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.att) || ' ' || r.relname || ' ' ||
           (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k(att, n)
            JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.att) ||
           CASE c.confdeltype WHEN 'a' THEN ' no action' WHEN 'c' THEN ' cascade' WHEN 'n' THEN ' set null' ELSE ' ?' END
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid
    WHERE c.contype = 'f'";

async fn schema(db: &TestDb) -> Schema {
    let lines: Vec<String> = match db.target() {
        TestTarget::Sqlite(path) => {
            let mut conn = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
                .await
                .unwrap();
            sqlx::query_scalar(SQLITE).fetch_all(&mut conn).await.unwrap()
        }
        TestTarget::Postgres(url) => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(POSTGRES).fetch_all(&mut conn).await.unwrap()
        }
    };
    lines.into_iter().collect()
}

async fn both_databases_have_the_same_schema(postgres: TestDb) {
    let sqlite = TestDb::sqlite().unwrap();
    open(&sqlite).await;
    open(&postgres).await;
    let (left, right) = (schema(&sqlite).await, schema(&postgres).await);
    assert!(left.len() > 100, "{left:#?}");
    let only_left: Vec<_> = left.difference(&right).collect();
    let only_right: Vec<_> = right.difference(&left).collect();
    assert!(
        only_left.is_empty() && only_right.is_empty(),
        "SQLite: {only_left:#?}\nPostgreSQL: {only_right:#?}"
    );
}

#[test]
fn schemas_are_equal() {
    bailey_testkit::db::on_postgres(both_databases_have_the_same_schema);
}

async fn execute(db: &TestDb, sql: &'static str) {
    match db.target() {
        TestTarget::Sqlite(path) => {
            let mut conn = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
                .await
                .unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        }
        TestTarget::Postgres(url) => {
            let mut conn = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        }
    }
}

async fn opening_at_the_same_moment_migrates_once(db: TestDb) {
    let target = target(&db);
    let open = || Store::open(&target);
    let (a, b, c, d) = tokio::join!(open(), open(), open(), open());
    for store in [a, b, c, d] {
        store.unwrap().ping().await.unwrap();
    }
}

async fn what_was_written_is_there_after_opening_again(db: TestDb) {
    let store = open(&db).await;
    store.person_insert(&person("ada")).await.unwrap();
    store.close().await;
    let store = open(&db).await;
    assert_eq!(store.person_by_name("ada").await.unwrap(), Some(person("ada")));
}

async fn a_newer_schema_is_refused(db: TestDb) {
    open(&db).await.close().await;
    execute(
        &db,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', true, '', 0)",
    )
    .await;
    let refused = Store::open(&target(&db)).await.err().unwrap();
    assert!(matches!(refused, StoreError::TooNew { version: 9999 }), "{refused:?}");
}

async fn a_migration_that_was_changed_is_refused(db: TestDb) {
    open(&db).await.close().await;
    execute(
        &db,
        "UPDATE _sqlx_migrations SET description = 'edited', checksum = '' WHERE version = 1",
    )
    .await;
    let refused = Store::open(&target(&db)).await.err().unwrap();
    assert!(matches!(refused, StoreError::Migration(_)), "{refused:?}");
}

async fn the_database_answers_and_can_be_written_to(db: TestDb) {
    let store = open(&db).await;
    assert!(store.ping().await.unwrap() > T0.plus_seconds(-400 * 24 * 3_600));
    store.write_check().await.unwrap();
    store.close().await;
    let gone = store.write_check().await.unwrap_err();
    assert!(matches!(gone, StoreError::Unavailable(_)), "{gone:?}");
}

/// A command line that opens the store beside a running server: both write, and neither fails.
async fn two_processes_write_to_one_database(db: TestDb) {
    let (server, command) = (open(&db).await, open(&db).await);
    let write = async |store: &Store, prefix: &str| {
        for n in 0..40 {
            store.person_insert(&person(&format!("{prefix}{n}"))).await.unwrap();
        }
    };
    tokio::join!(write(&server, "a"), write(&command, "b"));
    let filter = PersonFilter::within(LedgerReach::All);
    let (people, _) = command.people_list(ListPage::first(100), &filter).await.unwrap();
    assert_eq!(people.len(), 80);
}

/// Every connection of the pool is cut, as when PostgreSQL restarts: the next call makes new ones.
async fn a_restarted_database_is_found_again(db: TestDb) {
    let TestTarget::Postgres(url) = db.target() else {
        panic!("PostgreSQL only")
    };
    let store = open(&db).await;
    let mut conn = PgConnection::connect(url).await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'bailey'";
    sqlx::query(cut).execute(&mut conn).await.unwrap();
    store.person_insert(&person("ada")).await.unwrap();
    sqlx::query(cut).execute(&mut conn).await.unwrap();
    assert_eq!(store.person_by_name("ada").await.unwrap(), Some(person("ada")));
}

#[test]
fn a_restarted_postgres_is_found_again() {
    bailey_testkit::db::on_postgres(a_restarted_database_is_found_again);
}

/// Nothing of an address may be in a message: there is a password in it.
#[test]
fn an_unreachable_database_is_reported_without_its_address() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for url in [
        "postgres://bailey:canary@127.0.0.1:1/x",
        "postgres://bailey:canary@[bad",
        "canary",
    ] {
        let target = Target::Postgres(Secret::new(url.to_owned()));
        let refused = runtime.block_on(Store::open(&target)).err().unwrap();
        assert!(
            !format!("{refused} {refused:?} {target:?}").contains("canary"),
            "{refused:?}"
        );
    }
}

bailey_testkit::db_tests!(
    two_processes_write_to_one_database,
    opening_at_the_same_moment_migrates_once,
    what_was_written_is_there_after_opening_again,
    a_newer_schema_is_refused,
    a_migration_that_was_changed_is_refused,
    the_database_answers_and_can_be_written_to,
);
