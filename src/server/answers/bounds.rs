//! How large an answer may become.

use crate::error::{AnswerError, AnswerErrorKind};

/// The usual bound of an answer, in bytes. The longest answers of models have some hundred kilobytes; pictures have
/// megabytes.
pub const USUAL_ANSWER_BYTES: usize = 16 << 20;
/// Models write a token or more an event, and at most some hundred thousand tokens. A page takes an event in for a
/// microsecond or more each, so that more of them would hold it up for seconds.
const MOST_EVENTS: usize = 500_000;

/// What an answer may come to. Its events are counted as they are sent and held, whatever is in them: a bound on one
/// field leaves the others without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of all events, encoded.
    pub bytes: usize,
    pub events: usize,
}

/// The bound that an answer has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    Bytes(usize),
    Events(usize),
}

impl Bounds {
    /// So many bytes, and the usual number of events.
    #[must_use]
    pub const fn of_bytes(bytes: usize) -> Self {
        Self { bytes, events: MOST_EVENTS }
    }

    /// None: for an answer that is stored already.
    pub const NONE: Self = Self { bytes: usize::MAX, events: usize::MAX };

    /// # Errors
    /// If `bytes` in `events` are too much.
    pub const fn check(self, bytes: usize, events: usize) -> Result<(), Exceeded> {
        if bytes > self.bytes {
            Err(Exceeded::Bytes(self.bytes))
        } else if events > self.events {
            Err(Exceeded::Events(self.events))
        } else {
            Ok(())
        }
    }
}

impl From<Exceeded> for AnswerError {
    fn from(exceeded: Exceeded) -> Self {
        let message = match exceeded {
            Exceeded::Bytes(bytes) => format!("It is larger than {}.", size_words(bytes)),
            Exceeded::Events(events) => format!("It came in more than {events} pieces."),
        };
        Self::new(AnswerErrorKind::TooLarge, message)
    }
}

fn size_words(bytes: usize) -> String {
    let units = [(1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")];
    let (unit, name) =
        units.into_iter().find(|(unit, _)| bytes.is_multiple_of(*unit)).unwrap_or((1, "bytes"));
    format!("{} {name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_told_in_the_unit_that_it_was_given_in() {
        for (bytes, words) in [(16 << 20, "16 MiB"), (96 << 10, "96 KiB"), (1001, "1001 bytes")] {
            let problem = AnswerError::from(Exceeded::Bytes(bytes));
            assert_eq!(problem.message, format!("It is larger than {words}."));
        }
        assert_eq!(AnswerError::from(Exceeded::Events(7)).message, "It came in more than 7 pieces.");
    }

    #[test]
    fn what_fits_exactly_fits() {
        let bounds = Bounds { bytes: 10, events: 2 };
        assert_eq!(bounds.check(10, 2), Ok(()));
        assert_eq!(bounds.check(11, 1), Err(Exceeded::Bytes(10)));
        assert_eq!(bounds.check(1, 3), Err(Exceeded::Events(2)));
    }
}
