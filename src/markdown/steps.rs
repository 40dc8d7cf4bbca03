//! Work, counted in steps: what the tests of hostile texts compare, since a time depends on the machine.
//!
//! A step is about a byte that is looked at. Each loop that could look at the same byte twice counts; outside of tests
//! nothing is counted.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts so many steps more.
#[cfg(test)]
pub fn count(steps: usize) {
    STEPS.set(STEPS.get() + u64::try_from(steps).unwrap_or(u64::MAX));
}

/// Counts nothing outside of tests.
#[cfg(not(test))]
#[inline]
pub const fn count(_steps: usize) {}

/// How many steps this thread has taken since it was asked last.
#[cfg(test)]
pub fn take() -> u64 {
    STEPS.replace(0)
}
