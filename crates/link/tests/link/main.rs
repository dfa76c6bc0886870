//! Two sides of a link over a WebSocket in memory, or over loopback.

#![cfg(test)]

use std::time::{Duration, Instant};

use bailey_link::{Connection, Incoming, LinkError, MAX_LINE, MAX_STREAMS, Messages, Opener, PurposeError, Stream};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

struct Side {
    opener: Opener,
    incoming: Incoming,
    driver: JoinHandle<Result<(), LinkError>>,
}

#[expect(clippy::disallowed_methods, reason = "tests have no tasks to wait for")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

fn run(connection: Connection) -> Side {
    Side {
        opener: connection.opener,
        incoming: connection.incoming,
        driver: spawn(connection.driver),
    }
}

async fn messages<S: AsyncRead + AsyncWrite + Unpin>(stream: S, role: Role) -> Messages<S> {
    let config = bailey_link::websocket_config();
    Messages(WebSocketStream::from_raw_socket(stream, role, Some(config)).await)
}

async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(near: S, far: S) -> (Side, Side) {
    (
        run(Connection::client(messages(near, Role::Client).await)),
        run(Connection::server(messages(far, Role::Server).await)),
    )
}

async fn pair() -> (Side, Side) {
    let (near, far) = duplex(64 * 1024);
    over(near, far).await
}

async fn tcp() -> (Side, Side) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (far, _) = listener.accept().await.unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    over(near, far).await
}

