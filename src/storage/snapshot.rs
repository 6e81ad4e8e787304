//! Where a copy of a peer's directory is made, and how it gets its name. It is written and verified in a directory
//! beside, and renamed once all of it is on the platter. So what has the name is whole. `copy.rs` decides what is
//! copied.

pub(super) mod copy;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::copy::Copied;
use super::directory::{directory_of, make};
use super::disk::making::make_dir;
use super::disk::occupant::Lock;
use super::disk::read_only::ReadOnlyDisk;
use super::disk::real::RealDisk;
use super::error::StorageError;
use super::file_names::name_of;
use crate::durable::{parent, sync_dir};
use crate::ids::PeerId;

/// A copy of a peer's directory in the making, without its name yet. If it is dropped, nothing is left.
#[derive(Debug)]
pub struct Snapshot {
    source: ReadOnlyDisk,
    disk: Arc<RealDisk>,
    /// Where it is made.
    path: PathBuf,
    /// Where it will be.
    to: PathBuf,
    /// Held until the copy has its name: two processes that make the same copy would write into each other's files.
    _lock: Arc<Lock>,
    made: Made,
}

/// Directories that are removed again unless all goes well.
#[derive(Debug)]
struct Made {
    /// It is removed with all that it holds.
    partial: Option<PathBuf>,
    /// The deepest come first; each is removed if it is empty.
    parents: Vec<PathBuf>,
}

impl Drop for Made {
    fn drop(&mut self) {
        // If that fails, its name tells what it is.
        if let Some(partial) = &self.partial {
            let _ = fs::remove_dir_all(partial);
        }
        for parent in &self.parents {
            let _ = fs::remove_dir(parent);
        }
    }
}

impl Snapshot {
    /// Makes room for a copy of the directory of the peer `id`, at `<dest>/<id>`, which must not be there or be empty.
    ///
    /// # Errors
    /// Where that cannot be.
    pub fn begin(source: &Path, id: &PeerId, dest: &Path) -> Result<Self, StorageError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |error| StorageError::directory(&path, &path, error)
        };
        refuse_inside(source, dest)?;
        let to = directory_of(dest, id);
        refuse_occupied(&to)?;
        let missing = dest.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let mut made = Made { partial: None, parents: missing.map(Path::to_owned).collect() };
        make(dest).map_err(unusable(dest))?;
        // No peer's name begins with a dot.
        let partial = dest.join(format!(".{}.partial", name_of(id.as_str())));
        match make_dir(&partial) {
            Ok(()) => made.partial = Some(partial.clone()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unusable(&partial)(error)),
        }
        let lock = Arc::new(Lock::take(&partial)?);
        made.partial = Some(partial.clone());
        let path = directory_of(&partial, id);
        if path.exists() {
            // An interrupted copy left it.
            fs::remove_dir_all(&path).map_err(unusable(&path))?;
        }
        make_dir(&path).map_err(unusable(&path))?;
        let disk = Arc::new(RealDisk::new(path.clone(), Arc::clone(&lock)));
        Ok(Self { source: ReadOnlyDisk::new(source.to_owned()), disk, path, to, _lock: lock, made })
    }

    /// Copies; what was copied before is replaced. `takes_over`: from now on only the copy counts.
    ///
    /// # Errors
    /// The disk's; where the source is damaged, or never at rest for long enough. A running peer replaces files, so
    /// another try may succeed.
    pub fn copy(&self, takes_over: bool) -> Result<Copied, StorageError> {
        copy::copy(&self.source, &self.disk, takes_over)
    }

    /// Where the copy is until it has its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the copy its name, once all of it is on the platter. Returns where it is.
    ///
    /// # Errors
    /// The disk's; or where the name was taken meanwhile.
    pub fn publish(self) -> Result<PathBuf, StorageError> {
        let Self { disk, path, to, mut made, _lock, .. } = self;
        // Some systems rename no directory with open files.
        drop(disk);
        refuse_occupied(&to)?;
        let publish = || {
            sync_all(&path)?;
            if to.exists() {
                fs::remove_dir(&to)?;
            }
            fs::rename(&path, &to)?;
            sync_dir(parent(&to))
        };
        publish().map_err(|source| StorageError::directory(&to, &to, source))?;
        made.parents.clear();
        Ok(to)
    }
}

/// Refuses a copy inside of the directory: a peer does not start where anything else is in its directory.
fn refuse_inside(source: &Path, dest: &Path) -> Result<(), StorageError> {
    let or_here = |path| if path == Path::new("") { Path::new(".") } else { path };
    let real = dest.ancestors().find_map(|path| fs::canonicalize(or_here(path)).ok());
    let within = fs::canonicalize(source).is_ok_and(|source| real.is_some_and(|real| real.starts_with(source)));
    if within {
        return Err(StorageError::Inside { path: dest.to_owned(), of: source.to_owned() });
    }
    Ok(())
}

fn refuse_occupied(to: &Path) -> Result<(), StorageError> {
    let is_empty = || fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    match fs::symlink_metadata(to) {
        Ok(metadata) if !metadata.is_dir() || !is_empty() => Err(StorageError::Occupied { path: to.to_owned() }),
        _ => Ok(()),
    }
}

