//! What happens to a peer of a run.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Kill,
    Leave,
    StopShort,
    StopLong,
}

impl Fault {
    /// One of them, each as likely as the others.
    pub(crate) fn draw(rng: &mut SmallRng) -> Self {
        *[Self::Kill, Self::Leave, Self::StopShort, Self::StopLong].choose(rng).expect("four")
    }

    /// Whether the process ends.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::Kill | Self::Leave)
    }
}
