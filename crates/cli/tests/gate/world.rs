//! A mock provider, a server in front of it, and how their books are compared.

use std::path::Path;
use std::time::{Duration, Instant};

use bailey_mock::{Ledger, Mock, MockConfig, Scenario};
use bailey_testkit::http::Call;
use bailey_testkit::process::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The price of the mock, as the configuration has it.
const PRICE: &str =
    r#"{ input = "3", output = "15", cache_read = "0.30", cache_write_5m = "3.75", cache_write_1h = "6" }"#;

pub(crate) struct World {
    pub(crate) mock: Mock,
    pub(crate) server: Server,
    pub(crate) runtime: tokio::runtime::Runtime,
    /// Removed with everything in it when the test ends.
    _dir: TempDir,
}

impl World {
    /// A server that is not started yet; all models lead to `mock`, which plays `scenario`.
    pub(crate) fn new(scenario: &str) -> Self {
        Self::with(scenario, "", |url| {
            format!(
                "[providers.judge]\nkind = \"mock\"\nbase_url = \"{url}\"\napi_key = \"upstream-credential\"\n\
                 [[models]]\nname = \"m\"\nmax_output = 1000\nroutes = [{{ provider = \"judge\", model = \"m\", price = {PRICE} }}]\n"
            )
        })
    }

    pub(crate) fn with(scenario: &str, extra: &str, config: impl Fn(&str) -> String) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let scenarios = match scenario {
            "" => Vec::new(),
            yaml => vec![Scenario::parse("test", yaml).unwrap()],
        };
        let mock = runtime
            .block_on(Mock::start(MockConfig {
                scenarios,
                ..MockConfig::default()
            }))
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = format!("{}{extra}", config(&mock.url()));
        let server = Server::new(Path::new(env!("CARGO_BIN_EXE_bailey")), dir.path(), &config).unwrap();
        Self {
            mock,
            server,
            runtime,
            _dir: dir,
        }
    }

    pub(crate) fn start(mut self) -> Self {
        self.server.start().unwrap();
        self
    }

    /// The mock's ledger, once it has nothing open.
    pub(crate) fn judged(&self) -> Ledger {
        self.runtime.block_on(self.mock.idle());
        self.mock.ledger()
    }

    /// All rows of Bailey's ledger; waits until there are `count`.
    pub(crate) fn rows(&mut self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let rows = self.all_rows();
            if rows.len() >= count || began.elapsed() > Duration::from_secs(20) {
                assert_eq!(rows.len(), count, "rows: {rows:#?}");
                return rows;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All rows that there are now.
    pub(crate) fn all_rows(&mut self) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut path = "/api/v1/requests?limit=200".to_owned();
        loop {
            let page = self.server.api("GET", &path).unwrap().json().unwrap();
            rows.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/api/v1/requests?limit=200&cursor={cursor}"),
                None => return rows,
            }
        }
    }
}

/// Nano-dollars of an amount in an answer of the API.
pub(crate) fn nanos(amount: &Value) -> i64 {
    amount["nanos"]
        .as_i64()
        .unwrap_or_else(|| panic!("no amount: {amount}"))
}

/// What rows cost together, overruns included.
pub(crate) fn total(rows: &[Value]) -> i64 {
    rows.iter()
        .map(|row| nanos(&row["cost"]) + nanos(&row["overrun"]))
        .sum()
}

pub(crate) fn messages(stream: bool) -> Value {
    json!({"model": "m", "max_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": "say hello"}]})
}

pub(crate) fn chat(stream: bool) -> Value {
    json!({"model": "m", "max_completion_tokens": 100, "stream": stream, "messages": [{"role": "user", "content": "say hello"}]})
}

pub(crate) fn responses(stream: bool) -> Value {
    json!({"model": "m", "max_output_tokens": 100, "stream": stream, "input": "say hello"})
}

/// The three protocols: path and request.
pub(crate) fn protocols(stream: bool) -> [(&'static str, Value); 3] {
    [
        ("/v1/messages", messages(stream)),
        ("/v1/chat/completions", chat(stream)),
        ("/v1/responses", responses(stream)),
    ]
}

/// A model call with a key.
pub(crate) fn call<'a>(path: &'a str, body: &Value, key: &str) -> Call<'a> {
    Call::post(path, body).bearer(key)
}
