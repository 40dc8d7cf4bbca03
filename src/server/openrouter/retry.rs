//! When to try again, and after which pause.

use std::time::Duration;

/// How often and how patiently a request is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Requests in all, the first included. Default 4.
    pub attempts: u32,
    /// The pause before the second attempt; it doubles from there. Default 1 s.
    pub first_wait: Duration,
    /// The longest pause. An upstream that asks for more is not waited for. Default 60 s.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 4, first_wait: Duration::from_secs(1), longest_wait: Duration::from_mins(1) }
    }
}

impl RetryPolicy {
    /// The pause after attempt `failed` (from 1), or `None` if there is no further attempt.
    ///
    /// It is exponential with equal jitter: half is fixed, half random. `asked` is what the upstream wants: it is
    /// kept to if it is longer, and a little is added, so that clients that were refused together do not come back
    /// together. It never makes the pause shorter: an upstream that asks for no wait at all, or until a time that
    /// is over, would else be asked again at once. `chance` is a random number from 0 to 1.
    #[must_use]
    pub fn wait_after(&self, failed: u32, asked: Option<Duration>, chance: f64) -> Option<Duration> {
        let asked = asked.unwrap_or_default();
        if failed >= self.attempts || asked > self.longest_wait {
            return None;
        }
        let chance = chance.clamp(0.0, 1.0);
        Some(self.backoff(failed, chance).max(asked.saturating_add(asked.mul_f64(chance / 10.0))))
    }

    fn backoff(&self, failed: u32, chance: f64) -> Duration {
        let doublings = failed.saturating_sub(1).min(16);
        let full = self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait);
        (full / 2).saturating_add(full.mul_f64(chance / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { attempts: 4, first_wait: Duration::from_secs(1), longest_wait: Duration::from_mins(1) };

    #[test]
    fn pauses_double_and_are_jittered_by_half() {
        let waits =
            |chance| [1, 2, 3].map(|failed| POLICY.wait_after(failed, None, chance).unwrap().as_millis());
        assert_eq!(waits(0.0), [500, 1000, 2000]);
        assert_eq!(waits(1.0), [1000, 2000, 4000]);
    }

    #[test]
    fn there_is_no_pause_after_the_last_attempt() {
        assert_eq!(POLICY.wait_after(4, None, 0.5), None);
        assert_eq!(POLICY.wait_after(4, Some(Duration::ZERO), 0.5), None);
    }

    #[test]
    fn what_the_upstream_asks_is_never_undercut() {
        let asked = Duration::from_secs(7);
        assert_eq!(POLICY.wait_after(1, Some(asked), 0.0), Some(asked));
        assert!(POLICY.wait_after(1, Some(asked), 1.0).unwrap() > asked);
    }

    #[test]
    fn an_upstream_that_asks_for_no_wait_gets_the_exponential_one() {
        for failed in 1..4 {
            for chance in [0.0, 0.5, 1.0] {
                let own = POLICY.wait_after(failed, None, chance);
                assert_eq!(POLICY.wait_after(failed, Some(Duration::ZERO), chance), own);
                assert_eq!(POLICY.wait_after(failed, Some(Duration::from_millis(20)), chance), own);
            }
        }
    }

    #[test]
    fn an_hour_and_for_ever_are_not_waited_for() {
        for asked in [Duration::from_hours(1), Duration::MAX] {
            assert_eq!(POLICY.wait_after(1, Some(asked), 0.0), None);
        }
    }

    #[test]
    fn a_policy_that_waits_for_ever_does_not_overflow() {
        let policy = RetryPolicy { first_wait: Duration::MAX, longest_wait: Duration::MAX, ..POLICY };
        assert_eq!(policy.wait_after(1, Some(Duration::MAX), 1.0), Some(Duration::MAX));
    }

    #[test]
    fn many_attempts_do_not_overflow() {
        let policy = RetryPolicy { attempts: u32::MAX, ..POLICY };
        assert_eq!(policy.wait_after(4_000_000, None, 1.0), Some(policy.longest_wait));
    }
}
