//! The registry behind `/metrics`, and what is measured of the process itself.
//!
//! Whoever measures something registers its metrics through [`Registry::families`] at start and keeps them; afterwards
//! the registry only encodes. Labels come from closed lists or from the configuration, so that no person, key or prompt
//! can become one.

mod process;

use std::fmt;

use bailey_core::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry as Inner;

/// The content type of what [`Registry::encode`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics. Names begin with `bailey_`, those of the process with `process_`.
#[derive(Debug)]
pub struct Registry(Inner);

impl Registry {
    /// A registry with build information and the process's own metrics. `started` is when the process did.
    pub fn new(version: &'static str, started: Timestamp) -> Self {
        let mut registry = Inner::default();
        registry.register(
            "bailey_build",
            "The version that runs",
            Info::new(vec![("version", version)]),
        );
        registry.register_collector(Box::new(process::Process::new(started)));
        Self(registry)
    }

    /// Where metrics are registered.
    pub const fn families(&mut self) -> &mut Inner {
        &mut self.0
    }

    /// Everything in the text format of `OpenMetrics`; its content type is [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// Where a label cannot be written.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(8 * 1024);
        encode(&mut text, &self.0)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn metrics_are_encoded_with_those_of_the_process() {
        let mut registry = Registry::new("1.2.3", Timestamp::from_seconds(1_700_000_000));
        let requests: Counter = Counter::default();
        registry
            .families()
            .register("bailey_requests", "Requests", requests.clone());
        requests.inc();
        let text = registry.encode().unwrap();
        for line in [
            "bailey_build_info{version=\"1.2.3\"} 1\n",
            "bailey_requests_total 1\n",
            "process_start_time_seconds 1700000000\n",
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_max_fds ",
            "process_threads ",
            "process_cpu_seconds_total ",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
