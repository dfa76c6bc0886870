//! What in a request is not text, or is not in it at all.

/// How many parts there are of a kind, and what the first one was, for the message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) count: u64,
    /// Bytes of the body that are such content and no text.
    pub(crate) bytes: u64,
    pub(crate) what: Option<&'static str>,
}

impl Parts {
    pub(super) fn add(&mut self, what: &'static str, bytes: usize) {
        self.count += 1;
        self.bytes += bytes as u64;
        self.what = self.what.or(Some(what));
    }

    fn merge(&mut self, other: Self, with_bytes: bool) {
        self.count += other.count;
        if with_bytes {
            self.bytes += other.bytes;
        }
        self.what = self.what.or(other.what);
    }
}

/// The parts of a request that are not text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Media {
    /// Images, inline or by reference: the provider scales them, so each has a bound.
    pub(crate) images: Parts,
    /// Documents in the body, such as PDF.
    pub(crate) documents: Parts,
    /// Documents and videos that the provider fetches.
    pub(crate) remote: Parts,
    /// What the provider has stored: files, earlier responses, conversations.
    pub(crate) stored: Parts,
    /// Audio.
    pub(crate) audio: Parts,
}

impl Media {
    /// Takes over what `other` has. `exact` says that it stood where the provider reads it as what it looks like;
    /// otherwise its bytes stay text, while its parts still count.
    pub(super) fn merge(&mut self, other: &Self, exact: bool) {
        self.images.merge(other.images, exact);
        self.documents.merge(other.documents, exact);
        self.remote.merge(other.remote, exact);
        self.stored.merge(other.stored, exact);
        self.audio.merge(other.audio, exact);
    }

    /// The bytes of the body that are no text.
    pub(super) fn bytes(&self) -> u64 {
        self.images.bytes + self.documents.bytes + self.audio.bytes
    }
}
