//! What the operating system says of this process, under the names that every Prometheus client uses.

use std::fmt;
use std::fs;

use bailey_core::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Read from `/proc` at every scrape; what cannot be read is left out.
#[derive(Debug)]
pub(super) struct Process {
    started: Timestamp,
}

impl Process {
    pub(super) const fn new(started: Timestamp) -> Self {
        Self { started }
    }
}

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: Option<u64>| match value {
            Some(value) => {
                let encoder = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
                ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
            }
            None => Ok(()),
        };
        let started = u64::try_from(self.started.seconds()).ok();
        gauge(
            "process_start_time_seconds",
            "When the server started, since the epoch",
            started,
        )?;
        gauge("process_resident_memory_bytes", "Memory in use", resident_bytes())?;
        gauge("process_open_fds", "Open file descriptors", open_fds())?;
        gauge("process_max_fds", "Most file descriptors that may be open", max_fds())?;
        gauge("process_threads", "Threads", stat_field(THREADS))?;
        if let Some(seconds) = cpu_seconds() {
            let help = "Processor time used, user and system";
            let encoder = to.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(seconds).encode(encoder)?;
        }
        Ok(())
    }
}

/// Fields of `/proc/self/stat`, counted from 1 as in proc(5).
const USER_TIME: usize = 14;
const SYSTEM_TIME: usize = 15;
const THREADS: usize = 20;

fn stat_field(number: usize) -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the command in parentheses and may itself hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a process are far below 2^52")]
fn cpu_seconds() -> Option<f64> {
    let ticks = stat_field(USER_TIME)? + stat_field(SYSTEM_TIME)?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

fn open_fds() -> Option<u64> {
    // The folder is held open while it is listed.
    u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count())
        .ok()?
        .checked_sub(1)
}

fn max_fds() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}
