//! What runs inside: HTTP on a socket, answered with the person's own rights.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::operations as act;
use super::{Body, failure, search};

/// Whether the helper answers at a path.
pub(super) fn serves(path: &str) -> bool {
    matches!(
        path,
        "/files" | "/stat" | "/list" | "/search" | "/directories" | "/rename"
    )
}

/// Serves the socket on standard input until the other side closes it.
pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // There is nobody to tell: standard error is the program's own file.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    let stream = std::os::unix::net::UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async { serve(UnixStream::from_std(stream)?).await.map_err(io::Error::other) })
}

/// Serves one connection.
async fn serve(stream: UnixStream) -> Result<(), hyper::Error> {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(request).await) });
    hyper::server::conn::http1::Builder::new()
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

async fn answer(request: Request<Incoming>) -> Response<Body> {
    match route(request).await {
        Ok(response) => response,
        Err(error) => failure(status(&error), error),
    }
}

async fn route(request: Request<Incoming>) -> io::Result<Response<Body>> {
    let query = act::Query::parse(request.uri().query().unwrap_or_default());
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/files") => act::read(&query, request.headers()),
        (&Method::PUT, "/files") => act::write(&query, request.into_body()).await,
        (&Method::DELETE, "/files") => act::remove(&query),
        (&Method::GET, "/stat") => act::stat(&query),
        (&Method::GET, "/list") => act::list(&query),
        (&Method::POST, "/directories") => act::make_directory(&query),
        (&Method::POST, "/rename") => act::rename(&query),
        (&Method::GET, "/search") => search::search(&query),
        _ => Ok(failure(StatusCode::METHOD_NOT_ALLOWED, "this is not done with a path")),
    }
}

fn status(error: &io::Error) -> StatusCode {
    match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NOT_FOUND,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StatusCode::FORBIDDEN,
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => StatusCode::CONFLICT,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
        io::ErrorKind::InvalidInput
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::CrossesDevices => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
