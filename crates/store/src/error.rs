//! What can go wrong in the store, and whose fault it is.

/// Whose fault a failure is; picks the log level and the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Whoever asked.
    Caller,
    /// Bailey's, or its database's.
    Ours,
}

/// Why the store did not do what was asked. The text is safe to show: it never has values, SQL or addresses in it. Those
/// are in the sources, for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such record, or a record that the new one refers to does not exist.
    #[error("there is no such {what}")]
    NotFound {
        /// What kind of record it is.
        what: &'static str,
    },
    /// The record would contradict another one: a name that is taken, a charged group that the person is not in.
    #[error("the {what}'s {field} is taken, or does not fit the other records")]
    Conflict {
        /// What kind of record it is.
        what: &'static str,
        /// The field at fault.
        field: &'static str,
    },
    /// The database does not answer, or has no connection free in time.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// Others changed the same rows at the same moment, again and again.
    #[error("the database is too busy; try again")]
    Contended(#[source] sqlx::Error),
    /// The database refused a statement. A bug, or a database that someone else changed.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
    /// A stored value means nothing to this program.
    #[error("the database holds a value of {what} that cannot be read")]
    Corrupt {
        /// Which value.
        what: &'static str,
    },
    /// The schema was made by a newer version of the program.
    #[error(
        "the database was made by a newer version of Bailey (migration {version}); start that version or a newer one"
    )]
    TooNew {
        /// The migration that this program does not have.
        version: i64,
    },
    /// A migration failed, or one that was run is not the one this program has.
    #[error("the database's schema cannot be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The place of the database means nothing to the driver.
    #[error("the database's address is not of the form postgres://user:password@host:port/name")]
    Address(#[source] sqlx::Error),
    /// A second server on the same database.
    #[error("{message}")]
    AnotherServer {
        /// Who has it, since when, and what to do.
        message: String,
    },
    /// This server does not have the database to itself any more, or never had.
    #[error("another server has taken the database over, or this one never claimed it")]
    LockLost,
    /// A sum of money does not fit.
    #[error("an amount of money does not fit")]
    Money(#[from] bailey_core::MoneyError),
}

impl StoreError {
    /// Whose fault it is; picks the log level and the metric's label.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotFound { .. } | Self::Conflict { .. } => Fault::Caller,
            _ => Fault::Ours,
        }
    }

    /// Whether the same transaction may well succeed when it is run again.
    pub(crate) const fn passing(&self) -> bool {
        matches!(self, Self::Contended(_))
    }
}

/// Unique indexes, and what a caller calls the record and the field: (SQLite's `table.column`, PostgreSQL's index name,
/// record, field).
const UNIQUE: &[(&str, &str, &str, &str)] = &[
    (
        "organizations.singleton",
        "organizations_singleton",
        "organization",
        "id",
    ),
    ("groups.name", "groups_name", "group", "name"),
    ("people.name", "people_name", "person", "name"),
    ("roles.name", "roles_name", "role", "name"),
    ("grants.person", "grants_person", "grant", "role"),
    ("grants.group_id", "grants_group", "grant", "role"),
    (
        "invitations.public_id",
        "invitations_public_id",
        "invitation",
        "public_id",
    ),
    ("sessions.public_id", "sessions_public_id", "session", "public_id"),
    ("identities.issuer", "identities_subject", "identity", "subject"),
    (
        "external_accounts.base_url",
        "external_accounts_account",
        "external account",
        "account_id",
    ),
    ("api_tokens.public_id", "api_tokens_public_id", "token", "public_id"),
    ("virtual_keys.public_id", "virtual_keys_public_id", "key", "public_id"),
    ("templates.name", "templates_name", "template", "name"),
    ("connections.name", "connections_name", "connection", "name"),
    ("ticket_runs.arrival", "ticket_runs_arrival", "run", "arrival"),
    ("ticket_runs.connection", "ticket_runs_live", "run", "ticket"),
    ("budgets.subject", "budgets_subject_period", "budget", "period"),
    ("workspaces.owner", "workspaces_owner_name", "workspace", "name"),
    ("workspaces.host_slot", "workspaces_host_slot", "workspace", "host_slot"),
    ("builds.workspace", "builds_active", "workspace", "build"),
    ("audit_rows.writer", "audit_rows_pkey", "audit writer", "head"),
    (
        "audit_writers.replica",
        "audit_writers_replica_kind",
        "audit writer",
        "replica",
    ),
];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
                _ => Self::Statement(error),
            };
        };
        match database.kind() {
            ErrorKind::UniqueViolation => {
                let (message, constraint) = (database.message(), database.constraint());
                let known = UNIQUE
                    .iter()
                    .find(|(column, index, ..)| constraint == Some(index) || message.contains(column));
                match known {
                    Some((_, _, what, field)) => Self::Conflict { what, field },
                    None => Self::Conflict {
                        what: "record",
                        field: "id",
                    },
                }
            }
            ErrorKind::ForeignKeyViolation => Self::NotFound {
                what: "record that this one refers to",
            },
            _ => match database.code().as_deref() {
                // Serialization failure and deadlock on PostgreSQL; SQLITE_BUSY and its kin.
                Some("40001" | "40P01" | "5" | "6" | "261" | "517") => Self::Contended(error),
                // Shutdown, crash, recovery, too many connections, read-only after a failover; disk full and I/O errors.
                Some(code) if code.starts_with("57P") || code.starts_with("08") || code.starts_with("53") => {
                    Self::Unavailable(error)
                }
                // Statement and lock timeouts, too: waiting longer would not help whoever waits.
                Some("57014" | "55P03" | "25006" | "8" | "10" | "13" | "14" | "778" | "1034" | "1546") => {
                    Self::Unavailable(error)
                }
                _ => Self::Statement(error),
            },
        }
    }
}
