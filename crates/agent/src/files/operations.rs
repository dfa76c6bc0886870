//! What is done with files. Blocking: the helper serves one request at a time, and nobody else waits for it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bailey_api::agent::HOME;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::{Body, full, json};

/// The most entries of one list.
const MAX_ENTRIES: usize = 10_000;
/// What is read at a time.
const BLOCK: usize = 64 * 1024;

/// The parameters of a request.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// A path, from the home directory where it is not absolute.
    pub(super) fn path(&self, name: &str) -> io::Result<PathBuf> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is missing or no path"));
        let text = self.get(name).filter(|text| !text.is_empty() && !text.contains('\0'));
        Ok(Path::new(HOME).join(text.ok_or_else(invalid)?))
    }
}

#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    size: u64,
    mode: u32,
    /// Seconds since the epoch.
    modified: i64,
}

fn entry(name: &OsStr, metadata: &Metadata) -> Entry {
    let kind = metadata.file_type();
    Entry {
        name: name.to_string_lossy().into_owned(),
        kind: if kind.is_dir() {
            "directory"
        } else if kind.is_file() {
            "file"
        } else if kind.is_symlink() {
            "link"
        } else {
            "other"
        },
        size: metadata.len(),
        mode: metadata.mode() & 0o7777,
        modified: metadata.mtime(),
    }
}

fn done() -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

pub(super) fn stat(query: &Query) -> io::Result<Response<Body>> {
    let path = query.path("path")?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(json(StatusCode::OK, &entry(name, &fs::symlink_metadata(&path)?)))
}

pub(super) fn list(query: &Query) -> io::Result<Response<Body>> {
    let mut entries = Vec::new();
    let mut truncated = false;
    for found in fs::read_dir(query.path("path")?)? {
        let found = found?;
        if entries.len() == MAX_ENTRIES {
            truncated = true;
            break;
        }
        // One that was removed in between is not there.
        if let Ok(metadata) = found.metadata() {
            entries.push(entry(&found.file_name(), &metadata));
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let answer = serde_json::json!({ "entries": entries, "truncated": truncated });
    Ok(json(StatusCode::OK, &answer))
}

/// A regular file: a pipe or device would be waited for without end.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok((file, metadata.len()))
}

pub(super) fn read(query: &Query, headers: &HeaderMap) -> io::Result<Response<Body>> {
    let (mut file, size) = open(&query.path("path")?)?;
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (first, length) = match range.and_then(|range| part(range, size)) {
        Some((first, last)) => (first, last - first + 1),
        None => (0, size),
    };
    file.seek(SeekFrom::Start(first))?;
    // A file that grows is read as long as it was; one that shrinks ends the connection, so that it is noticed.
    let body = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut block = vec![0; BLOCK.min(usize::try_from(left).unwrap_or(BLOCK))];
        let count = file.read(&mut block)?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        block.truncate(count);
        let left = left.saturating_sub(count as u64);
        Ok(Some((Frame::data(Bytes::from(block)), (file, left))))
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if length != size
        && let Ok(range) = HeaderValue::try_from(format!("bytes {first}-{}/{size}", first + length - 1))
    {
        headers.insert(CONTENT_RANGE, range);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The first and last byte that a range asks for; `None` = it is no range that is served, and all of the file is.
fn part(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let end = size.checked_sub(1)?;
    let (first, last) = if first.is_empty() {
        let count: u64 = last.parse().ok().filter(|count| *count > 0)?;
        (size.saturating_sub(count), end)
    } else {
        let last = if last.is_empty() { end } else { last.parse().ok()? };
        (first.parse().ok()?, last.min(end))
    };
    (first <= last).then_some((first, last))
}

/// Bytes of a body that are read on after a failure. Whoever is still writing when the connection closes learns of that alone, and not
/// why; beyond this they may.
const READ_ON: usize = 64 << 20;

/// Writes beside the file and then renames, so that readers see the old or the new one and never half of either.
pub(super) async fn write(query: &Query, mut body: Incoming) -> io::Result<Response<Body>> {
    let written = write_all(query, &mut body).await;
    let mut left = READ_ON;
    while written.is_err() && left > 0 {
        let Some(Ok(frame)) = body.frame().await else { break };
        left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len));
    }
    written
}

async fn write_all(query: &Query, body: &mut Incoming) -> io::Result<Response<Body>> {
    let path = query.path("path")?;
    let before = fs::metadata(&path).ok();
    if query.flag("keep") && before.is_some() {
        return Ok(done());
    }
    if before.as_ref().is_some_and(Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    // A link stays one: what it leads to is written.
    let path = fs::canonicalize(&path).unwrap_or(path);
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    if query.flag("parents") {
        fs::create_dir_all(directory)?;
    }
    let mode = match (query.get("executable"), before) {
        (Some("true"), _) => 0o755,
        (None, Some(before)) => before.mode() & 0o777,
        _ => 0o644,
    };
    let (mut file, temporary) = beside(&path, directory)?;
    let written = async {
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                file.write_all(&data)?;
            }
        }
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        fs::rename(&temporary, &path)
    };
    if let Err(error) = written.await {
        // What cannot be removed either is at least not in anybody's way.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(done())
}

fn beside(path: &Path, directory: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.as_bytes();
    for _ in 0..8 {
        let mut temporary = OsString::from(".");
        // The name is shortened, so that one of the longest has room for what is added.
        temporary.push(OsStr::from_bytes(name.get(..200).unwrap_or(name)));
        temporary.push(format!(".{:08x}", getrandom::u32().map_err(io::Error::other)?));
        let temporary = directory.join(temporary);
        let opened = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary);
        match opened {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

pub(super) fn remove(query: &Query) -> io::Result<Response<Body>> {
    let path = query.path("path")?;
    if !fs::symlink_metadata(&path)?.is_dir() {
        fs::remove_file(&path)?;
    } else if query.flag("recursive") {
        fs::remove_dir_all(&path)?;
    } else {
        fs::remove_dir(&path)?;
    }
    Ok(done())
}

pub(super) fn make_directory(query: &Query) -> io::Result<Response<Body>> {
    let path = query.path("path")?;
    if query.flag("parents") {
        fs::create_dir_all(&path)?;
    } else {
        fs::create_dir(&path)?;
    }
    Ok(done())
}

pub(super) fn rename(query: &Query) -> io::Result<Response<Body>> {
    let (from, to) = (query.path("from")?, query.path("to")?);
    if !query.flag("replace") && fs::symlink_metadata(&to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)?;
    Ok(done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_means_them() {
        for (range, size, expected) in [
            ("bytes=0-3", 10, Some((0, 3))),
            ("bytes=4-", 10, Some((4, 9))),
            ("bytes=-3", 10, Some((7, 9))),
            ("bytes=-30", 10, Some((0, 9))),
            ("bytes=8-100", 10, Some((8, 9))),
            ("bytes=10-", 10, None),
            ("bytes=5-4", 10, None),
            ("bytes=-0", 10, None),
            ("bytes=0-", 0, None),
            ("bytes=0-1,3-4", 10, None),
            ("lines=0-1", 10, None),
        ] {
            assert_eq!(part(range, size), expected, "{range}");
        }
    }

    #[test]
    fn paths_begin_at_home_and_are_whole() {
        let path = |query: &str| Query::parse(query).path("path");
        assert_eq!(path("path=a/b").unwrap(), Path::new("/home/dev/a/b"));
        assert_eq!(path("path=%2Ftmp%2Fx+y").unwrap(), Path::new("/tmp/x y"));
        assert!(path("path=").is_err() && path("").is_err() && path("path=a%00b").is_err());
    }
}
