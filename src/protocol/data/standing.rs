//! What a peer is, without all that it knows in that role.

/// What a peer is at the moment, for status lines and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Seeking,
    Learner,
    Member,
    /// In an election that is not decided yet.
    Electing,
    /// It promised another peer's term and waits for the view.
    Promised,
    /// It won an election and gathers `LOG_STATE`s, or fetches the best log.
    Proposing,
    Leader,
}

impl Standing {
    pub const ALL: [Self; 7] =
        [Self::Seeking, Self::Learner, Self::Member, Self::Electing, Self::Promised, Self::Proposing, Self::Leader];

    /// What the peer is or does.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Seeking => "seeks",
            Self::Learner => "learns",
            Self::Member => "member",
            Self::Electing => "elects",
            Self::Promised => "promised",
            Self::Proposing => "proposes",
            Self::Leader => "leads",
        }
    }
}
