//! How long an upstream asks to wait, in the forms in which upstreams say it (wire reference, section 3.1). Pure: the
//! wall clock comes in as an argument, and may be wrong by any amount.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Numbers below this are a span in seconds. As a time they would lie before September 2001.
const EARLIEST_UNIX_SECONDS: f64 = 1e9;
/// Numbers from this on are milliseconds. As seconds they would lie after the year 5138.
const EARLIEST_UNIX_MILLISECONDS: f64 = 1e11;

/// `Retry-After`: seconds, or an HTTP date. A date that is over asks for no wait. Numbers that no clock can hold, and
/// those that are none, ask for [`Duration::MAX`].
#[must_use]
pub fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(seconds) => span(seconds),
        Err(_) => httpdate::parse_http_date(text).ok().map(|date| until(date, now)),
    }
}

/// `X-RateLimit-Reset`: a Unix time in milliseconds (OpenRouter) or in seconds, or a span in seconds; their sizes tell
/// them apart. A time that is over asks for no wait.
#[must_use]
pub fn parse_rate_limit_reset(text: &str, now: SystemTime) -> Option<Duration> {
    let number = text.trim().parse::<f64>().ok()?;
    if number < EARLIEST_UNIX_SECONDS {
        return span(number);
    }
    let unix = if number < EARLIEST_UNIX_MILLISECONDS { span(number) } else { span(number / 1000.0) }?;
    Some(UNIX_EPOCH.checked_add(unix).map_or(Duration::MAX, |at| until(at, now)))
}

/// `None` for less than nothing.
fn span(seconds: f64) -> Option<Duration> {
    (seconds.is_nan() || seconds >= 0.0)
        .then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn until(at: SystemTime, now: SystemTime) -> Duration {
    at.duration_since(now).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 24 November 2026, 10:00:00 UTC.
    const NOW_SECONDS: u64 = 1_795_514_400;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW_SECONDS)
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        let wait = |text| parse_retry_after(text, now());
        assert_eq!(wait("60"), Some(Duration::from_mins(1)));
        assert_eq!(wait(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(wait("0"), Some(Duration::ZERO));
        assert_eq!(wait("Tue, 24 Nov 2026 10:00:20 GMT"), Some(Duration::from_secs(20)));
        assert_eq!(wait("Tue, 24 Nov 2026 09:59:40 GMT"), Some(Duration::ZERO), "it is over");
        for nothing in ["", "soon", "-5", "-inf", "Tue, 24 Nov 1926 10:00:20 GMT"] {
            assert_eq!(wait(nothing), None, "{nothing}");
        }
        for huge in ["1e300", "1e999", "inf", "NaN", "99999999999999999999999999"] {
            assert_eq!(wait(huge), Some(Duration::MAX), "{huge}");
        }
    }

    #[test]
    fn the_size_of_a_reset_tells_seconds_from_milliseconds_and_a_span_from_a_time() {
        let wait = |text: &str| parse_rate_limit_reset(text, now());
        assert_eq!(wait(&format!("{}000", NOW_SECONDS + 7)), Some(Duration::from_secs(7)));
        assert_eq!(wait(&(NOW_SECONDS + 7).to_string()), Some(Duration::from_secs(7)));
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("1743292800000"), Some(Duration::ZERO), "March 2025 is over");
        assert_eq!(wait("1743292800"), Some(Duration::ZERO), "in seconds, too");
        assert_eq!(wait("1e300"), Some(Duration::MAX));
        assert_eq!(wait("NaN"), Some(Duration::MAX));
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("6m0s"), None);
    }

    proptest! {
        /// The panics that are looked for: floats that no duration holds, times that no clock holds.
        #[test]
        fn no_text_and_no_clock_makes_it_panic(
            text in prop_oneof![any::<f64>().prop_map(|number| number.to_string()), ".{0,40}",
                "[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"],
            seconds in prop_oneof![Just(0), Just(253_402_300_800_u64), 0..1_u64 << 40],
            is_before_1970 in any::<bool>(),
        ) {
            let offset = Duration::from_secs(seconds);
            let now = if is_before_1970 { UNIX_EPOCH - offset } else { UNIX_EPOCH + offset };
            let _ = (parse_retry_after(&text, now), parse_rate_limit_reset(&text, now));
        }
    }
}
