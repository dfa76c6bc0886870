//! An agent that runs nothing: it links to the server over real WebSockets as `bailey-agent` does, greets, asks for its key
//! and reports figures. It stands in for `bailey-agent` (`workspaces.agent` in the configuration), so that the server goes
//! the whole way with many workspaces on a machine that could not hold them. See `bench/agents.py`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use bailey_api::agent::{AgentStatus, Capabilities, FromAgent, FromServer, Manifest, Purpose, Reading, ServerAddress};
use bailey_link::{Connection, Opener};
use rustix::fs::{FlockOperation, flock};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

/// How often figures are reported.
const REPORT: Duration = Duration::from_secs(5);
/// The pause before the server is dialled again.
const AGAIN: Duration = Duration::from_millis(200);

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("probe") => serde_json::to_writer(std::io::stdout(), &Capabilities::default()).map_err(Into::into),
        Some("sweep") => Ok(()),
        Some("run") => run(),
        _ => Err("it stands in for bailey-agent: run, probe or sweep".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let manifest: Manifest = serde_json::from_slice(&text)?;
    std::fs::create_dir_all(manifest.state_dir.join("home"))?;
    // As the driver sees that an agent lives.
    let mut lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(manifest.state_dir.join("lock"))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    lock.set_len(0)?;
    writeln!(lock, "{}", std::process::id())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            () = keep(&manifest, "bulk") => Ok(()),
            () = keep(&manifest, "interactive") => Ok(()),
        }
    })
}

/// Keeps one of the two connections; comes back when the server asks it to end.
async fn keep(manifest: &Manifest, class: &str) {
    let mut needs_key = true;
    loop {
        match link(manifest, class, &mut needs_key).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "{class}: {error}");
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Links once; `true` = it is to end.
async fn link(manifest: &Manifest, class: &str, needs_key: &mut bool) -> Outcome<bool> {
    let base = match &manifest.server {
        ServerAddress::Url(url) => url.clone(),
        ServerAddress::File(path) => format!("http://{}", std::fs::read_to_string(path)?.trim()),
    };
    let url = format!("{base}{}?class={class}", bailey_api::agent::LINK_PATH);
    let Connection {
        opener,
        mut incoming,
        driver,
    } = bailey_link::dial(&url, &manifest.token.0).await?;
    let refuse = async {
        while let Some(stream) = incoming.next().await {
            if let Ok((_, pending)) = bailey_link::accept::<Purpose>(stream).await {
                pending.refuse("it is simulated").await;
            }
        }
    };
    tokio::select! {
        ended = driver => ended.map(|()| false).map_err(Into::into),
        () = refuse => Ok(false),
        ended = talk(&opener, manifest, needs_key), if class == "interactive" => ended,
    }
}

async fn talk(opener: &Opener, manifest: &Manifest, needs_key: &mut bool) -> Outcome<bool> {
    let stream = bailey_link::request(opener, &Purpose::Control).await?;
    let (reader, mut writer) = tokio::io::split(stream);
    let hello = FromAgent::Hello {
        version: "simulated".to_owned(),
        started_at: 1,
        needs_key: *needs_key,
        ready: true,
    };
    say(&mut writer, &hello).await?;
    let mut reader = BufReader::with_capacity(1024, reader.take(u64::MAX));
    let mut line = Vec::new();
    let mut round = 0;
    let mut report = tokio::time::interval(REPORT);
    loop {
        tokio::select! {
            read = reader.read_until(b'\n', &mut line) => {
                if read? == 0 {
                    return Ok(false);
                }
                match serde_json::from_slice(&line)? {
                    FromServer::Welcome { key: Some(_), .. } => *needs_key = false,
                    FromServer::Stop { .. } => return Ok(true),
                    FromServer::Welcome { key: None, .. } | FromServer::LogStored { .. } => {}
                }
                line.clear();
            }
            _ = report.tick() => {
                round += 1;
                say(&mut writer, &FromAgent::Status(figures(manifest, round))).await?;
            }
        }
    }
}

/// Figures as a real agent has them, another each time.
fn figures(manifest: &Manifest, round: u32) -> AgentStatus {
    let reading = |display_name: &str| Reading {
        display_name: display_name.to_owned(),
        value: (1_000_000 * round).to_string(),
        error: None,
        at: i64::from(round),
    };
    let metadata = manifest
        .metadata
        .iter()
        .map(|probe| (probe.name.clone(), reading(&probe.display_name)));
    AgentStatus {
        metadata: metadata.collect(),
        apps: BTreeMap::new(),
    }
}

async fn say(writer: &mut (impl tokio::io::AsyncWrite + Unpin), message: &FromAgent) -> Outcome<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    Ok(writer.flush().await?)
}
