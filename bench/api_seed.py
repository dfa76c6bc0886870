"""Fills a database for bench/api.py: people, groups, tokens, workspaces with their builds, requests, the audit log.

Rows go in as they are, without the server, which makes them one by one. What the tables look like is read from the database; a
column that this file does not know of gets its default, or fails the insert.
"""

import csv
import hashlib
import io
import json
import os
import sqlite3
import subprocess

EPOCH = 1_795_000_000_000_000
ROLES = ("member",) * 97 + ("template-admin", "auditor", "owner")
ACTIONS = (
    ("workspaces.start", "workspace"),
    ("workspaces.stop", "workspace"),
    ("terminal.open", "workspace"),
    ("sessions.begin", "person"),
    ("keys.create", "key"),
    ("tokens.create", "token"),
    ("users.update", "person"),
)
MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "gpt-5", "llama-3.3-70b")


class Sqlite:
    """A file."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA synchronous = OFF")

    def insert(self, table, columns, rows):
        marks = ", ".join("?" * len(columns))
        self.connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
        self.connection.commit()

    def one(self, query):
        return self.connection.execute(query).fetchone()

    def columns(self, table):
        return [row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")]

    def row(self, table, columns, where):
        return self.one(f"SELECT {', '.join(columns)} FROM {table} {where}")

    def close(self):
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.connection.execute("ANALYZE")
        self.connection.commit()
        self.connection.close()


class Postgres:
    """A database behind psql, filled with COPY."""

    UUIDS = {
        "id", "person", "owner", "group_id", "key_id", "workspace", "template", "version", "initiator", "actor", "session", "token",
        "writer", "replica",
    }  # fmt: skip

    def __init__(self, url):
        self.url = url

    def psql(self, *argv, text=None):
        return subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url, *argv], input=text, capture_output=True, text=True, check=True
        ).stdout

    def kinds(self, table):
        """The type of each column."""
        query = f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
        return dict(line.split("|") for line in self.psql("-At", "-c", query).splitlines())

    def columns(self, table):
        return list(self.kinds(table))

    def insert(self, table, columns, rows):
        kinds = self.kinds(table)
        copy = f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT csv, NULL '\\N')"

        def text(value, column):
            if value is None:
                return "\\N"
            if isinstance(value, bytes):
                return value.hex() if kinds[column] == "uuid" else "\\x" + value.hex()
            if kinds[column] == "boolean":
                return "t" if value else "f"
            return value

        part = []
        for row in rows:
            part.append([text(value, column) for value, column in zip(row, columns)])
            if len(part) == 100_000:
                self.copy(copy, part)
                part = []
        self.copy(copy, part)

    def copy(self, copy, rows):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        self.psql("-c", copy, text=out.getvalue())

    def row(self, table, columns, where):
        """As SQLite would give it: ids as bytes."""
        fields = ", ".join(f"to_json({column})" for column in columns)
        line = self.psql("-At", "-c", f"SELECT json_build_array({fields}) FROM {table} {where}").strip()
        if not line:
            return None
        kinds = self.kinds(table)
        values = json.loads(line)
        for at, column in enumerate(columns):
            if values[at] is not None and kinds[column] == "uuid":
                values[at] = bytes.fromhex(values[at].replace("-", ""))
            elif values[at] is not None and kinds[column] == "bytea":
                values[at] = bytes.fromhex(values[at].removeprefix("\\x"))
        return tuple(values)

    def close(self):
        self.psql("-c", "ANALYZE")


def identity(number, kind):
    """A version 7 UUID whose time is that of its number, and whose rest is different for each kind."""
    millis = EPOCH // 1000 + number
    tail = hashlib.sha256(f"{kind}{number}".encode()).digest()
    return millis.to_bytes(6, "big") + bytes([0x70 | tail[0] & 0x0F, tail[1], 0x80 | tail[2] & 0x3F]) + tail[3:10]


def token(number):
    digest = hashlib.sha256(f"bench token {number}".encode()).hexdigest()
    return f"bly_{digest[:16]}_{hashlib.sha256(digest.encode()).hexdigest()}"


def people(db, count, groups):
    """`count` people in groups of about a hundred, each in two; those of the first thousand have tokens."""
    ids = [identity(number, "person") for number in range(count)]
    group_ids = [identity(number, "group") for number in range(groups)]
    db.insert("groups", ("id", "name", "display_name", "created_at"), ((group_ids[n], f"group-{n:04}", f"Group {n}", EPOCH) for n in range(groups)))
    rows = (
        (ids[n], f"person-{n:05}", f"Person {n}", f"person-{n:05}@example.com", ROLES[n % 100] if n >= 200 else "member", "active", EPOCH + n)
        for n in range(count)
    )
    db.insert("people", ("id", "name", "display_name", "email", "role", "status", "created_at"), rows)
    members = {(group_ids[(n * step) % groups], ids[n]) for n in range(count) for step in (1, 7)}
    db.insert("group_members", ("group_id", "person"), sorted(members))
    tokens = (
        (identity(n, "token"), token(n)[4:20], hashlib.sha256(token(n).encode()).digest(), "bench", ids[n], '["*"]', EPOCH)
        for n in range(min(count, 1000))
    )
    db.insert("api_tokens", ("id", "public_id", "hash", "name", "person", "scopes", "created_at"), tokens)
    return ids


def workspaces(db, owners, count):
    """Copies of a workspace that is there, each with its last build."""
    columns, builds = db.columns("workspaces"), db.columns("builds")
    model = dict(zip(columns, db.row("workspaces", columns, "ORDER BY id LIMIT 1")))
    build = dict(zip(builds, db.row("builds", builds, "ORDER BY id LIMIT 1")))
    ids = [identity(number, "workspace") for number in range(count)]

    def workspace(n):
        own = {
            "id": ids[n], "owner": owners[n % len(owners)], "name": f"work-{n}", "agent_public_id": None, "agent_hash": None,
            "host_slot": None, "created_at": EPOCH + n, "last_active_at": EPOCH + n, "started_at": None, "build": 1, "deleted_at": None,
        }  # fmt: skip
        return [{**model, **own}[column] for column in columns]

    def last(n):
        own = {
            "id": identity(n, "build"), "workspace": ids[n], "number": 1, "transition": "stop", "state": "succeeded", "error": None,
            "initiator": owners[n % len(owners)], "created_at": EPOCH + n, "started_at": EPOCH + n, "finished_at": EPOCH + n,
        }  # fmt: skip
        return [{**build, **own}[column] for column in builds]

    db.insert("workspaces", columns, (workspace(n) for n in range(count)))
    db.insert("builds", builds, (last(n) for n in range(count)))
    return ids


def requests(db, owners, count):
    columns = (
        "id", "started_at", "key_id", "person", "protocol", "model", "stream", "latency_us", "ttft_us", "status", "outcome", "provider",
        "provider_model", "attempts", "input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning", "cost", "overrun",
        "price_version",
    )  # fmt: skip

    def row(n):
        person, model = owners[n * 7919 % len(owners)], MODELS[n % len(MODELS)]
        return (
            identity(n, "request"), EPOCH + n * 1000, identity(n % 5000, "key"), person, "messages", model, 1, 900_000, 120_000, 200, "ok",
            "mock", model, 1, 1200, 800, 0, 0, 300, 0, 1_200_000, 0, "bench",
        )  # fmt: skip

    db.insert("requests", columns, (row(n) for n in range(count)))
    return [identity(n, "request") for n in range(0, count, max(1, count // 5000))]


def audit(db, owners, count):
    """One chain of rows that look like those of the server. Their hashes are not: nothing here verifies them."""
    writer = identity(0, "writer")
    db.insert("audit_writers", ("id", "replica", "kind", "seq", "hash", "opened_at"), [(writer, identity(0, "replica"), "bench", count, "0" * 64, EPOCH)])
    columns = (
        "writer", "seq", "kind", "at", "began_at", "actor_kind", "actor", "action", "resource_kind", "resource_id", "outcome",
        "content_hash", "previous", "hash",
    )  # fmt: skip

    def row(n):
        action, kind = ACTIONS[n % len(ACTIONS)]
        digest = hashlib.sha256(n.to_bytes(8, "big")).hexdigest()
        at = EPOCH + n * 1000
        resource = identity(n * 31 % 20_000, kind).hex()
        outcome = "denied" if n % 50 == 0 else "done"
        return (writer, n + 1, "event", at, at, "person", owners[n * 7919 % len(owners)], action, kind, resource, outcome, digest, digest, digest)

    db.insert("audit_rows", columns, (row(n) for n in range(count)))
    content = '{"salt":"00000000000000000000000000000000","actor":"person-00001","address":"192.0.2.1","resource":"work","before":{"state":"stopped"},"after":{"state":"running"}}'
    db.insert("audit_contents", ("writer", "seq", "content"), ((writer, n + 1, content) for n in range(count)))
    return writer


def name(kind, identifier):
    """An id as the API writes it; `kind` is its prefix."""
    return f"{kind}_{identifier.hex()}"


def size(path):
    return sum(os.path.getsize(f"{path}{end}") for end in ("", "-wal") if os.path.exists(f"{path}{end}"))
