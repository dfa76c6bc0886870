//! The load generator for the API: so many requests a second, whether the answers come or not.

use std::{
    cell::Cell,
    collections::BTreeMap,
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bench_upstream::{
    response::Response,
    stats::{Durations, Summary},
};
use clap::Parser;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::{JoinSet, LocalSet},
};

/// Sends GET requests at a fixed rate (open loop). A request that has to wait for a connection is late, and its latency counts from
/// when it was due: what a slow server makes wait is not left out. Prints `measuring` when the warm-up is over, and at the
/// end one line of JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the server listens.
    #[arg(long)]
    connect: SocketAddr,
    /// File of requests, taken in turn: a kind, a path and a bearer token, with tabs between them.
    #[arg(long)]
    requests: PathBuf,
    /// Requests a second.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// How many connections.
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// Seconds that are not counted.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Seconds that are.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

/// What was measured of one kind of request.
#[derive(Debug, Default)]
struct Measured {
    latency: Durations,
    failures: u64,
    bytes: u64,
}

/// What is printed of one kind; durations in microseconds.
#[derive(Debug, Serialize)]
struct Report {
    /// From when a request was due to the end of its answer.
    latency: Summary,
    /// Answers with another status than 200.
    failures: u64,
    /// Bytes of all answers.
    bytes: u64,
}

struct Plan {
    arguments: Arguments,
    requests: Vec<(String, Vec<u8>)>,
    start: Instant,
    /// The next request's number.
    next: Cell<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let text = std::fs::read_to_string(&arguments.requests)
        .with_context(|| format!("{} cannot be read", arguments.requests.display()))?;
    let mut requests = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (Some(kind), Some(path), Some(token)) = (fields.next(), fields.next(), fields.next()) else {
            anyhow::bail!("a line is not `kind TAB path TAB token`: {line}");
        };
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\r\n",
            arguments.connect
        );
        requests.push((kind.to_owned(), head.into_bytes()));
    }
    ensure!(!requests.is_empty(), "there are no requests");
    let plan = Rc::new(Plan {
        arguments,
        requests,
        start: Instant::now() + Duration::from_millis(100),
        next: Cell::new(0),
    });
    LocalSet::new().run_until(run(plan)).await
}

async fn run(plan: Rc<Plan>) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    for _ in 0..plan.arguments.connections {
        let plan = Rc::clone(&plan);
        connections.spawn_local(async move { connection(&plan).await });
    }
    let warm = plan.start + Duration::from_secs_f64(plan.arguments.warm_up);
    tokio::time::sleep_until(warm.into()).await;
    writeln!(std::io::stdout(), "measuring")?;
    let mut sum: BTreeMap<String, Measured> = BTreeMap::new();
    while let Some(ended) = connections.join_next().await {
        for (kind, one) in ended?? {
            let all = sum.entry(kind).or_default();
            all.latency.extend(one.latency);
            all.failures += one.failures;
            all.bytes += one.bytes;
        }
    }
    let reports: BTreeMap<String, Report> = sum
        .into_iter()
        .map(|(kind, one)| {
            let report = Report {
                latency: one.latency.summary(),
                failures: one.failures,
                bytes: one.bytes,
            };
            (kind, report)
        })
        .collect();
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&reports)?)?;
    Ok(())
}

/// Takes the next request that is due, over and over.
async fn connection(plan: &Plan) -> anyhow::Result<BTreeMap<String, Measured>> {
    let Arguments {
        connect,
        rate,
        warm_up,
        seconds,
        ..
    } = plan.arguments;
    let mut stream = TcpStream::connect(connect).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
    loop {
        let number = plan.next.get();
        plan.next.set(number + 1);
        let due = Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(rate));
        if due >= Duration::from_secs_f64(warm_up + seconds) {
            return Ok(measured);
        }
        tokio::time::sleep_until((plan.start + due).into()).await;
        let index = usize::try_from(number % plan.requests.len() as u64)?;
        let (kind, request) = plan.requests.get(index).context("no such request")?;
        stream.write_all(request).await?;
        let mut response = Response::default();
        let mut bytes = 0;
        while !response.is_complete() {
            let read = stream.read(&mut buffer).await?;
            ensure!(read > 0, "the server closed a connection");
            response.push(buffer.get(..read).unwrap_or_default())?;
            bytes += read as u64;
        }
        if due >= Duration::from_secs_f64(warm_up) {
            let one = measured.entry(kind.clone()).or_default();
            // tokio wakes up to a millisecond late; that is the generator's, and counts all the same.
            one.latency.add((plan.start + due).elapsed());
            one.failures += u64::from(response.status() != 200);
            one.bytes += bytes;
        }
    }
}
