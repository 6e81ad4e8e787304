//! A brokerless sensor network: peers find each other, hold one view, elect a leader, and the leader orders all readings
//! so that every peer writes the same rows, in the same order, into its own CSV files.
//!
//! A pure core decides, thin threads do:
//!
//! ```text
//!   sensors ──┐ Input                          Effect ┌── net        UDP datagrams, TCP connections
//!   net ──────┼───────▶  protocol::Peer::step ────────┤
//!   storage ──┘            (no clock, no I/O)         └── storage    journal, CSV files, state, pending
//!                └──────────── threads ───────────────┘
//! ```
//!
//! # The way of a reading
//!
//! 1. A `sensor` thread takes readings from its source and steps the core with `Input::Readings`.
//! 2. `protocol/data/pending.rs` numbers them and asks for them to be sent to the leader, a window at a time.
//! 3. The leader's thread that read it steps the core, if nothing is before it. Otherwise its `sequencer` thread drains
//!    what came from all peers and steps the core once for all of it;
//!    `protocol/data/sequencer.rs` gives the next sequences, and the batch is framed once (`wire::frame::Frame`).
//! 4. The same bytes go to every member (`Effect::Serve`, read from the log's tail in memory) and to the `storage` thread.
//! 5. A member stores the batch and says `STORED`; at the majority the leader says `COMMIT`.
//! 6. `Store::Deliver`: the `storage` thread writes the rows, one CSV file for each sensor.
//!
//! # Which layer imports which
//!
//! | layer | module | knows |
//! | --- | --- | --- |
//! | names | [`ids`], [`reading`], `ranges` (sets of numbers), `json` (how it is written), `elapsed` and `size` (lengths of time and amounts of bytes in words), `version` (what a file says of its form) | nothing |
//! | files | `identity`, `durable` | nothing: which file a name means; what a power cut leaves of it |
//! | limits | [`descriptors`] | nothing: how many files each use may have open |
//! | manager | [`service`] | nothing: what a service manager is told |
//! | seals | [`keys`] | names: seals what goes over the network in a closed group |
//! | text | [`wire`], `numbers` (sets of readings) | names |
//! | decisions | [`protocol`] | names, text; never clocks, sockets, files, threads, logs |
//! | beside it | [`storage`], [`net`], [`sensors`] | names, text, files, limits, and `net` the seals; never the protocol or each other |
//! | knobs | [`config`], [`cli`], [`fatal`] | names, limits, and what sensors there are |
//! | lines | [`log_lines`], [`complaints`] | names: where `log` writes to, and how often a fault is logged |
//! | showing | [`status`] | names, decisions, lines: what a peer says of itself to people and programs |
//! | | [`http`] | names, reading back, showing: the same over HTTP |
//! | doing | [`threads`] | all of the above, and decides nothing |
//! | trying | [`simulation`] | names, text, seals, decisions, storage, net, doing (what a link holds): a whole group on a virtual network, clock and disk |
//! | asking | [`inquiry`] | names, text, net, storage, `selection`, showing: asks running peers, and is no peer itself |
//! | | [`doctor`] | names, text, seals, net, limits, asking: what keeps peers apart |
//! | reading back | [`history`], [`tail`], [`export`] | names, text, files, storage, `selection`: sensors, plots and rows of files that peers write |
//! | | [`bridge`] | names, text, seals, storage, reading back, asking, showing: hands rows to an engine outside, and runs no peer |
//! | proving | [`verify`] | names, text, storage, `selection` (which directories are meant): reads and copies files of peers, runs no peer |
//!
//! `docs/protocol.md` has the rules that comments cite, `docs/tour.md` a way through the code for an evening, and
//! `docs/contributing.md` how the code is kept and tested.
//!
//! To read the code as a student: `ids`, then `protocol/data/view.rs`, `protocol::input` and `protocol::effect`, then
//! `protocol::peer` with its one `match`, then a mechanism that interests you (`protocol/election.rs`, say), and last
//! `threads::drive`.

pub mod bridge;
pub mod cli;
pub mod complaints;
pub mod config;
pub mod descriptors;
pub mod doctor;
mod durable;
mod elapsed;
pub mod export;
pub mod fatal;
pub mod history;
pub mod http;
mod identity;
pub mod ids;
pub mod inquiry;
mod json;
pub mod keys;
pub mod log_lines;
pub mod net;
mod numbers;
pub mod protocol;
mod ranges;
pub mod reading;
mod selection;
pub mod sensors;
pub mod service;
#[cfg(feature = "simulation")]
pub mod simulation;
mod size;
pub mod status;
pub mod storage;
pub mod tail;
pub mod threads;
pub mod verify;
pub mod version;
pub mod wire;
