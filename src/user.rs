//! Who asks.

use uuid::Uuid;

/// Names a person who uses this Runnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId(pub Uuid);

impl UserId {
    /// The one person of a Runnel without accounts. What was kept before there were users is theirs.
    pub const LOCAL: Self = Self(Uuid::nil());
}

/// Whoever asks for something. All that reads or changes what belongs to a user takes one: an id alone opens nothing,
/// and what belongs to somebody else is answered as if it was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    pub user: UserId,
}

impl Viewer {
    /// The one person of a Runnel without accounts.
    pub const LOCAL: Self = Self::of(UserId::LOCAL);

    #[must_use]
    pub const fn of(user: UserId) -> Self {
        Self { user }
    }
}
