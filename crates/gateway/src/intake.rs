//! Reading a request's body: capped while it streams in, before anything is parsed.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    /// The most bytes, also after inflating.
    pub body_bytes: u64,
    /// The longest silence within a body.
    pub idle: Duration,
    /// The least bytes per second, counted after the first 30 s.
    pub min_rate: u64,
    /// The most bytes of all kept bodies together.
    pub kept_bytes: u64,
}

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IntakeError {
    #[error("the body is larger than the limit of {0} bytes")]
    TooLarge(u64),
    #[error("the body came too slowly")]
    TooSlow,
    #[error("the body ended before it was whole")]
    Cut,
    #[error("the content-encoding is not one of identity, gzip, deflate, zstd")]
    Encoding,
    #[error("the body does not inflate; it is not what its content-encoding says")]
    Inflate,
    #[error("too many large requests are under way; try again shortly")]
    Full,
}

/// All kept bodies together.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    bytes: AtomicU64,
}

/// A body in memory, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct KeptBody {
    kept: Arc<Kept>,
    counted: u64,
    bytes: Bytes,
}

impl KeptBody {
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn count(&mut self, more: u64, limit: u64) -> Result<(), IntakeError> {
        let before = self.kept.bytes.fetch_add(more, Ordering::Relaxed);
        self.counted += more;
        if before.saturating_add(more) > limit {
            Err(IntakeError::Full)
        } else {
            Ok(())
        }
    }
}

impl Drop for KeptBody {
    fn drop(&mut self) {
        self.kept.bytes.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

/// After this a body must keep up its rate.
const RATE_GRACE: Duration = Duration::from_secs(30);
/// A body of which this much has arrived is believed to be as long as it says.
const TRUSTED_LENGTH: usize = 1024 * 1024;

/// Takes a body that is in memory already.
pub(crate) fn keep(body: Bytes, limits: &IntakeLimits, kept: &Arc<Kept>) -> Result<KeptBody, IntakeError> {
    let length = body.len() as u64;
    if length > limits.body_bytes {
        return Err(IntakeError::TooLarge(limits.body_bytes));
    }
    let mut result = KeptBody {
        kept: Arc::clone(kept),
        counted: 0,
        bytes: body,
    };
    result.count(length, limits.kept_bytes)?;
    Ok(result)
}

/// Reads a whole body.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    limits: &IntakeLimits,
    kept: &Arc<Kept>,
) -> Result<KeptBody, IntakeError> {
    let declared: Option<u64> = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if declared.is_some_and(|n| n > limits.body_bytes) {
        return Err(IntakeError::TooLarge(limits.body_bytes));
    }
    let mut result = KeptBody {
        kept: Arc::clone(kept),
        counted: 0,
        bytes: Bytes::new(),
    };
    let raw = collect(body, declared, limits, &mut result).await?;
    result.bytes = match headers.get(CONTENT_ENCODING).map(|v| v.to_str().unwrap_or("?").trim()) {
        None | Some("" | "identity") => raw,
        Some("gzip" | "x-gzip") => inflate(MultiGzDecoder::new(raw.as_ref()), limits, &mut result)?,
        Some("deflate") => inflate(ZlibDecoder::new(raw.as_ref()), limits, &mut result)?,
        Some("zstd") => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(raw.as_ref()).map_err(|_| IntakeError::Inflate)?;
            inflate(decoder, limits, &mut result)?
        }
        Some(_) => return Err(IntakeError::Encoding),
    };
    Ok(result)
}

async fn collect(
    mut body: Incoming,
    declared: Option<u64>,
    limits: &IntakeLimits,
    kept: &mut KeptBody,
) -> Result<Bytes, IntakeError> {
    let began = Instant::now();
    let mut whole: Option<Vec<u8>> = None;
    let mut first = Bytes::new();
    let mut length: u64 = 0;
    loop {
        let frame = match tokio::time::timeout(limits.idle, body.frame()).await {
            Err(_) => return Err(IntakeError::TooSlow),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(IntakeError::Cut),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len() as u64;
        if length > limits.body_bytes {
            return Err(IntakeError::TooLarge(limits.body_bytes));
        }
        kept.count(data.len() as u64, limits.kept_bytes)?;
        let elapsed = began.elapsed();
        if elapsed > RATE_GRACE && length / elapsed.as_secs().max(1) < limits.min_rate {
            return Err(IntakeError::TooSlow);
        }
        if first.is_empty() && whole.is_none() {
            // A small body comes in one piece, which is used as it is.
            first = data;
            continue;
        }
        let whole = whole.get_or_insert_with(|| std::mem::take(&mut first).into());
        make_room(whole, data.len(), declared.unwrap_or(limits.body_bytes));
        whole.extend_from_slice(&data);
    }
    Ok(whole.map_or(first, Bytes::from))
}

/// Makes room for `more` bytes: little by little until enough has arrived to believe in the rest, then as much as is
/// declared, and never beyond it. A vector's own doubling would take three times the cap while it moves.
fn make_room(whole: &mut Vec<u8>, more: usize, most: u64) {
    let needed = whole.len() + more;
    if needed <= whole.capacity() {
        return;
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX).max(needed);
    let room = if needed < TRUSTED_LENGTH {
        needed.saturating_mul(2)
    } else {
        needed.saturating_mul(4)
    };
    whole.reserve_exact(room.min(most) - whole.len());
}

/// Inflates, never beyond the cap.
fn inflate(decoder: impl Read, limits: &IntakeLimits, kept: &mut KeptBody) -> Result<Bytes, IntakeError> {
    let mut whole = Vec::new();
    decoder
        .take(limits.body_bytes + 1)
        .read_to_end(&mut whole)
        .map_err(|_| IntakeError::Inflate)?;
    let length = whole.len() as u64;
    if length > limits.body_bytes {
        return Err(IntakeError::TooLarge(limits.body_bytes));
    }
    kept.count(length, limits.kept_bytes)?;
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LIMITS: IntakeLimits = IntakeLimits {
        body_bytes: 1024 * 1024,
        idle: Duration::from_secs(1),
        min_rate: 1,
        kept_bytes: 4 * 1024 * 1024,
    };

    fn empty() -> KeptBody {
        KeptBody {
            kept: Arc::default(),
            counted: 0,
            bytes: Bytes::new(),
        }
    }

    #[test]
    fn a_gzip_bomb_stops_at_the_cap() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..16_384 {
            encoder.write_all(&[0; 4_096]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 100_000);
        let inflated = inflate(MultiGzDecoder::new(bomb.as_slice()), &LIMITS, &mut empty());
        assert_eq!(inflated, Err(IntakeError::TooLarge(LIMITS.body_bytes)));
    }

    #[test]
    fn what_is_not_gzip_is_refused() {
        let inflated = inflate(MultiGzDecoder::new(&b"{}"[..]), &LIMITS, &mut empty());
        assert_eq!(inflated, Err(IntakeError::Inflate));
    }

    #[test]
    fn kept_bodies_are_counted_until_they_are_dropped() {
        let kept: Arc<Kept> = Arc::default();
        let mut body = KeptBody {
            kept: Arc::clone(&kept),
            counted: 0,
            bytes: Bytes::new(),
        };
        assert_eq!(body.count(10, 15), Ok(()));
        assert_eq!(body.count(10, 15), Err(IntakeError::Full));
        drop(body);
        assert_eq!(kept.bytes.load(Ordering::Relaxed), 0);
    }
}
