//! What upstream and client tell one another through whatever stands between them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Begins the time in a token. It is in nothing else that any of the programs sends.
const MARK: u8 = b'@';
/// Nanoseconds since 1970 have so many digits until 2286.
const DIGITS: usize = 19;

/// What a stream is to be, as the question asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How many chunks come.
    pub chunks: u32,
    /// The pause between two of them, in microseconds.
    pub pause_us: u64,
    /// How long each token is, in bytes, the time included.
    pub bytes: usize,
}

impl Wanted {
    /// The question that asks for it.
    pub fn question(self) -> String {
        format!("bench:{}:{}:{}:", self.chunks, self.pause_us, self.bytes)
    }

    /// Finds it in a request's body, wherever the question stands in it.
    pub fn find(body: &str) -> Option<Self> {
        let mut parts = body.split_once("bench:")?.1.split(':');
        Some(Self {
            chunks: parts.next()?.parse().ok()?,
            pause_us: parts.next()?.parse().ok()?,
            bytes: parts.next()?.parse().ok()?,
        })
    }
}

/// Nanoseconds since 1970: one clock for all processes of a machine.
pub fn now_ns() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    u64::try_from(elapsed.as_nanos()).expect("it is not 2554 yet")
}

/// A token of so many bytes that says when it was sent.
pub fn token(bytes: usize) -> String {
    format!("@{:019}{}", now_ns(), " word".repeat(bytes.saturating_sub(DIGITS + 1) / 5))
}

/// Finds the times in what comes, however it is cut.
#[derive(Debug, Default)]
pub struct Finder {
    /// The digits so far of a time that is not whole yet.
    digits: Option<(u64, usize)>,
}

impl Finder {
    /// Calls `found` with each time, in nanoseconds since 1970, that is whole with these bytes.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(u64)) {
        for byte in bytes {
            self.digits = match (self.digits, byte) {
                (_, &MARK) => Some((0, 0)),
                (Some((time, count)), b'0'..=b'9') => {
                    let time = time * 10 + u64::from(byte - b'0');
                    if count + 1 == DIGITS {
                        found(time);
                        None
                    } else {
                        Some((time, count + 1))
                    }
                }
                _ => None,
            };
        }
    }
}
