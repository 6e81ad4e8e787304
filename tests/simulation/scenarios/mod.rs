//! Histories that chance seldom reaches, with a network in the script's hands: nothing moves but what it lets through.

mod last;
mod life;
mod nofetch;
mod rank;
mod script;
mod stale_batch;
