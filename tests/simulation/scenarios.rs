//! Histories that chance seldom reaches, with a network in the script's hands: nothing moves but what it lets through.

mod figure8;
mod last;
mod life;
mod low_join;
mod needs;
mod nofetch;
mod rank;
mod script;
mod stale_batch;
