//! What an OK to the sender of a request means (`ack` of a receiver, or the sender's own word).

/// How far a request has come when its sender is told OK; each is more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AckLevel {
    /// A queue or a batch in memory holds it.
    Received,
    /// It is in the log of every queue on its way, synced.
    Persisted,
    /// The destinations have it.
    Delivered,
}

impl AckLevel {
    /// All levels, the weakest first.
    pub const ALL: [AckLevel; 3] = [AckLevel::Received, AckLevel::Persisted, AckLevel::Delivered];

    /// The word in configurations and headers.
    pub fn name(self) -> &'static str {
        match self {
            AckLevel::Received => "received",
            AckLevel::Persisted => "persisted",
            AckLevel::Delivered => "delivered",
        }
    }

    /// The level with this word, in lower case.
    pub fn from_name(word: &str) -> Option<Self> {
        AckLevel::ALL.into_iter().find(|level| level.name() == word)
    }
}
