//! The events of an answer in the form in which they are sent: one growing run of bytes.

use bytes::Bytes;

use super::bounds::{Bounds, Exceeded};
use crate::chat::{AnswerEvent, AnswerId, Seq};
use crate::sse;

/// The most that one write takes: a late watcher of a long answer gets it in pieces.
pub const LARGEST_WRITE_BYTES: usize = 64 << 10;

/// What the `id` of a frame says.
#[derive(Clone, Copy, Debug)]
pub enum Naming {
    /// `<number>`
    Number,
    /// `<answer>:<number>`
    AnswerAndNumber(AnswerId),
}

/// The frames of the events 1, 2, 3, …
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where each frame ends in `bytes`.
    ends: Vec<usize>,
    /// Bytes that the answer holds and its frames do not.
    unsent_bytes: usize,
}

/// An event that is encoded and not yet among the others.
#[derive(Debug)]
pub struct Frame {
    text: String,
    unsent_bytes: usize,
}

impl Frame {
    /// `None` for an event that cannot be JSON, which none of these types is.
    ///
    /// What only the upstream wants back has its number and no content: it may be larger than a page reads at once, and
    /// repeats the reasoning.
    #[must_use]
    pub fn of(seq: Seq, event: &AnswerEvent) -> Option<Self> {
        let (json, unsent_bytes) = match event {
            AnswerEvent::ReasoningDetail(detail) => ("\"reasoning_detail\"".to_owned(), detail.size()),
            AnswerEvent::FileAnnotation(annotation) => ("\"file_annotation\"".to_owned(), annotation.size()),
            event => (serde_json::to_string(event).ok()?, 0),
        };
        Some(Self { text: sse::encode(seq.0, &json), unsent_bytes })
    }
}

impl Frames {
    /// Bytes of them.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Says whether the frame may be added.
    ///
    /// # Errors
    /// The bound that it would pass.
    pub fn check(&self, bounds: Bounds, frame: &Frame) -> Result<(), Exceeded> {
        let bytes = self.bytes.len() + self.unsent_bytes + frame.text.len() + frame.unsent_bytes;
        bounds.check(bytes, self.ends.len() + 1)
    }

    pub fn push(&mut self, frame: &Frame) {
        self.bytes.extend_from_slice(frame.text.as_bytes());
        self.ends.push(self.bytes.len());
        self.unsent_bytes += frame.unsent_bytes;
    }

    /// The frames after event `after`, at least one if there is any, as many as fit one write, and the number of the last
    /// of them.
    #[must_use]
    pub fn after(&self, after: Seq, naming: Naming) -> Option<(Bytes, Seq)> {
        let from = usize::try_from(after.0).unwrap_or(usize::MAX).min(self.ends.len());
        let limit = self.end_of(from) + LARGEST_WRITE_BYTES;
        let fitting = self.ends[from..].partition_point(|end| *end <= limit);
        let to = (from + fitting.max(1)).min(self.ends.len());
        (from < to).then(|| {
            let bytes = match naming {
                Naming::Number => Bytes::copy_from_slice(&self.bytes[self.end_of(from)..self.end_of(to)]),
                Naming::AnswerAndNumber(id) => self.named(id, from, to),
            };
            (bytes, Seq(to as u64))
        })
    }

    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Each frame begins with `id: ` and its number, as [`sse::encode`] writes it.
    fn named(&self, id: AnswerId, from: usize, to: usize) -> Bytes {
        let name = format!("id: {id}:");
        let mut named = Vec::new();
        for number in from..to {
            let frame = &self.bytes[self.end_of(number)..self.end_of(number + 1)];
            named.extend_from_slice(name.as_bytes());
            named.extend_from_slice(frame.strip_prefix(b"id: ").unwrap_or(frame));
        }
        named.into()
    }

    /// Where event number `count` ends; 0 for the place before the first.
    fn end_of(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.ends[last])
    }
}
