//! One peer's core through its public interface: an input, and its effects. Whole groups are in `tests/simulation`.

mod addresses;
mod admission;
mod bench;
mod claims;
mod conflicts;
mod connections;
mod cuts;
mod dropping;
mod groups;
mod hearsay;
mod lasting;
mod leading;
mod ordering;
mod outbox;
mod promises;
mod reach;
mod resume;
mod retention;
mod splits;
mod unreachable;
