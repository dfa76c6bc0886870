//! The input of OpenAI Responses: where images, files and stored items stand.

use super::RequestError;
use super::chat::data_image;
use super::media::Media;
use super::read::{self, Walk};
use crate::json::{Kind, Span};

/// `input` as an array of items.
pub(super) fn input(cursor: &mut Walk<'_>, media: &mut Media) -> Result<Span, RequestError> {
    cursor.array(|cursor| {
        if cursor.peek()? == Kind::Object {
            return item(cursor, media);
        }
        cursor.skip().map(drop).map_err(RequestError::from)
    })
}

/// A message, a tool call or its result, a reasoning item, or a reference to a stored one.
fn item(cursor: &mut Walk<'_>, media: &mut Media) -> Result<(), RequestError> {
    let (mut kind, mut parts) = (None, Media::default());
    let (mut twice, mut id, mut body) = (false, false, false);
    cursor.object(|cursor, key| {
        if key.is("type") {
            twice |= kind.is_some();
            kind = read::maybe_string(cursor)?;
        } else if key.is("id") {
            id |= read::present(cursor)?;
        } else if key.is("content") || key.is("output") {
            body = true;
            match cursor.peek()? {
                Kind::Array => content(cursor, &mut parts)?,
                // A screenshot.
                Kind::Object => part(cursor, &mut parts)?,
                _ => drop(cursor.skip()?),
            }
        } else {
            cursor.skip()?;
        }
        Ok::<_, RequestError>(())
    })?;
    let read_as_content = match kind.as_deref() {
        None | Some("message" | "function_call_output" | "custom_tool_call_output" | "computer_call_output") => !twice,
        Some(_) => false,
    };
    media.merge(&parts, read_as_content);
    let reference = kind.as_deref() == Some("item_reference") || (kind.is_none() && id && !body);
    if reference {
        media.stored.add("an item by reference", 0);
    }
    Ok(())
}

fn content(cursor: &mut Walk<'_>, media: &mut Media) -> Result<(), RequestError> {
    cursor.array(|cursor| {
        if cursor.peek()? == Kind::Object {
            return part(cursor, media);
        }
        cursor.skip().map(drop).map_err(RequestError::from)
    })?;
    Ok(())
}

/// The fields of a content part that carry something other than text.
#[derive(Debug, Clone, Copy, Default)]
struct Payload {
    image: Option<usize>,
    file_data: Option<usize>,
    audio: Option<usize>,
    file_id: bool,
    file_url: bool,
    twice: bool,
}

fn part(cursor: &mut Walk<'_>, media: &mut Media) -> Result<(), RequestError> {
    let (mut kind, mut payload) = (None, Payload::default());
    cursor.object(|cursor, key| {
        if key.is("type") {
            payload.twice |= kind.is_some();
            kind = read::maybe_string(cursor)?;
        } else if key.is("image_url") {
            payload.twice |= payload.image.is_some();
            payload.image = Some(read::maybe_raw(cursor)?.map_or(0, data_image));
        } else if key.is("file_data") {
            payload.twice |= payload.file_data.is_some();
            payload.file_data = Some(read::maybe_raw(cursor)?.map_or(0, <[u8]>::len));
        } else if key.is("input_audio") {
            payload.twice |= payload.audio.is_some();
            payload.audio = Some(audio_bytes(cursor)?);
        } else if key.is("file_id") {
            payload.file_id |= read::present(cursor)?;
        } else if key.is("file_url") {
            payload.file_url |= read::present(cursor)?;
        } else {
            cursor.skip()?;
        }
        Ok::<_, RequestError>(())
    })?;
    place(kind.as_deref().unwrap_or_default(), &payload, media);
    Ok(())
}

fn place(kind: &str, payload: &Payload, media: &mut Media) {
    let bytes = |n: Option<usize>| if payload.twice { 0 } else { n.unwrap_or(0) };
    match kind {
        "input_image" | "computer_screenshot" => media.images.add("an image", bytes(payload.image)),
        "input_file" if payload.file_id => media.stored.add("a file by id", 0),
        "input_file" if payload.file_url => media.remote.add("a file by URL", 0),
        "input_file" => media.documents.add("a file such as PDF", bytes(payload.file_data)),
        "input_audio" => media.audio.add("audio", bytes(payload.audio)),
        _ if payload.file_id => media.stored.add("a file by id", 0),
        _ if payload.file_url => media.remote.add("a file by URL", 0),
        _ if payload.image.is_some() => media.images.add("an image", 0),
        _ => {}
    }
}

fn audio_bytes(cursor: &mut Walk<'_>) -> Result<usize, RequestError> {
    if cursor.peek()? != Kind::Object {
        cursor.skip()?;
        return Ok(0);
    }
    let (mut bytes, mut seen) = (0, 0_u32);
    cursor.object(|cursor, key| {
        if key.is("data") {
            seen += 1;
            bytes = read::maybe_raw(cursor)?.map_or(0, <[u8]>::len);
            return Ok(());
        }
        cursor.skip().map(drop).map_err(RequestError::from)
    })?;
    Ok(if seen == 1 { bytes } else { 0 })
}
