//! The file `base`: what is left of the entries that were removed from the beginning of the log. It is replaced whole, and
//! before anything is removed (docs/protocol.md, 10.4).

use std::path::PathBuf;

use crate::ids::Sequence;
use crate::storage::disk::set_aside;
use crate::storage::disk::{or_empty, Disk, ReadDisk};
use crate::storage::error::{damaged, failed, StorageError};
use crate::version;
use crate::wire::base::BASE_BYTES_MAX;
use crate::wire::batch::{check_crc, seal, unseal, HEAD_BYTES_MAX};
use crate::wire::{Base, Cursor, WireError};

/// Name of the file.
pub(in crate::storage) const PATH: &str = "base";

/// What it begins with.
pub(in crate::storage) const VERB: &str = "BASE";

/// The form that this version writes, and the latest that it reads.
const VERSION: u64 = 1;

/// The bytes of the file: `BASE:<last>:<bytes>:<CRC-32>`, and the block.
fn to_bytes(base: &Base) -> Vec<u8> {
    let (block, mut bytes) = (base.block(), Vec::new());
    seal(&format!("{VERB}:{}:{}:", base.last, block.len()), &block, &mut bytes);
    bytes.extend_from_slice(&block);
    bytes
}

fn parse(bytes: &[u8]) -> Result<Base, WireError> {
    let wrong = WireError::Count { verb: VERB };
    let head = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let end = memchr::memchr(b'\n', head).ok_or(wrong.clone())?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| WireError::Text { verb: VERB })?;
    let mut fields = Cursor::new(line, VERB)?;
    let (last, length) = (fields.number("base")?, fields.length("length", BASE_BYTES_MAX)?);
    let (crc, sealed) = unseal(line, &mut fields)?;
    let block = &bytes[end + 1..];
    if block.len() != length {
        return Err(wrong);
    }
    check_crc(VERB, sealed, block, crc)?;
    Base::parse(last, block, VERB)
}

/// Reads the file; `None` where there is none.
///
/// # Errors
/// The disk's; or where it is damaged, or of a later version.
pub(in crate::storage) fn read<D: ReadDisk>(disk: &D) -> Result<Option<Base>, StorageError> {
    let bytes =
        or_empty(disk.read(PATH, 0, HEAD_BYTES_MAX + BASE_BYTES_MAX + 1)).map_err(failed(disk, "read", PATH))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    version::check(&bytes, VERSION).map_err(|newer| StorageError::Newer { path: disk.full_path(PATH), newer })?;
    parse(&bytes).map(Some).map_err(|error| damaged(disk, PATH, error.to_string()))
}

/// The last entry that was removed; 0 where none was, or where nobody can tell. Only the first line is looked at.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn last<D: ReadDisk>(disk: &D) -> Result<Sequence, StorageError> {
    let head = or_empty(disk.read(PATH, 0, HEAD_BYTES_MAX)).map_err(failed(disk, "read", PATH))?;
    let line = head.split(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok());
    let last = line.and_then(|line| Cursor::new(line, VERB).ok()?.number("base").ok());
    Ok(last.unwrap_or(0))
}

/// Reads the file at a start. If it is damaged, it is set aside: nobody knows then what was removed.
///
/// # Errors
/// The disk's; or where it is of a later version.
pub(in crate::storage) fn load<D: Disk>(disk: &D) -> Result<(Base, Option<PathBuf>), StorageError> {
    match read(disk) {
        Ok(base) => Ok((base.unwrap_or_default(), None)),
        Err(StorageError::Damaged { .. }) => Ok((Base::default(), Some(set_aside::rename(disk, PATH)?))),
        Err(error) => Err(error),
    }
}

/// Whether the beginning of a log may be removed: what is left of it has to fit into one message.
pub(in crate::storage) fn fits(base: &Base) -> bool {
    base.block().len() <= BASE_BYTES_MAX
}

/// # Errors
/// The disk's; then the old one is still there.
pub(in crate::storage) fn save<D: Disk>(disk: &D, base: &Base, durable: bool) -> Result<(), StorageError> {
    disk.replace(PATH, &to_bytes(base), durable).map_err(failed(disk, "replace", PATH))
}

/// Forgets that anything was removed: the log begins with nothing again.
///
/// # Errors
/// The disk's.
pub(in crate::storage) fn remove<D: Disk>(disk: &D) -> Result<(), StorageError> {
    disk.remove(PATH).map_err(failed(disk, "remove", PATH))?;
    disk.sync_names("").map_err(failed(disk, "sync", ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::memory::MemoryDisk;
    use crate::wire::Range;

    fn base() -> Base {
        let origins = vec![Range { origin: "a/1".parse().unwrap(), first: 1, count: 7 }];
        Base { last: 7, runs: vec![("1@a/1".parse().unwrap(), 1)], origins }
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_refused_with_any_byte_changed_or_missing() {
        let bytes = to_bytes(&base());
        assert!(bytes.starts_with(b"BASE:7:21:"), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(parse(&bytes), Ok(base()));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(parse(&changed).is_err() && parse(&bytes[..at]).is_err(), "byte {at}");
        }
        assert!(parse(&[&bytes[..], b"\n"].concat()).is_err());
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_one_of_a_later_version_is_left_alone() {
        let disk = MemoryDisk::new();
        assert_eq!(load(&disk).unwrap(), (Base::default(), None));
        save(&disk, &base(), true).unwrap();
        assert_eq!((load(&disk).unwrap(), last(&disk).unwrap()), ((base(), None), 7));
        disk.flip(PATH, 3, 0);
        assert!(load(&disk).unwrap().1.is_some());
        assert_eq!((last(&disk).unwrap(), disk.len("base.damaged").unwrap()), (0, to_bytes(&base()).len() as u64));
        disk.replace(PATH, b"version:2\n", false).unwrap();
        assert!(matches!(load(&disk), Err(StorageError::Newer { .. })));
    }
}
