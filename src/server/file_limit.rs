//! How many files, and thus connections, the system lets this process have open.

/// What is assumed where the limit cannot be read or raised: what most systems give.
const USUAL: u64 = 1024;

/// Raises the limit to the most that the system allows, and says what it is then.
///
/// The usual limit is from a time when programs could not count further; this one can.
pub fn raise() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files could not be raised");
        USUAL
    })
}

/// Of so many files, so many may be connections of browsers. The others are for the database, for the logs of
/// running answers and for the connections to the upstream, of which each answer needs one.
#[must_use]
pub fn connections(files: u64, wanted: usize) -> usize {
    usize::try_from(files / 2).unwrap_or(usize::MAX).clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_are_kept_for_what_is_not_a_connection() {
        for (files, wanted, connections_then) in [
            (1024, 1024, 512),
            (65536, 1024, 1024),
            (1024, 100, 100),
            (1, 100, 1),
            (u64::MAX, 7, 7),
            (64, 0, 1),
        ] {
            assert_eq!(connections(files, wanted), connections_then, "{files} {wanted}");
        }
    }
}