/// Accepts every stream and sends back what arrives on it.
fn echo(mut incoming: Incoming) {
    spawn(async move {
        while let Some(stream) = incoming.next().await {
            spawn(async move {
                let (_, pending) = bailey_link::accept::<Value>(stream).await.unwrap();
                let (mut read, mut write) = tokio::io::split(pending.accept().await.unwrap());
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
    });
}

async fn open(side: &Side) -> Stream {
    bailey_link::request(&side.opener, &json!({"purpose": "echo"}))
        .await
        .unwrap()
}

async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future)
        .await
        .expect("it took too long")
}

#[tokio::test]
async fn many_streams_at_once_from_both_sides() {
    let (mut near, mut far) = pair().await;
    echo(std::mem::replace(&mut near.incoming, pair().await.0.incoming));
    echo(std::mem::replace(&mut far.incoming, pair().await.0.incoming));
    let mut tasks = Vec::new();
    for number in 0..150_usize {
        for side in [&near, &far] {
            let opener = side.opener.clone();
            tasks.push(spawn(async move {
                let stream = bailey_link::request(&opener, &json!({"n": number})).await.unwrap();
                let sent: Vec<u8> = (0..50_000 + number)
                    .map(|i| u8::try_from((i * number) % 251).unwrap())
                    .collect();
                let (mut read, mut write) = tokio::io::split(stream);
                let bytes = sent.clone();
                let writing = spawn(async move {
                    write.write_all(&bytes).await.unwrap();
                    write.shutdown().await.unwrap();
                });
                let mut back = Vec::new();
                read.read_to_end(&mut back).await.unwrap();
                writing.await.unwrap();
                assert_eq!(back, sent);
            }));
        }
    }
    for task in tasks {
        within(30, task).await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_that_rests_holds_its_own_writer_and_nobody_else() {
    let (near, mut far) = pair().await;
    let writing = {
        let opener = near.opener.clone();
        spawn(async move {
            let mut stream = opener.open().await.unwrap();
            let mut written = 0;
            // Waits for ever in the end: how far it came is what counts.
            loop {
                let block = [7; 16 * 1024];
                let Ok(wrote) = tokio::time::timeout(Duration::from_millis(300), stream.write(&block)).await else {
                    return (written, stream);
                };
                written += wrote.unwrap();
            }
        })
    };
    let unread = within(5, far.incoming.next()).await.unwrap();
    let (written, _stream) = within(10, writing).await.unwrap();
    // The stream's window, and what lies in buffers on the way.
    assert!((256 * 1024..1024 * 1024).contains(&written), "{written}");
    echo(far.incoming);
    let mut stream = open(&near).await;
    stream.write_all(b"still here").await.unwrap();
    let mut back = [0; 10];
    within(5, stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"still here");
    drop(unread);
}

#[tokio::test]
async fn directions_end_one_by_one() {
    let (near, mut far) = pair().await;
    let mut stream = near.opener.open().await.unwrap();
    stream.write_all(b"question").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut other = within(5, far.incoming.next()).await.unwrap();
    let mut question = String::new();
    within(5, other.read_to_string(&mut question)).await.unwrap();
    other.write_all(b"answer").await.unwrap();
    other.shutdown().await.unwrap();
    let mut answer = String::new();
    within(5, stream.read_to_string(&mut answer)).await.unwrap();
    assert_eq!((question.as_str(), answer.as_str()), ("question", "answer"));
}

#[tokio::test]
async fn an_end_stays_one_when_its_stream_is_dropped_behind_it() {
    let (near, mut far) = pair().await;
    for _ in 0..20 {
        let mut stream = near.opener.open().await.unwrap();
        stream.write_all(b"all of it").await.unwrap();
        let mut other = within(5, far.incoming.next()).await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let mut read = Vec::new();
        within(5, other.read_to_end(&mut read)).await.unwrap();
        assert_eq!(read, b"all of it");
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_reset_and_not_ended() {
    let (near, mut far) = pair().await;
    let mut stream = near.opener.open().await.unwrap();
    stream.write_all(b"half of it").await.unwrap();
    let mut other = within(5, far.incoming.next()).await.unwrap();
    drop(stream);
    let mut read = Vec::new();
    let error = within(5, other.read_to_end(&mut read)).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(read, b"half of it");
}

#[tokio::test]
async fn a_writer_hears_that_nobody_reads_even_after_a_half_close() {
    let (near, mut far) = pair().await;
    let mut stream = near.opener.open().await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut other = within(5, far.incoming.next()).await.unwrap();
    let writing = spawn(async move { while other.write_all(&[0; 4096]).await.is_ok() {} });
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    within(5, writing).await.unwrap();
}

#[tokio::test]
async fn streams_are_counted_and_their_places_come_back() {
    let (near, mut far) = pair().await;
    let mut streams = Vec::new();
    for _ in 0..MAX_STREAMS {
        let mut stream = near.opener.open().await.unwrap();
        stream.write_all(b"x").await.unwrap();
        streams.push((stream, within(5, far.incoming.next()).await.unwrap()));
    }
    assert!(matches!(near.opener.open().await, Err(LinkError::TooManyStreams)));
    // The other side keeps them all; more of ours are reset there, and the connection stays.
    let (ours, theirs): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
    drop(ours);
    for _ in 0..MAX_STREAMS {
        near.opener.open().await.unwrap().write_all(b"y").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!near.opener.is_closed());
    drop(theirs);
    while tokio::time::timeout(Duration::from_millis(100), far.incoming.next())
        .await
        .is_ok()
    {}
    echo(far.incoming);
    within(5, open(&near)).await;
}

#[tokio::test]
async fn what_is_running_ends_with_the_connection() {
    let (near, mut far) = pair().await;
    let mut stream = near.opener.open().await.unwrap();
    stream.write_all(b"x").await.unwrap();
    let mut other = within(5, far.incoming.next()).await.unwrap();
    other.read_u8().await.unwrap();
    near.driver.abort();
    let error = within(5, other.read_u8()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(within(5, far.incoming.next()).await.is_none());
    within(5, far.driver).await.unwrap().ok();
    assert!(matches!(far.opener.open().await, Err(LinkError::Closed)));
    within(5, near.opener.closed()).await;
}

#[tokio::test]
async fn the_last_opener_closes_the_connection() {
    let (near, far) = pair().await;
    drop(near.opener);
    within(5, near.driver).await.unwrap().unwrap();
    within(5, far.opener.closed()).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_noticed_and_a_resting_one_is_not() {
    let (resting, _other) = pair().await;
    let (near, _far) = duplex(64 * 1024);
    let silent = run(Connection::client(messages(near, Role::Client).await));
    let start = tokio::time::Instant::now();
    let error = silent.driver.await.unwrap().unwrap_err();
    assert!(matches!(error, LinkError::Broken(error) if error.kind() == std::io::ErrorKind::TimedOut));
    assert!(start.elapsed() <= Duration::from_secs(20));
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(!resting.opener.is_closed());
}

async fn raw() -> (Side, Messages<DuplexStream>) {
    let (near, far) = duplex(1024 * 1024);
    let side = run(Connection::server(messages(far, Role::Server).await));
    (side, messages(near, Role::Client).await)
}

#[tokio::test]
async fn garbage_ends_the_connection_and_nothing_else() {
    let unknown = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0].to_vec();
    let huge = [0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff].to_vec();
    for (bytes, survives) in [
        (vec![0xff; 64], false),
        (huge, false),
        (vec![0; 300 * 1024], false),
        (unknown, true),
    ] {
        let (side, mut peer) = raw().await;
        let _ = peer.send(Bytes::from(bytes)).await;
        if survives {
            let ended = tokio::time::timeout(Duration::from_millis(200), side.driver).await;
            assert!(ended.is_err(), "a frame of a stream that is gone is passed over");
        } else {
            assert!(within(5, side.driver).await.unwrap().is_err());
        }
    }
    let (side, mut peer) = raw().await;
    peer.0.send("text".into()).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_millis(100), side.driver).await;
    assert!(ended.is_err(), "text is passed over");
    assert!(peer.next().await.unwrap().is_ok());
}

#[tokio::test]
async fn purposes_are_answered_refused_and_bounded() {
    let (near, mut far) = pair().await;
    let opener = near.opener.clone();
    let asking = spawn(async move { bailey_link::request(&opener, &json!({"n": 1})).await });
    let (purpose, pending) = bailey_link::accept::<Value>(far.incoming.next().await.unwrap())
        .await
        .unwrap();
    assert_eq!(purpose, json!({"n": 1}));
    pending.refuse(&"\u{1}".repeat(100_000)).await;
    let Err(PurposeError::Refused(why)) = within(5, asking).await.unwrap() else {
        panic!("it was refused")
    };
    assert!(why.len() <= MAX_LINE && why.starts_with('\u{1}'));

    let huge = json!({"n": "x".repeat(MAX_LINE)});
    assert!(matches!(
        bailey_link::request(&near.opener, &huge).await,
        Err(PurposeError::Malformed(_))
    ));
    for bytes in [
        vec![b'x'; 2 * MAX_LINE],
        b"{\"n\":\n".to_vec(),
        b"\n".to_vec(),
        vec![0xff, b'\n'],
    ] {
        let mut stream = near.opener.open().await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let accepted = within(5, bailey_link::accept::<Value>(far.incoming.next().await.unwrap())).await;
        assert!(matches!(accepted, Err(PurposeError::Malformed(_))), "{accepted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_purpose_that_does_not_come_is_given_up() {
    let (near, mut far) = pair().await;
    let mut stream = near.opener.open().await.unwrap();
    stream.write_all(b"{").await.unwrap();
    let accepted = bailey_link::accept::<Value>(far.incoming.next().await.unwrap()).await;
    assert!(matches!(accepted, Err(PurposeError::TimedOut)));
    let asked = bailey_link::request(&near.opener, &json!({})).await;
    assert!(matches!(asked, Err(PurposeError::TimedOut)));
}

#[tokio::test]
async fn what_follows_the_purpose_at_once_is_not_lost() {
    let (near, mut far) = pair().await;
    let mut stream = near.opener.open().await.unwrap();
    stream.write_all(b"{\"a\":1}\nfirst").await.unwrap();
    let (_, pending) = bailey_link::accept::<Value>(far.incoming.next().await.unwrap())
        .await
        .unwrap();
    let mut accepted = pending.accept().await.unwrap();
    stream.write_all(b" second").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    within(5, accepted.read_to_string(&mut text)).await.unwrap();
    assert_eq!(text, "first second");
}

/// Prints; `cargo test --release -p bailey-link -- --ignored --nocapture` gives figures worth reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn round_trip_and_throughput() {
    let (near, far) = tcp().await;
    echo(far.incoming);
    let mut stream = open(&near).await;
    let mut times = Vec::new();
    for _ in 0..5000 {
        let start = Instant::now();
        stream.write_all(b"x").await.unwrap();
        stream.read_u8().await.unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    println!("round trip p50 {:?}, p99 {:?}", times[2500], times[4950]);
    let (mut read, mut write) = tokio::io::split(open(&near).await);
    let total: usize = 256 * 1024 * 1024;
    let start = Instant::now();
    let writing = spawn(async move {
        for _ in 0..total / (64 * 1024) {
            write.write_all(&vec![0; 64 * 1024]).await.unwrap();
        }
        write.shutdown().await.unwrap();
    });
    let read = tokio::io::copy(&mut read, &mut tokio::io::sink()).await.unwrap();
    writing.await.unwrap();
    assert_eq!(read, total as u64);
    println!("there and back {} MiB in {:?}", total >> 20, start.elapsed());
}
