//! How much of a disk in memory survives a power loss. What was synced does. What was not may survive in full, in part,
//! or not at all: pages of a file in any mixture, and names as if any of the last changes had not been made.

use std::collections::{BTreeMap, BTreeSet};
#[cfg(feature = "simulation")]
use std::hash::{Hash, Hasher};
use std::ops::Range;

use rand::rngs::SmallRng;
use rand::RngExt;

use super::Stamp;

/// How much a disk writes as a whole, in bytes: the sector of most disks.
const PAGE_BYTES: usize = 512;

/// How many states of one file are remembered that may be on the platter: more would only cost memory.
const VERSIONS_MAX: usize = 3;

/// How many changes of names may be unsynced; earlier ones have reached the platter by then.
const CHANGES_MAX: usize = 256;

/// The content of a file, apart from its name: over time, and on the platter, a name may have several.
type Id = u64;

/// Files by name, as they are now, and as they may come back.
#[derive(Debug, Clone, Default)]
pub(super) struct Platter {
    names: BTreeMap<String, Id>,
    contents: BTreeMap<Id, Content>,
    next: Id,
    /// The names that are on the platter for sure.
    synced: BTreeMap<String, Id>,
    /// Changes since, oldest first.
    changes: Vec<Change>,
}

/// From this change on a name means this content, or nothing.
#[derive(Debug, Clone)]
struct Change {
    path: String,
    content: Option<Id>,
    /// The earlier name of the content.
    from: Option<String>,
}

#[derive(Debug, Clone, Default, Hash)]
struct Content {
    bytes: Vec<u8>,
    /// What may be on the platter instead. The first is there for sure, if nothing else is. None: `bytes` is there.
    versions: Vec<Version>,
    /// These bytes were lost when they were to be synced: the platter has zeros there, and no later sync changes that.
    dropped: Range<usize>,
}

/// The first `shared` bytes are as now, the rest is other bytes.
#[derive(Debug, Clone, Default, Hash)]
struct Version {
    shared: usize,
    rest: Vec<u8>,
}

impl Platter {
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.names.keys()
    }

    pub(super) fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.names.get(path).map(|id| &self.contents[id].bytes[..])
    }

    pub(super) fn stamp(&self, path: &str) -> Stamp {
        let stamp = |id: &Id| Stamp { file: (0, *id), bytes: self.contents[id].bytes.len() as u64 };
        self.names.get(path).map(stamp).unwrap_or_default()
    }

    /// Bytes of all files.
    pub(super) fn used(&self) -> usize {
        self.names.values().map(|id| self.contents[id].bytes.len()).sum()
    }

    pub(super) fn append(&mut self, path: &str, bytes: &[u8]) {
        let id = match self.names.get(path) {
            Some(id) => *id,
            None => self.create(path, Content::unsynced(Vec::new())),
        };
        let content = self.contents.get_mut(&id).expect("every name has a content");
        content.unsync();
        content.bytes.extend_from_slice(bytes);
    }

    pub(super) fn truncate(&mut self, path: &str, len: usize) {
        let Some(id) = self.names.get(path) else { return };
        let content = self.contents.get_mut(id).expect("every name has a content");
        if len < content.bytes.len() {
            content.truncate(len);
        }
    }

    pub(super) fn replace(&mut self, path: &str, bytes: &[u8], durable: bool) {
        let bytes = bytes.to_vec();
        let content = if durable { Content { bytes, ..Content::default() } } else { Content::unsynced(bytes) };
        self.create(path, content);
        if durable {
            self.sync_names(parent(path));
        }
    }

    /// Returns whether the name was there to be changed.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(id) = self.names.remove(from) else { return false };
        self.names.insert(to.to_owned(), id);
        self.change(Change { path: to.to_owned(), content: Some(id), from: Some(from.to_owned()) });
        true
    }

    pub(super) fn remove(&mut self, path: &str) {
        if self.names.remove(path).is_some() {
            self.change(Change { path: path.to_owned(), content: None, from: None });
        }
    }

    pub(super) fn sync_bytes(&mut self, path: &str) {
        if let Some(content) = self.content(path) {
            content.sync();
        }
    }

    /// What a sync would write is lost.
    pub(super) fn drop_unsynced(&mut self, path: &str) {
        if let Some(content) = self.content(path) {
            content.drop_unsynced();
        }
    }

    fn content(&mut self, path: &str) -> Option<&mut Content> {
        self.contents.get_mut(self.names.get(path)?)
    }

    pub(super) fn sync_names(&mut self, dir: &str) {
        if self.changes.is_empty() {
            return;
        }
        for change in std::mem::take(&mut self.changes) {
            if parent(&change.path) == dir {
                change.make(&mut self.synced);
            } else {
                self.changes.push(change);
            }
        }
        self.forget_unreachable();
    }

    /// Leaves what is on the platter, as `rng` draws it.
    pub(super) fn lose_power(&mut self, rng: &mut SmallRng) {
        // A file system either keeps the order of such changes, or it does not.
        let ordered = rng.random_bool(0.5);
        let reached = rng.random_range(0..=self.changes.len());
        for (at, change) in self.changes.drain(..).enumerate() {
            if if ordered { at < reached } else { rng.random_bool(0.5) } {
                change.make(&mut self.synced);
            }
        }
        self.names.clone_from(&self.synced);
        self.forget_unreachable();
        self.contents.values_mut().for_each(|content| content.lose_power(rng));
    }

    /// Leaves what is on the platter for sure.
    pub(super) fn lose_unsynced(&mut self) {
        self.changes.clear();
        self.names.clone_from(&self.synced);
        self.forget_unreachable();
        for content in self.contents.values_mut() {
            content.dropped = 0..0;
            if let Some(Version { shared, rest }) = content.versions.drain(..).next() {
                content.bytes.truncate(shared);
                content.bytes.extend(rest);
            }
        }
    }

    /// Loses a file without a word.
    pub(super) fn lose(&mut self, path: &str) {
        self.names.remove(path);
        self.synced.remove(path);
        self.changes.retain(|change| change.path != path);
        self.forget_unreachable();
    }

    /// Changes what is on the platter without a word.
    pub(super) fn overwrite(&mut self, path: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let id = self.names[path];
        let content = self.contents.get_mut(&id).expect("every name has a content");
        damage(&mut content.bytes);
        content.versions.clear();
    }

    /// Contents count, and not which numbers they have.
    #[cfg(feature = "simulation")]
    pub(super) fn digest(&self, into: &mut impl Hasher) {
        for (path, id) in self.names.iter().chain(&self.synced) {
            (path, &self.contents[id]).hash(into);
        }
        for Change { path, content, from } in &self.changes {
            (path, content.map(|id| &self.contents[&id]), from).hash(into);
        }
    }

    fn create(&mut self, path: &str, content: Content) -> Id {
        self.next += 1;
        self.contents.insert(self.next, content);
        self.names.insert(path.to_owned(), self.next);
        self.change(Change { path: path.to_owned(), content: Some(self.next), from: None });
        self.next
    }

    fn change(&mut self, change: Change) {
        self.changes.push(change);
        if self.changes.len() > CHANGES_MAX {
            for change in self.changes.drain(..CHANGES_MAX / 2) {
                change.make(&mut self.synced);
            }
            self.forget_unreachable();
        }
    }

    fn forget_unreachable(&mut self) {
        let changes = self.changes.iter().filter_map(|change| change.content);
        let named = self.names.values().chain(self.synced.values()).copied();
        let reachable: BTreeSet<Id> = named.chain(changes).collect();
        self.contents.retain(|id, _| reachable.contains(id));
    }
}

