//! The content of Anthropic Messages: where images, documents and files stand.
//!
//! Bytes are taken for an image only where the API reads them as one: in a content block whose `type` and `source`
//! say so, each given once. The same text inside a tool's `input` or `input_schema` is text, and stays counted as such.

use super::RequestError;
use super::media::Media;
use super::read::{self, Walk};
use crate::json::{Kind, Span};

/// `messages`: an array of `{role, content}`.
pub(super) fn messages(cursor: &mut Walk<'_>, media: &mut Media) -> Result<Span, RequestError> {
    cursor.array(|cursor| {
        if cursor.peek()? != Kind::Object {
            return cursor.skip().map(drop).map_err(RequestError::from);
        }
        cursor.object(|cursor, key| {
            if key.is("content") && cursor.peek()? == Kind::Array {
                return blocks(cursor, media);
            }
            cursor.skip().map(drop).map_err(RequestError::from)
        })?;
        Ok(())
    })
}

/// An array of content blocks.
fn blocks(cursor: &mut Walk<'_>, media: &mut Media) -> Result<(), RequestError> {
    cursor.array(|cursor| {
        if cursor.peek()? == Kind::Object {
            return block(cursor, media);
        }
        cursor.skip().map(drop).map_err(RequestError::from)
    })?;
    Ok(())
}

/// What a block's `source` says.
#[derive(Debug, Clone, Copy, Default)]
struct Source {
    kind: Option<SourceKind>,
    data: usize,
    inner: Media,
    twice: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceKind {
    Base64,
    Text,
    Content,
    Url,
    File,
    Other,
}

fn block(cursor: &mut Walk<'_>, media: &mut Media) -> Result<(), RequestError> {
    let (mut kind, mut source, mut inner) = (None, None, Media::default());
    let (mut twice, mut stored) = (false, false);
    cursor.object(|cursor, key| {
        if key.is("type") {
            twice |= kind.is_some();
            kind = read::maybe_string(cursor)?;
        } else if key.is("source") && cursor.peek()? == Kind::Object {
            twice |= source.is_some();
            source = Some(read_source(cursor)?);
        } else if key.is("content") && cursor.peek()? == Kind::Array {
            blocks(cursor, &mut inner)?;
        } else {
            stored |= key.is("file_id");
            cursor.skip()?;
        }
        Ok::<_, RequestError>(())
    })?;
    let kind = kind.as_deref().unwrap_or_default();
    media.merge(&inner, kind == "tool_result" && !twice);
    if stored {
        media.stored.add("a file in a container", 0);
    }
    if let Some(source) = source {
        let exact = !twice && !source.twice;
        place(kind, &source, exact, media);
    }
    Ok(())
}

/// Books a block's source. `exact` says that nothing in it was given twice, so that all readers agree.
fn place(kind: &str, source: &Source, exact: bool, media: &mut Media) {
    let data = if exact { source.data } else { 0 };
    media.merge(&source.inner, false);
    match (kind, source.kind) {
        ("image", Some(SourceKind::Base64)) => media.images.add("an image", data),
        ("image", _) => media.images.add("an image", 0),
        ("document", Some(SourceKind::Base64)) => media.documents.add("a document such as PDF", data),
        (_, Some(SourceKind::Text | SourceKind::Content)) => {}
        (_, Some(SourceKind::Url)) => media.remote.add("a document by URL", 0),
        (_, Some(SourceKind::File)) => media.stored.add("a file by id", 0),
        (_, Some(SourceKind::Base64 | SourceKind::Other) | None) => {
            media.documents.add("a source of a kind not known here", 0);
        }
    }
}

fn read_source(cursor: &mut Walk<'_>) -> Result<Source, RequestError> {
    let mut source = Source::default();
    let mut has_data = false;
    cursor.object(|cursor, key| {
        if key.is("type") {
            source.twice |= source.kind.is_some();
            source.kind = Some(match read::maybe_string(cursor)?.as_deref() {
                Some("base64") => SourceKind::Base64,
                Some("text") => SourceKind::Text,
                Some("content") => SourceKind::Content,
                Some("url") => SourceKind::Url,
                Some("file") => SourceKind::File,
                _ => SourceKind::Other,
            });
        } else if key.is("data") {
            source.twice |= has_data;
            has_data = true;
            source.data = read::maybe_raw(cursor)?.map_or(0, <[u8]>::len);
        } else if key.is("content") && cursor.peek()? == Kind::Array {
            blocks(cursor, &mut source.inner)?;
        } else {
            cursor.skip()?;
        }
        Ok::<_, RequestError>(())
    })?;
    Ok(source)
}
