//! Pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Pauses that double from the first up to the longest, without an end.
///
/// Requests to a provider have pauses of their own ([`super::openrouter`]): what a provider asks for counts there.
pub fn doubling(first: Duration, longest: Duration) -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::new()
        .with_factor(2.0)
        .with_min_delay(first)
        .with_max_delay(longest)
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_end() {
        let pauses = || doubling(Duration::from_secs(1), Duration::from_secs(5));
        let seconds: Vec<u64> = pauses().take(5).map(|pause| pause.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 5, 5]);
        assert_eq!(pauses().nth(100_000), Some(Duration::from_secs(5)));
    }
}