impl Change {
    fn make(self, names: &mut BTreeMap<String, Id>) {
        if let Some(from) = self.from {
            // The name may mean something else, if another change has not reached the platter.
            if names.get(&from).copied() == self.content {
                names.remove(&from);
            }
        }
        match self.content {
            Some(content) => names.insert(self.path, content),
            None => names.remove(&self.path),
        };
    }
}

impl Content {
    fn unsynced(bytes: Vec<u8>) -> Self {
        Self { bytes, versions: vec![Version::default()], dropped: 0..0 }
    }

    /// Notes what is on the platter now, before the first change after a sync.
    fn unsync(&mut self) {
        if self.versions.is_empty() {
            self.versions.push(Version { shared: self.bytes.len(), rest: Vec::new() });
        }
    }

    fn sync(&mut self) {
        self.versions.clear();
        let Range { start, end } = self.dropped;
        if start < end {
            let rest = [&vec![0; end - start], &self.bytes[end..]].concat();
            self.versions.push(Version { shared: start, rest });
        }
    }

    fn drop_unsynced(&mut self) {
        if let Some(Version { shared, .. }) = self.versions.first() {
            let start = if self.dropped.is_empty() { *shared } else { self.dropped.start.min(*shared) };
            self.dropped = start..self.bytes.len();
        }
    }

    fn truncate(&mut self, len: usize) {
        self.unsync();
        self.dropped = self.dropped.start.min(len)..self.dropped.end.min(len);
        for version in &mut self.versions {
            if version.shared > len {
                version.rest.splice(..0, self.bytes[len..version.shared].iter().copied());
                version.shared = len;
            }
        }
        // What was written last may have reached the platter before it was cut off.
        self.versions.push(Version { shared: len, rest: self.bytes[len..].to_vec() });
        if self.versions.len() > VERSIONS_MAX {
            self.versions.remove(1);
        }
        self.bytes.truncate(len);
    }

    fn lose_power(&mut self, rng: &mut SmallRng) {
        if self.versions.is_empty() {
            return;
        }
        let Version { shared, rest } = self.versions.swap_remove(rng.random_range(0..self.versions.len()));
        self.versions.clear();
        self.dropped = 0..0;
        let new = self.bytes.split_off(shared);
        let after = match rng.random_range(0..4) {
            0 => rest,
            1 => new,
            _ => mixture(&rest, &new, shared, rng),
        };
        self.bytes.extend(after);
    }
}

/// A mixture of pages of both. The first begins at `offset` in the file, and the end is at any length that the file may
/// have.
fn mixture(old: &[u8], new: &[u8], offset: usize, rng: &mut SmallRng) -> Vec<u8> {
    let (shorter, longer) = (old.len().min(new.len()), old.len().max(new.len()));
    let mut mixed = vec![0; rng.random_range(shorter..=longer)];
    // All but a few pages are written, or hardly any.
    let written = [0.1, 0.5, 0.9][rng.random_range(0..3)];
    let mut at = 0;
    while at < mixed.len() {
        let end = (at + PAGE_BYTES - (offset + at) % PAGE_BYTES).min(mixed.len());
        let from = if rng.random_bool(written) { new } else { old };
        // Beyond the end of both, there are zeros.
        let held = from.get(at..end.min(from.len())).unwrap_or(&[]);
        mixed[at..at + held.len()].copy_from_slice(held);
        at = end;
    }
    mixed
}

/// The directory of a file.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
