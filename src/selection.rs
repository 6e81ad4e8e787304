//! Which directories of peers are meant, and what each is called.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ids::PeerId;
use crate::storage::{directory_of, find_directory, id_of};

/// A directory to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The peer's id, or the path where two directories have the same id.
    pub(crate) label: String,
    pub(crate) path: PathBuf,
}

/// The directories to look at, and notes on what is beside them and skipped.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) targets: Vec<Target>,
    pub(crate) notes: Vec<String>,
    /// For each name that is not a peer's directory, a sentence that says why.
    pub(crate) missing: Vec<String>,
}

/// Finds the directories of the peers that are named, by id or path; without names, of all below the data directories.
///
/// # Errors
/// Says, for the operator, what is not there or cannot be read.
pub(crate) fn select(data_dirs: &[PathBuf], peers: &[PathBuf]) -> Result<Selection, String> {
    let mut selection = Selection::default();
    let mut paths = Vec::new();
    if peers.is_empty() {
        for dir in data_dirs {
            paths.extend(below(dir, &mut selection.notes)?);
        }
        if paths.is_empty() {
            let dirs: Vec<String> = data_dirs.iter().map(|dir| dir.display().to_string()).collect();
            return Err(format!(
                "there is no peer's directory in {}; give --data-dir that of the peers",
                dirs.join(", ")
            ));
        }
    }
    for peer in peers {
        match named(data_dirs, peer) {
            Ok(named) => paths.extend(named),
            Err(why) => selection.missing.push(why),
        }
    }
    let mut seen = Vec::new();
    for path in paths {
        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if !seen.contains(&real) {
            seen.push(real);
            let name = name(&path);
            selection.targets.push(Target { label: id_of(&name).unwrap_or(&name).to_owned(), path });
        }
    }
    let names: Vec<String> = selection.targets.iter().map(|target| target.label.clone()).collect();
    for target in &mut selection.targets {
        if names.iter().filter(|name| **name == target.label).count() > 1 {
            target.label = target.path.display().to_string();
        }
    }
    Ok(selection)
}

/// The directories of the peers below this directory, or the directory itself if it is a peer's.
///
/// # Errors
/// Says, for the operator, what cannot be read.
pub(crate) fn peers_below(dir: &Path) -> Result<Vec<PathBuf>, String> {
    below(dir, &mut Vec::new())
}

/// Why there is not exactly one directory.
#[derive(Debug)]
pub(crate) struct NotOne {
    pub(crate) text: String,
    /// There are several, and further ones would not help.
    pub(crate) several: bool,
}

/// The directory of the peer that is named, by id or path; without a name, of the only one below the data directories.
///
/// # Errors
/// Says, for the operator, why there is none.
pub(crate) fn only(data_dirs: &[PathBuf], peer: Option<&Path>) -> Result<PathBuf, NotOne> {
    let none = |text| NotOne { text, several: false };
    let peers: Vec<PathBuf> = peer.iter().map(|path| path.to_path_buf()).collect();
    let selected = select(data_dirs, &peers).map_err(none)?;
    if let Some(why) = selected.missing.into_iter().next() {
        return Err(none(why));
    }
    if let [one] = &selected.targets[..] {
        return Ok(one.path.clone());
    }
    let names: Vec<&str> = selected.targets.iter().map(|target| target.label.as_str()).collect();
    Err(NotOne { text: format!("there are several peers; name one of {}", names.join(", ")), several: true })
}

fn name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| path.display().to_string())
}

/// The peers' directories below a data directory, or that directory itself if it is a peer's.
fn below(dir: &Path, notes: &mut Vec<String>) -> Result<Vec<PathBuf>, String> {
    let cannot = |error| format!("cannot list {}: {error}; give --data-dir the directory of the peers", dir.display());
    let (mut paths, mut is_peer) = (Vec::new(), false);
    for entry in fs::read_dir(dir).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        is_peer |= ["state", "lock"].contains(&name(&path).as_str()) && path.is_file();
        if path.is_dir() {
            paths.push(path);
        }
    }
    if is_peer {
        return Ok(vec![dir.to_owned()]);
    }
    paths.sort_unstable();
    let (aside, paths): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|path| is_set_aside(&name(path)));
    notes.extend(aside.iter().map(|path| format!("{} was set aside, and was not looked at", path.display())));
    let (peers, others): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|path| may_be_peer(path));
    notes.extend(others.iter().map(|path| format!("{} is no peer's directory, and was not looked at", path.display())));
    Ok(peers)
}

/// Whether this is the name of what a peer moved out of its directory at a start.
fn is_set_aside(name: &str) -> bool {
    name.rsplit_once(".previous").is_some_and(|(id, rest)| {
        let number = rest.strip_prefix('.').is_some_and(|number| number.parse::<u64>().is_ok());
        !id.is_empty() && (rest.is_empty() || rest == ".part" || number)
    })
}

/// Whether this directory has the name of a peer, and a peer's files or none at all. One that cannot be read may be a
/// peer's.
fn may_be_peer(path: &Path) -> bool {
    named_id(&name(path)).is_some() && holds_peer(path)
}

/// The peer that is named by its id, or by the name of its directory.
fn named_id(text: &str) -> Option<PeerId> {
    id_of(text).unwrap_or(text).parse().ok()
}

/// Whether it holds anything of a peer's, or nothing at all.
fn holds_peer(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else { return true };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let is_csv = |path: &Path| path.extension().is_some_and(|extension| extension == "csv");
    let is_own = |path: &PathBuf| matches!(name(path).as_str(), "state" | "lock" | "journal") || is_csv(path);
    paths.is_empty() || paths.iter().any(is_own)
}

fn no_peer(path: &Path) -> String {
    format!("{} is no peer's directory: nothing in it is a peer's", path.display())
}

/// The directories of a peer that is named by its id, in any of the data directories, or by its path.
fn named(data_dirs: &[PathBuf], peer: &Path) -> Result<Vec<PathBuf>, String> {
    let Some(id) = peer.to_str().and_then(named_id) else {
        return if !peer.is_dir() {
            Err(format!("{} is neither a peer's id nor a directory", peer.display()))
        } else if holds_peer(peer) {
            Ok(vec![peer.to_owned()])
        } else {
            Err(no_peer(peer))
        };
    };
    let found: Vec<PathBuf> = data_dirs.iter().filter_map(|dir| find_directory(dir, &id)).collect();
    if let Some(other) = found.iter().find(|path| !holds_peer(path)) {
        return Err(no_peer(other));
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let places: Vec<String> = data_dirs.iter().map(|dir| directory_of(dir, &id).display().to_string()).collect();
    let places = places.join(", ");
    if peer.is_dir() {
        return Err(format!("there is no {places}; for the directory {0} write ./{0}", peer.display()));
    }
    Err(format!("there is no {places}; give --data-dir the directory that holds {}", peer.display()))
}
