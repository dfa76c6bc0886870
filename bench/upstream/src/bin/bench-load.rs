//! The load generator for streams and latencies.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
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

/// Sends one request over and over. Prints `measuring` when the warm-up is over, and at the end one line of JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the proxy listens.
    #[arg(long)]
    connect: SocketAddr,
    /// The request's path.
    #[arg(long)]
    path: String,
    /// File with the request's body.
    #[arg(long)]
    body: PathBuf,
    /// A header to send, such as `x-api-key: k`.
    #[arg(long)]
    header: Vec<String>,
    /// How many connections, each with one request at a time.
    #[arg(long, default_value_t = 1)]
    connections: u32,
    /// Seconds that are not counted.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Seconds that are.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Events that a whole answer has; 0 where it is no stream.
    #[arg(long, default_value_t = 0)]
    events: usize,
    /// Begin the connections evenly over so many milliseconds.
    #[arg(long, default_value_t = 0)]
    stagger: u32,
    /// Write the head and the body of a request apart, as many clients do.
    #[arg(long)]
    split: bool,
    /// Close the connection after so many events of an answer.
    #[arg(long)]
    hang_up_after: Option<usize>,
    /// Count what goes wrong and go on; else the first failure ends the run.
    #[arg(long)]
    tolerate: bool,
}

/// What one connection, or all of them, measured.
#[derive(Debug, Default)]
struct Measured {
    requests: u64,
    events: u64,
    failures: u64,
    latency: Durations,
    first_event: Durations,
    gap: Durations,
}

/// What is printed; durations in microseconds.
#[derive(Debug, Serialize)]
struct Report {
    seconds: f64,
    requests: u64,
    events: u64,
    failures: u64,
    /// From the request to the end of the answer.
    latency: Summary,
    /// From the request to the first event.
    first_event: Summary,
    /// Between two reads that each brought an event.
    gap: Summary,
}

/// What all connections share.
struct Plan {
    arguments: Arguments,
    /// Head and body.
    request: Vec<u8>,
    /// How long the head is.
    head: usize,
    measure_from: Instant,
    until: Instant,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let body =
        std::fs::read(&arguments.body).with_context(|| format!("{} cannot be read", arguments.body.display()))?;
    let mut head = format!("POST {} HTTP/1.1\r\nhost: {}\r\n", arguments.path, arguments.connect);
    for header in &arguments.header {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("content-type: application/json\r\ncontent-length: ");
    head.push_str(&body.len().to_string());
    head.push_str("\r\n\r\n");
    let measure_from = Instant::now() + Duration::from_secs_f64(arguments.warm_up);
    let until = measure_from + Duration::from_secs_f64(arguments.seconds);
    let plan = Rc::new(Plan {
        request: [head.as_bytes(), &body].concat(),
        head: head.len(),
        arguments,
        measure_from,
        until,
    });
    LocalSet::new().run_until(run(plan)).await
}

async fn run(plan: Rc<Plan>) -> anyhow::Result<()> {
    let mut connections = JoinSet::new();
    for number in 0..plan.arguments.connections {
        let plan = Rc::clone(&plan);
        connections.spawn_local(async move {
            let delay = f64::from(plan.arguments.stagger) * f64::from(number) / f64::from(plan.arguments.connections);
            tokio::time::sleep(Duration::from_secs_f64(delay / 1_000.0)).await;
            connection(&plan).await
        });
    }
    tokio::time::sleep_until(plan.measure_from.into()).await;
    writeln!(std::io::stdout(), "measuring")?;
    let mut sum = Measured::default();
    while let Some(ended) = connections.join_next().await {
        let one = ended??;
        sum.requests += one.requests;
        sum.events += one.events;
        sum.failures += one.failures;
        sum.latency.extend(one.latency);
        sum.first_event.extend(one.first_event);
        sum.gap.extend(one.gap);
    }
    let report = Report {
        seconds: plan.arguments.seconds,
        requests: sum.requests,
        events: sum.events,
        failures: sum.failures,
        latency: sum.latency.summary(),
        first_event: sum.first_event.summary(),
        gap: sum.gap.summary(),
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}

/// One connection, opened again when it was closed, until the time is over. What is under way then is left.
async fn connection(plan: &Plan) -> anyhow::Result<Measured> {
    let mut client = Client {
        stream: None,
        buffer: vec![0; 32 * 1024],
    };
    let mut measured = Measured::default();
    let work = async {
        loop {
            let Err(error) = client.call(plan, &mut measured).await else {
                continue;
            };
            client.stream = None;
            if !plan.arguments.tolerate {
                return error;
            }
            measured.failures += u64::from(Instant::now() >= plan.measure_from);
            // A proxy that refuses connections must not be hammered without a pause.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    match tokio::time::timeout_at(plan.until.into(), work).await {
        Ok(error) => Err(error),
        Err(_elapsed) => Ok(measured),
    }
}

/// The client's end of a connection.
struct Client {
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    /// One request and its answer.
    async fn call(&mut self, plan: &Plan, measured: &mut Measured) -> anyhow::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(plan.arguments.connect).await?,
        };
        let sent = Instant::now();
        if plan.arguments.split {
            let (head, body) = plan.request.split_at(plan.head);
            stream.write_all(head).await?;
            stream.write_all(body).await?;
        } else {
            stream.write_all(&plan.request).await?;
        }

        let mut response = Response::default();
        let mut last_event = sent;
        while !response.is_complete() {
            let read = stream.read(&mut self.buffer).await?;
            ensure!(read > 0, "the answer ended after {} events", response.events());
            let before = response.events();
            response.push(&self.buffer[..read])?;
            if response.events() > before {
                let now = Instant::now();
                if now >= plan.measure_from {
                    measured.events += (response.events() - before) as u64;
                    let waits = if before == 0 {
                        &mut measured.first_event
                    } else {
                        &mut measured.gap
                    };
                    waits.add(now - last_event);
                }
                last_event = now;
            }
            if plan
                .arguments
                .hang_up_after
                .is_some_and(|after| response.events() >= after)
            {
                measured.requests += u64::from(Instant::now() >= plan.measure_from);
                return Ok(());
            }
        }
        check(plan, &response)?;
        self.stream = Some(stream);
        let now = Instant::now();
        if now >= plan.measure_from {
            measured.requests += 1;
            measured.latency.add(now - sent);
        }
        Ok(())
    }
}

async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .context("the proxy cannot be reached")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn check(plan: &Plan, response: &Response) -> anyhow::Result<()> {
    if response.status() != 200 {
        bail!("status {}", response.status());
    }
    let expected = plan.arguments.events;
    ensure!(
        response.events() == expected,
        "{} events, expected {expected}",
        response.events()
    );
    Ok(())
}
