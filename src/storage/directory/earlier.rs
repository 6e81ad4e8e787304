//! The rows of an earlier life of this peer, when it starts without `--resume`: they are kept beside its directory
//! until the next such start. Nobody should lose months of data for want of an option.
//!
//! They are moved into `.<name>.previous.part`, after the name of the directory. No peer's directory can be called
//! that. Once it is whole, it takes the place of `<name>.previous`. If a crash interrupts this, the next start without
//! `--resume` finishes it, and a start with `--resume` undoes it.
//!
//! Another peer's directory may be `<name>.previous`, and somebody may have put files there: only what this peer moved
//! there itself is removed. If the name is taken, the next one with a number is used.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::previous::{count_files, head, names, sync_all};
use super::{check_own, Others};
use crate::ids::Sequence;
use crate::storage::csv_files::ends::last_row;
use crate::storage::disk::making::{copy_file, make_dirs};
use crate::storage::disk::occupant::{is_of_process, LOCK};
use crate::storage::disk::read_only::ReadOnlyDisk;
use crate::storage::disk::ReadDisk;
use crate::storage::error::{failed, StorageError};
use crate::storage::file_names::{id_of, sensor_of};
use crate::storage::journal;
use crate::storage::state::{self, base};

/// What was kept, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::storage) struct Kept {
    pub from: PathBuf,
    pub to: PathBuf,
    /// Rows of all sensors.
    pub rows: Sequence,
    pub sensors: usize,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.display(), self.to.display());
        write!(f, "{from} held ")?;
        if self.rows == 0 {
            f.write_str("a journal and no rows")?;
        } else {
            let rows = if self.rows == 1 { "row" } else { "rows" };
            let sensors = if self.sensors == 1 { "sensor" } else { "sensors" };
            write!(f, "{} {rows} of {} {sensors}", self.rows, self.sensors)?;
        }
        write!(
            f,
            " from before this start: they are in {to} now, until another start without --resume; --resume goes on with what \
             {from} holds"
        )
    }
}

/// Moves what an earlier life left out of a directory whose `lock` is held, to beside it. `state`, which tells of that
/// life, stays, and a copy of it goes along. `None`: there are no rows.
///
/// # Errors
/// Where that cannot be done; then nothing is lost, and the next start tries again.
pub(in crate::storage) fn keep(root: &Path) -> Result<Option<Kept>, StorageError> {
    let set_aside = |source| StorageError::set_aside(root, source);
    let part = part_of(root);
    if !part.exists() && !is_worth_keeping(root)? {
        return Ok(None);
    }
    move_all(root, &part).map_err(set_aside)?;
    if !is_worth_keeping(&part)? {
        // What was kept before is worth more.
        take_back(root)?;
        return Ok(None);
    }
    let (rows, sensors) = count(&part)?;
    let to = make_way(root)?;
    fs::rename(&part, &to).map_err(set_aside)?;
    sync_all([to.parent().unwrap_or(root)]).map_err(set_aside)?;
    Ok(Some(Kept { from: root.to_owned(), to, rows, sensors }))
}

/// Whether there are rows, or a journal that may hold some.
fn is_worth_keeping(root: &Path) -> Result<bool, StorageError> {
    if count(root)?.0 > 0 {
        return Ok(true);
    }
    let bytes = |name: String| fs::metadata(root.join(journal::DIR).join(name)).map_or(0, |metadata| metadata.len());
    Ok(names(root, journal::DIR)?.into_iter().any(|name| bytes(name) > 0))
}

/// Moves files back where a crash interrupted the move.
///
/// # Errors
/// Where that cannot be done.
pub(in crate::storage) fn take_back(root: &Path) -> Result<(), StorageError> {
    let part = part_of(root);
    if !part.exists() {
        return Ok(());
    }
    let moved = names(&part, "")?.into_iter().filter(|name| name != state::PATH).try_for_each(|name| {
        let to = root.join(&name);
        if to.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name} is in {} too", part.display())));
        }
        fs::rename(part.join(&name), to)
    });
    let removed = moved.and_then(|()| sync_all([root])).and_then(|()| fs::remove_dir_all(&part));
    removed.map_err(|source| StorageError::set_aside(root, source))
}

