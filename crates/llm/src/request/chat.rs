//! The content of OpenAI chat messages: where images, files, audio and video stand.

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
                return parts(cursor, media);
            }
            // An earlier spoken answer, kept by the provider.
            if key.is("audio") && read::present(cursor)? {
                media.audio.add("an earlier spoken answer", 0);
            } else if !key.is("audio") {
                cursor.skip()?;
            }
            Ok(())
        })?;
        Ok(())
    })
}

fn parts(cursor: &mut Walk<'_>, media: &mut Media) -> Result<(), RequestError> {
    cursor.array(|cursor| {
        if cursor.peek()? == Kind::Object {
            return part(cursor, media);
        }
        cursor.skip().map(drop).map_err(RequestError::from)
    })?;
    Ok(())
}

/// What an inline or referenced part holds.
#[derive(Debug, Clone, Copy, Default)]
struct Payload {
    /// Bytes of a data URL of an image.
    image: usize,
    /// Bytes of inline file or audio data.
    data: usize,
    by_id: bool,
    twice: bool,
}

fn part(cursor: &mut Walk<'_>, media: &mut Media) -> Result<(), RequestError> {
    let (mut kind, mut payload): (Option<_>, Option<(&'static str, Payload)>) = (None, None);
    let mut twice = false;
    cursor.object(|cursor, key| {
        if key.is("type") {
            twice |= kind.is_some();
            kind = read::maybe_string(cursor)?;
            return Ok(());
        }
        let Some(name) = PAYLOADS.iter().copied().find(|name| key.is(name)) else {
            return cursor.skip().map(drop).map_err(RequestError::from);
        };
        // Two payloads in one part: readers pick one by `type`, so neither is trusted to be no text.
        twice |= payload.is_some();
        payload = Some((name, read_payload(cursor)?));
        Ok(())
    })?;
    let kind = kind.as_deref().unwrap_or_default();
    let Some((name, payload)) = payload else { return Ok(()) };
    let exact = !twice && !payload.twice && kind == name;
    let bytes = |n: usize| if exact { n } else { 0 };
    match name {
        "image_url" => media.images.add("an image", bytes(payload.image)),
        "input_audio" => media.audio.add("audio", bytes(payload.data)),
        "file" if payload.by_id => media.stored.add("a file by id", 0),
        "file" => media.documents.add("a file such as PDF", bytes(payload.data)),
        "audio_url" => media.audio.add("audio by URL", 0),
        _ => media.remote.add("a video", 0),
    }
    Ok(())
}

const PAYLOADS: [&str; 5] = ["image_url", "input_audio", "file", "audio_url", "video_url"];

fn read_payload(cursor: &mut Walk<'_>) -> Result<Payload, RequestError> {
    let mut payload = Payload::default();
    match cursor.peek()? {
        Kind::String => payload.image = data_image(cursor.string()?.raw()),
        Kind::Object => {
            let (mut has_url, mut has_data) = (false, false);
            cursor.object(|cursor, key| {
                if key.is("url") {
                    payload.twice |= std::mem::replace(&mut has_url, true);
                    payload.image = read::maybe_raw(cursor)?.map_or(0, data_image);
                } else if key.is("data") || key.is("file_data") {
                    payload.twice |= std::mem::replace(&mut has_data, true);
                    payload.data = read::maybe_raw(cursor)?.map_or(0, <[u8]>::len);
                } else {
                    payload.by_id |= key.is("file_id");
                    cursor.skip()?;
                }
                Ok::<_, RequestError>(())
            })?;
        }
        _ => {
            cursor.skip()?;
        }
    }
    Ok(payload)
}

/// The length of an image's data URL; 0 for any other text.
pub(super) fn data_image(raw: &[u8]) -> usize {
    let head = raw.get(..11).unwrap_or_default();
    // `data:image\/png` is as good.
    if head.eq_ignore_ascii_case(b"data:image/") || head.eq_ignore_ascii_case(b"data:image\\") {
        raw.len()
    } else {
        0
    }
}
