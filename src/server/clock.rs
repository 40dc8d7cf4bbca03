//! The time of day, whatever the machine's clock says.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Timestamp, Uuid};

/// The last millisecond of the year 9999, since 1970: the last time that has a date in a database or a header.
pub const LATEST_MS: u64 = 253_402_300_799_999;

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
    if since.as_millis() <= u128::from(LATEST_MS) { Ok(()) } else { Err(WrongClock) }
}

/// Milliseconds since 1970, from 0 to [`LATEST_MS`]: a clock that is set wrong while Runnel runs stops nothing.
#[must_use]
pub fn now_ms() -> u64 {
    ms_since_1970(SystemTime::now())
}

/// A new id, ordered by time (UUID version 7). Unlike [`Uuid::now_v7`], it does not panic if the clock stands before
/// 1970.
#[must_use]
pub fn new_id() -> Uuid {
    id_at(now_ms())
}

fn ms_since_1970(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).min(LATEST_MS)
}

fn id_at(ms: u64) -> Uuid {
    let nanoseconds = u32::try_from(ms % 1000).unwrap_or_default() * 1_000_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, ms / 1000, nanoseconds))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_has_a_year_of_four_digits_from_1970_on() {
        let millisecond = Duration::from_millis(1);
        let latest = UNIX_EPOCH + Duration::from_millis(LATEST_MS);
        assert_eq!(check(SystemTime::now()), Ok(()));
        assert_eq!(check(UNIX_EPOCH), Ok(()));
        assert_eq!(check(UNIX_EPOCH - millisecond), Err(WrongClock));
        assert_eq!(check(latest), Ok(()));
        assert_eq!(check(latest + millisecond), Err(WrongClock));
    }

    #[test]
    fn no_clock_is_too_early_or_too_late() {
        let day = Duration::from_hours(24);
        for (time, ms) in [
            (UNIX_EPOCH - day, 0),
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + Duration::from_millis(7), 7),
            (UNIX_EPOCH + Duration::from_millis(LATEST_MS), LATEST_MS),
            (UNIX_EPOCH + Duration::from_millis(LATEST_MS) + day, LATEST_MS),
            (UNIX_EPOCH + day * 200_000_000, LATEST_MS),
        ] {
            assert_eq!(ms_since_1970(time), ms);
            assert_eq!(id_at(ms).get_version_num(), 7);
        }
        assert!(id_at(1) < id_at(2) && id_at(2) < id_at(LATEST_MS));
        assert_ne!(new_id(), new_id());
    }
}
