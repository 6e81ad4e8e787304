//! Histories that chance rarely reaches. The network is in the script's hands: only what it lets through moves.

mod figure8;
mod last;
mod life;
mod low_join;
mod needs;
mod nofetch;
mod rank;
mod script;
mod stale_batch;