/// Returns once all files below a directory are on the platter.
fn sync_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            sync_all(&path)?;
        } else {
            // Windows syncs only files that are open for writing.
            File::options().append(true).open(path)?.sync_all()?;
        }
    }
    sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::directory::claim;
    use crate::storage::tests::support::{frame, TempDir};
    use crate::storage::{Options, Storage};

    /// The directory of `p`, which has stopped, with five rows.
    fn source(temp: &TempDir) -> PathBuf {
        let id: PeerId = "p".parse().unwrap();
        let disk = claim(&temp.path().join("data"), &id).unwrap();
        let (mut storage, _) = Storage::open(Arc::new(disk), &id, 5, Options::default()).unwrap();
        storage.append(&frame(1, 1, "a/1", 1, 5)).unwrap();
        storage.deliver(5).unwrap();
        storage.flush().unwrap();
        temp.path().join("data/p")
    }

    fn begin(source: &Path, dest: &Path) -> Result<Snapshot, StorageError> {
        Snapshot::begin(source, &"p".parse().unwrap(), dest)
    }

    fn names(path: &Path) -> Vec<String> {
        let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_copy_has_its_name_once_it_is_whole_and_leaves_nothing_else() {
        let temp = TempDir::new();
        let (source, dest) = (source(&temp), temp.path().join("backup/monday"));
        let snapshot = begin(&source, &dest).unwrap();
        snapshot.copy(false).unwrap();
        assert_eq!(names(&dest), [".p.partial"]);
        drop(snapshot);
        assert_eq!(names(temp.path()), ["data"], "also what was made to hold it is gone");
        let empty = temp.path().join("empty");
        fs::create_dir(&empty).unwrap();
        drop(begin(&source, &empty).unwrap());
        assert!(names(&empty).is_empty(), "what was there before stays");
        // An empty directory of that name may be there.
        fs::create_dir_all(dest.join("p")).unwrap();
        let snapshot = begin(&source, &dest).unwrap();
        snapshot.copy(false).unwrap();
        assert_eq!(snapshot.publish().unwrap(), dest.join("p"));
        assert_eq!((names(&dest), names(&dest.join("p"))), (vec!["p".to_owned()], names_of_copy()));
        assert_eq!(fs::read(dest.join("p/a1.csv")).unwrap(), fs::read(source.join("a1.csv")).unwrap());
    }

    fn names_of_copy() -> Vec<String> {
        ["a0.csv", "a1.csv", "a2.csv", "journal", "state"].map(str::to_owned).to_vec()
    }

    #[test]
    fn what_is_there_is_refused_and_stays() {
        let temp = TempDir::new();
        let (source, dest) = (source(&temp), temp.path().join("backup"));
        fs::create_dir_all(dest.join("p")).unwrap();
        fs::write(dest.join("p/notes.txt"), "mine").unwrap();
        for dest in [&dest, &temp.path().join("data")] {
            assert!(matches!(begin(&source, dest), Err(StorageError::Occupied { .. })));
        }
        for inside in [source.clone(), source.join("x/y")] {
            assert!(matches!(begin(&source, &inside), Err(StorageError::Inside { .. })));
        }
        fs::write(temp.path().join("file"), "").unwrap();
        assert!(matches!(begin(&source, &temp.path().join("file")), Err(StorageError::Directory { .. })));
        assert_eq!(names(&dest.join("p")), ["notes.txt"]);
        assert_eq!(
            (names(&dest), names(temp.path())),
            (vec!["p".to_owned()], ["backup", "data", "file"].map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn what_was_interrupted_is_replaced_and_what_is_being_made_is_not() {
        let temp = TempDir::new();
        let (source, dest) = (source(&temp), temp.path().join("backup"));
        fs::create_dir_all(dest.join(".p.partial/p/journal")).unwrap();
        fs::write(dest.join(".p.partial/p/old.csv"), "half a").unwrap();
        let snapshot = begin(&source, &dest).unwrap();
        snapshot.copy(false).unwrap();
        assert!(matches!(begin(&source, &dest), Err(StorageError::InUse { .. })));
        // What takes the name meanwhile keeps it.
        fs::create_dir(dest.join("p")).unwrap();
        fs::write(dest.join("p/notes.txt"), "mine").unwrap();
        assert!(matches!(snapshot.publish(), Err(StorageError::Occupied { .. })));
        assert_eq!((names(&dest), names(&dest.join("p"))), (vec!["p".to_owned()], vec!["notes.txt".to_owned()]));
        fs::remove_dir_all(dest.join("p")).unwrap();
        let snapshot = begin(&source, &dest).unwrap();
        snapshot.copy(false).unwrap();
        snapshot.copy(false).unwrap();
        assert_eq!(names(&snapshot.publish().unwrap()), names_of_copy());
    }

    #[test]
    fn a_log_that_cannot_be_looked_at_is_not_taken_for_one_without_entries() {
        let temp = TempDir::new();
        let (source, dest) = (source(&temp), temp.path().join("backup"));
        let journal = source.join("journal");
        fs::remove_dir_all(&journal).unwrap();
        for row in ["a0.csv", "a1.csv", "a2.csv"] {
            fs::remove_file(source.join(row)).unwrap();
        }
        let copied = begin(&source, &dest).unwrap().copy(false).unwrap();
        assert_eq!((copied.last, copied.delivered), (0, 0), "it never had an entry");
        fs::write(&journal, "").unwrap();
        let error = begin(&source, &dest).unwrap().copy(false).unwrap_err();
        assert!(matches!(error, StorageError::Io { doing: "list", .. }), "{error}");
    }
}
