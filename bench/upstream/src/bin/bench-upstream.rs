//! The instant upstream.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use anyhow::Context as _;
use bench_upstream::{
    answers::{Answers, Manner, Protocol},
    request::Reader,
};
use clap::Parser;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::LocalSet,
    time::MissedTickBehavior,
};

/// Answers model calls at once, always the same.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Milliseconds between two events of `bench-spaced`.
    #[arg(long, default_value_t = 20)]
    spacing: u64,
}

/// What all connections share.
struct Shared {
    chat: Answers,
    messages: Answers,
    spacing: Duration,
    /// Calls of `bench-fail` so far.
    failures: std::cell::Cell<usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let shared = Rc::new(Shared {
        chat: Answers::new(Protocol::Chat),
        messages: Answers::new(Protocol::Messages),
        spacing: Duration::from_millis(arguments.spacing),
        failures: std::cell::Cell::new(0),
    });
    LocalSet::new().run_until(accept(arguments.listen, shared)).await
}

async fn accept(address: SocketAddr, shared: Rc<Shared>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} cannot be listened on"))?;
    loop {
        let (stream, _) = listener.accept().await?;
        let shared = Rc::clone(&shared);
        // A connection that breaks is the client's business: in a soak run many do.
        tokio::task::spawn_local(async move {
            let _ = serve(stream, &shared).await;
        });
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::default();
    while let Some(request) = reader.next(&mut stream).await? {
        let answers = match request.protocol {
            Protocol::Chat => &shared.chat,
            Protocol::Messages => &shared.messages,
        };
        match request.manner {
            Manner::Small => stream.write_all(&answers.small).await?,
            Manner::Burst => stream.write_all(&answers.burst).await?,
            Manner::Spaced => spaced(&mut stream, answers, shared.spacing).await?,
            Manner::Fail => {
                if !fail(&mut stream, answers, shared).await? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

async fn spaced(stream: &mut TcpStream, answers: &Answers, spacing: Duration) -> anyhow::Result<()> {
    stream.write_all(&answers.stream_head).await?;
    let mut ticks = tokio::time::interval(spacing);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for event in &answers.events {
        ticks.tick().await;
        stream.write_all(event).await?;
    }
    Ok(())
}

/// Answers in one of five ways, in turn. False where the connection ends here.
async fn fail(stream: &mut TcpStream, answers: &Answers, shared: &Shared) -> anyhow::Result<bool> {
    let number = shared.failures.get();
    shared.failures.set(number.wrapping_add(1));
    match number % 5 {
        0 => stream.write_all(&answers.unavailable).await?,
        1 => return Ok(false),
        2 => {
            stream.write_all(&answers.stream_head).await?;
            for event in answers.events.iter().take(10) {
                stream.write_all(event).await?;
            }
            return Ok(false);
        }
        3 => spaced(stream, answers, Duration::from_millis(5)).await?,
        _ => stream.write_all(&answers.burst).await?,
    }
    Ok(true)
}