/// Rows, and sensors that have any. The sequences of all files together have no gaps, so the last of them counts the rows,
/// but for those that were removed.
fn count(root: &Path) -> Result<(Sequence, usize), StorageError> {
    let disk = ReadOnlyDisk::new(root.to_owned());
    let (mut rows, mut sensors) = (0, HashSet::new());
    for name in names(root, "")?.into_iter().filter(|name| name.strip_suffix(".csv").is_some()) {
        let bytes = disk.len(&name).map_err(failed(&disk, "look at", &name))?;
        if let Some((sequence, _)) = last_row(&disk, &name, bytes)? {
            rows = sequence.max(rows);
            sensors.insert(sensor_of(&name).map_or(name, |sensor| sensor.to_string()));
        }
    }
    Ok((rows.saturating_sub(base::last(&disk)?), sensors.len()))
}

fn move_all(root: &Path, part: &Path) -> io::Result<()> {
    make_dirs(part)?;
    if root.join(state::PATH).exists() {
        copy_file(&root.join(state::PATH), &part.join(state::PATH))?.sync_all()?;
    }
    let names = names(root, "").map_err(io::Error::other)?;
    for name in names.into_iter().filter(|name| !is_of_process(name) && name != state::PATH) {
        fs::rename(root.join(&name), part.join(&name))?;
    }
    sync_all([part, root])
}

/// The first of `<name>.previous`, `<name>.previous.2` … that is free, or holds only what was kept before: that is
/// removed.
fn make_way(root: &Path) -> Result<PathBuf, StorageError> {
    let failed = |source| StorageError::set_aside(root, source);
    for number in 1_u64.. {
        let suffix = if number == 1 { String::new() } else { format!(".{number}") };
        let to = beside(root, &format!(".previous{suffix}"));
        match fs::symlink_metadata(&to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(to),
            Err(error) => return Err(failed(error)),
            Ok(metadata) if metadata.is_dir() && was_kept_by(root, &to) => {
                fs::remove_dir_all(&to).map_err(failed)?;
                return Ok(to);
            }
            Ok(_) => {}
        }
    }
    unreachable!("there are not so many")
}

/// Whether this peer moved all of that there. A directory that a peer runs in, or ran in, has a `lock`. What cannot be
/// read does not count as its own.
fn was_kept_by(root: &Path, to: &Path) -> bool {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let Some(id) = id_of(&name) else { return false };
    let begins = format!("id:{id}\n");
    let head = head(to, state::PATH, state::LATER.len() + begins.len());
    let has_own_state = head.is_ok_and(|head| state::facts(&head).starts_with(begins.as_bytes()));
    let is_locked = fs::symlink_metadata(to.join(LOCK)).is_ok();
    has_own_state && !is_locked && check_own(to, Others::Refused).is_ok() && count_files(to).is_ok()
}

pub(in crate::storage) fn part_of(root: &Path) -> PathBuf {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    root.with_file_name(format!(".{name}.previous.part"))
}

