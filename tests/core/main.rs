//! One peer's core on its public interface: an input, and the effects it has. Whole groups are in `tests/simulation`.

mod addresses;
mod bench;
mod claims;
mod connections;
mod cuts;
mod groups;
mod hearsay;
mod lasting;
mod leading;
mod ordering;
mod outbox;
mod reach;
mod resume;
mod splits;
mod unreachable;
