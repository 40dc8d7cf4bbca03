//! The time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// From 1970 to the beginning of the year 10000.
const YEAR_10000: Duration = Duration::from_hours(70_389_528);

/// A clock that Runnel cannot run with: HTTP dates have four digits for the year, and ids and records count from 1970.
/// The HTTP library ends each connection with a panic then.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "This machine's clock is wrong: it stands before 1970 or after 9999. Set it, then start Runnel again."
)]
pub struct WrongClock;

/// Checks the time of day.
///
/// # Errors
/// [`WrongClock`].
pub fn check(now: SystemTime) -> Result<(), WrongClock> {
    let since = now.duration_since(UNIX_EPOCH).map_err(|_| WrongClock)?;
    if since < YEAR_10000 { Ok(()) } else { Err(WrongClock) }
}

/// Milliseconds since 1970; 0 before that.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_a_year_of_four_digits_from_1970_on() {
        let second = Duration::from_secs(1);
        assert_eq!(check(SystemTime::now()), Ok(()));
        assert_eq!(check(UNIX_EPOCH), Ok(()));
        assert_eq!(check(UNIX_EPOCH - second), Err(WrongClock));
        assert_eq!(check(UNIX_EPOCH + YEAR_10000 - second), Ok(()));
        assert_eq!(check(UNIX_EPOCH + YEAR_10000), Err(WrongClock));
    }
}
