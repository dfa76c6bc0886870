//! Files.

use std::fmt::Write as _;
use std::time::Duration;

use bailey_core::chat::Outcome;

use super::clip::clip;
use super::run::exec;
use super::{Bench, Done, FILE_BYTES, RESULT_BYTES, Request};
use crate::workspace::WorkspaceError;

/// Bytes of one line that are shown.
const LINE_BYTES: usize = 2_000;
/// Lines of one file that a search answers with.
const MATCHES_PER_FILE: &str = "200";
/// How long a search may take.
const SEARCH_LIMIT: Duration = Duration::from_secs(30);

/// The text of a file, or what is to be said instead.
async fn whole(path: &str, bench: &mut Bench<'_>) -> Result<Result<String, Done>, WorkspaceError> {
    let file = bench.workspace.read(&bench.path(path), FILE_BYTES).await?;
    if file.size > FILE_BYTES {
        return Ok(Err(Done::error(format!(
            "The file has {} bytes, more than the {FILE_BYTES} that can be read at once. Use `run` or `search` for a part of it.",
            file.size
        ))));
    }
    Ok(String::from_utf8(file.bytes).map_err(|_| Done::error("The file is no UTF-8 text. Use `run` to look at it.")))
}

pub(super) async fn read(request: &Request, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    let Request::Read { path, offset, limit } = request else {
        return Ok(Done::error("This is nothing to read."));
    };
    let text = match whole(path, bench).await? {
        // Before lines are cut.
        Ok(text) => bench.secrets.mask(&text),
        Err(done) => return Ok(done),
    };
    let total = text.lines().count() as u64;
    if text.is_empty() {
        return Ok(Done::ok("[the file is empty]"));
    }
    if *offset > total {
        return Ok(Done::error(format!("The file has {total} lines.")));
    }
    let (skip, take) = (
        usize::try_from(offset - 1).unwrap_or(usize::MAX),
        usize::try_from(*limit).unwrap_or(usize::MAX),
    );
    let (mut shown, mut last) = (String::new(), offset - 1);
    for line in text.lines().skip(skip).take(take) {
        let line = clip(line, LINE_BYTES).replace('\n', " ");
        if shown.len() + line.len() > RESULT_BYTES - 256 {
            break;
        }
        last += 1;
        // Writing to a string does not fail.
        let _ = writeln!(shown, "{last:>6}\t{line}");
    }
    if last < total {
        let _ = writeln!(shown, "[the file has {total} lines; go on with offset={}]", last + 1);
    }
    Ok(Done::ok(shown))
}

pub(super) async fn write(path: &str, content: &str, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    if content.len() as u64 > FILE_BYTES {
        return Ok(Done::error(format!(
            "At most {FILE_BYTES} bytes can be written at once."
        )));
    }
    bench.workspace.write(&bench.path(path), content.as_bytes()).await?;
    Ok(Done::ok(format!("{} bytes were written.", content.len())))
}

pub(super) async fn edit(request: &Request, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    let Request::Edit { path, old, new, all } = request else {
        return Ok(Done::error("This is nothing to edit."));
    };
    let text = match whole(path, bench).await? {
        Ok(text) => text,
        Err(done) => return Ok(done),
    };
    let found = text.matches(old.as_str()).count();
    // Before anything is put together: what the model wants may be far larger than the file.
    let size = size_after(
        text.len(),
        (old.len(), new.len()),
        if *all { found } else { found.min(1) },
    );
    if size.is_none_or(|size| size as u64 > FILE_BYTES) {
        return Ok(Done::error(format!(
            "The file would have more than {FILE_BYTES} bytes. Nothing was changed."
        )));
    }
    let changed = match found {
        0 => {
            return Ok(Done::error(
                "`old` does not stand in the file. Read it again: white space and line ends count, line numbers do not belong to it.",
            ));
        }
        1 => text.replacen(old.as_str(), new, 1),
        _ if *all => text.replace(old.as_str(), new),
        _ => {
            return Ok(Done::error(format!(
                "`old` stands in the file {found} times. Take more lines around it, or set `all`. Nothing was changed."
            )));
        }
    };
    bench.workspace.write(&bench.path(path), changed.as_bytes()).await?;
    let times = if found == 1 {
        "once".to_owned()
    } else {
        format!("{found} times")
    };
    Ok(Done::ok(format!("It was replaced {times}.")))
}

/// The length of a text in which something is replaced so many times; `None` = more than can be counted.
fn size_after(text: usize, (old, new): (usize, usize), times: usize) -> Option<usize> {
    let rest = text.checked_sub(old.checked_mul(times)?)?;
    rest.checked_add(new.checked_mul(times)?)
}

pub(super) async fn list(path: &str, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    let mut entries = bench.workspace.list(&bench.path(path)).await?;
    entries.sort_by(|a, b| (!a.directory, &a.name).cmp(&(!b.directory, &b.name)));
    let mut shown = String::new();
    for entry in &entries {
        // A name with a line end in it is one name.
        let name = entry.name.replace(['\n', '\r'], "?");
        let _ = if entry.directory {
            writeln!(shown, "{name}/")
        } else {
            writeln!(shown, "{name}\t{} bytes", entry.size)
        };
    }
    if shown.is_empty() {
        shown.push_str("[the directory is empty]");
    }
    Ok(Done::ok(shown))
}

/// By grep, which every workspace has. Each part is an argument of its own and none can be taken for an option.
pub(super) async fn search(request: &Request, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    let Request::Search { pattern, path, glob } = request else {
        return Ok(Done::error("This is nothing to search for."));
    };
    let fixed = [
        "grep",
        "-rnIE",
        "--color=never",
        "-m",
        MATCHES_PER_FILE,
        "--exclude-dir=.git",
    ];
    let mut argv: Vec<String> = fixed.map(str::to_owned).to_vec();
    argv.extend(glob.as_ref().map(|glob| format!("--include={glob}")));
    argv.extend(["-e".to_owned(), pattern.clone(), "--".to_owned(), path.clone()]);
    let (exit, output) = exec(bench, argv, None, SEARCH_LIMIT).await?;
    Ok(match exit.status {
        _ if exit.timed_out => Done::error(format!("{output}\n[the search took too long: narrow it]")),
        0 => Done::ok(output),
        // Grep says 1 where there is nothing, and 2 where something could not be searched.
        1 if output.is_empty() => Done::ok("[nothing matches]"),
        _ => Done {
            outcome: if output.is_empty() { Outcome::Error } else { Outcome::Ok },
            text: format!("{output}\n[exit status {}]", exit.status),
        },
    })
}