fn beside(root: &Path, suffix: &str) -> PathBuf {
    let mut name = root.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PeerId;
    use crate::reading::HEADER_LINE;
    use crate::storage::directory::{claim, claim_cleared};
    use crate::storage::state::StateFile;
    use crate::storage::tests::support::TempDir;

    fn id() -> PeerId {
        "p".parse().unwrap()
    }

    /// A directory of `p` with two sensors and three rows.
    fn used(temp: &TempDir) -> PathBuf {
        let root = temp.path().join("p");
        fs::create_dir_all(root.join("journal")).unwrap();
        let state = StateFile::new(id(), 7, None);
        fs::write(root.join("state"), state.to_text()).unwrap();
        fs::write(root.join("a.csv"), format!("{HEADER_LINE}1,,a,,,\n3,,a,,,\n")).unwrap();
        fs::write(root.join("b.csv"), format!("{HEADER_LINE}2,,b,,,\n")).unwrap();
        fs::write(root.join("c.csv"), HEADER_LINE).unwrap();
        root
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn rows_are_kept_beside_until_the_next_start() {
        let temp = TempDir::new();
        let root = used(&temp);
        let rows = read(&root.join("a.csv"));
        let (disk, aside) = claim_cleared(temp.path(), &id()).unwrap();
        let said = aside.unwrap();
        assert!(said.contains("held 3 rows of 2 sensors") && said.contains("p.previous now"), "{said}");
        let previous = temp.path().join("p.previous");
        assert_eq!(read(&previous.join("a.csv")), rows);
        assert_eq!(
            read(&previous.join("state")),
            read(&root.join("state")),
            "ready for --resume, and the life goes on"
        );
        assert!(!root.join("a.csv").exists() && !root.join("journal").exists());
        drop(disk);
        fs::create_dir(root.join("journal")).unwrap();
        fs::write(root.join("journal/00000000000000000001.log"), "").unwrap();
        let (disk, aside) = claim_cleared(temp.path(), &id()).unwrap();
        assert_eq!(aside, None, "without rows nothing is kept, and nothing removed");
        assert_eq!(read(&previous.join("a.csv")), rows);
        drop(disk);
        used(&temp);
        fs::write(root.join("a.csv"), format!("{HEADER_LINE}1,,a,9,,\n")).unwrap();
        claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
        assert!(read(&previous.join("a.csv")).ends_with("1,,a,9,,\n"), "the newest alone is kept");
        assert!(!temp.path().join("p.previous.2").exists());
    }

    #[test]
    fn rows_of_a_log_without_its_beginning_are_kept_beside_until_the_next_start_as_well() {
        let temp = TempDir::new();
        for _ in 0..2 {
            let state = StateFile { shortened: true, ..StateFile::new(id(), 7, None) };
            fs::write(used(&temp).join("state"), state.to_text()).unwrap();
            claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
        }
        assert!(!temp.path().join("p.previous.2").exists());
    }

    #[test]
    fn what_a_crash_left_is_finished_or_undone() {
        for resumes in [false, true] {
            let temp = TempDir::new();
            let root = used(&temp);
            let part = temp.path().join(".p.previous.part");
            fs::create_dir(&part).unwrap();
            fs::copy(root.join("state"), part.join("state")).unwrap();
            fs::rename(root.join("a.csv"), part.join("a.csv")).unwrap();
            if resumes {
                claim(temp.path(), &id()).unwrap();
                assert!(read(&root.join("a.csv")).ends_with("3,,a,,,\n"));
            } else {
                claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
                for name in ["a.csv", "b.csv", "state"] {
                    assert!(temp.path().join("p.previous").join(name).exists(), "{name}");
                }
            }
            assert!(!part.exists());
        }
    }

    #[test]
    fn what_is_not_known_to_be_a_peers_is_not_removed() {
        let temp = TempDir::new();
        used(&temp);
        let previous = temp.path().join("p.previous");
        fs::create_dir(&previous).unwrap();
        fs::write(previous.join("diary.csv"), "dear").unwrap();
        claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
        assert_eq!(read(&previous.join("diary.csv")), "dear");
        assert!(temp.path().join("p.previous.2/a.csv").exists());
    }

    #[test]
    fn another_peer_of_that_name_keeps_its_directory_and_what_is_no_peers_stays() {
        let temp = TempDir::new();
        used(&temp);
        let other: PeerId = "p.previous".parse().unwrap();
        let theirs = temp.path().join("p.previous");
        let running = claim(temp.path(), &other).unwrap();
        let state = StateFile::new(other, 7, None);
        fs::write(theirs.join("state"), state.to_text()).unwrap();
        fs::write(theirs.join("x.csv"), format!("{HEADER_LINE}1,,x,,,\n")).unwrap();
        let said = claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
        assert!(theirs.join("lock").exists() && theirs.join("x.csv").exists(), "a living peer's directory stays");
        assert!(said.contains("p.previous.2 now"), "{said}");
        drop(running);
        // Somebody put notes beside the rows that are kept there.
        fs::write(temp.path().join("p.previous.2/notes.txt"), "mine").unwrap();
        for _ in 0..2 {
            used(&temp);
            let said = claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
            assert!(said.contains("p.previous.3 now"), "its own are replaced: {said}");
        }
        assert_eq!(read(&temp.path().join("p.previous.2/notes.txt")), "mine");
        assert!(!temp.path().join("p.previous.4").exists());
    }

    #[test]
    fn a_journal_alone_is_kept_as_well() {
        let temp = TempDir::new();
        let root = used(&temp);
        for name in ["a.csv", "b.csv", "c.csv"] {
            fs::remove_file(root.join(name)).unwrap();
        }
        fs::write(root.join("journal/00000000000000000001.log"), "BATCH:").unwrap();
        let said = claim_cleared(temp.path(), &id()).unwrap().1.unwrap();
        assert!(said.contains("held a journal and no rows"), "{said}");
        assert!(temp.path().join("p.previous/journal/00000000000000000001.log").exists());
    }

    #[test]
    fn what_was_moved_and_is_not_worth_keeping_is_moved_back() {
        let temp = TempDir::new();
        let root = used(&temp);
        for name in ["a.csv", "b.csv"] {
            fs::remove_file(root.join(name)).unwrap();
        }
        let part = temp.path().join(".p.previous.part");
        fs::create_dir(&part).unwrap();
        fs::write(part.join(".DS_Store"), "theirs").unwrap();
        assert_eq!(claim_cleared(temp.path(), &id()).unwrap().1, None);
        assert_eq!(read(&root.join(".DS_Store")), "theirs");
        assert!(!part.exists());
    }
}
