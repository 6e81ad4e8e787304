//! The files of a peer.

mod directory;
mod disk;
mod error;
mod journal;
mod memory_disk;
mod real_disk;
mod scan;
mod state;
mod tail;
#[cfg(test)]
mod testing;

pub use directory::claim;
pub use disk::Disk;
pub use error::StorageError;
pub use journal::{Journal, JournalReader, Read, SEGMENT_BYTES};
pub use memory_disk::MemoryDisk;
pub use real_disk::{RealDisk, OPEN_FILES_MAX};
pub use tail::{Tail, TailRead, TAIL_BYTES_MAX};
