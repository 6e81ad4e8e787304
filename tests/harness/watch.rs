//! Watches the CSV files of a running peer grow, and looks at what is on the disk of one that ended.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::recorder::Scribe;
use super::Peer;

/// How far each file was read. It stays open: another file cannot be taken for it meanwhile.
#[derive(Default)]
pub(crate) struct Watch {
    files: BTreeMap<OsString, (File, u64)>,
}

impl Watch {
    /// Writes down which rows came since the last look. A file that was replaced is read from its begin.
    pub(crate) fn look(&mut self, peer: &Peer, scribe: &Scribe) {
        // Before its first view, rows of an earlier life may be where its own will be.
        if peer.last_view().is_none() {
            return;
        }
        let Ok(entries) = fs::read_dir(&peer.data) else { return };
        let paths = entries.map_while(Result::ok).map(|entry| entry.path());
        for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "csv")) {
            let name = path.file_name().expect("a file").to_owned();
            let known = self.files.remove(&name);
            // One that was just replaced or removed is looked at the next time.
            let Ok(is) = fs::metadata(&path) else { continue };
            let again = known.filter(|(file, read)| is_same(file, &is) && is.len() >= *read);
            let Some((mut file, read)) = again.or_else(|| File::open(&path).ok().map(|file| (file, 0))) else {
                continue;
            };
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(read)).expect("a file");
            file.read_to_end(&mut bytes).expect("readable");
            // A row that is just being written has no LF.
            bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
            let text = String::from_utf8_lossy(&bytes);
            let rows = if read == 0 { text.split_once('\n').map_or("", |(_, rows)| rows) } else { &text };
            if !rows.is_empty() {
                scribe.look(&name.to_string_lossy(), read == 0, rows);
            }
            self.files.insert(name, (file, read + bytes.len() as u64));
        }
    }
}

/// The readings in the log of a peer that ended, and among those that wait there, as lines. What follows the last head in a file
/// may be torn, and is left out.
pub(crate) fn stored(data: &Path) -> Vec<String> {
    let segments = fs::read_dir(data.join("journal")).into_iter().flatten().map_while(Result::ok);
    let segments = segments.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|name| name == "log"));
    let mut readings = Vec::new();
    for path in segments.chain([data.join("pending")]) {
        // A peer has none of them before its first reading.
        let text = fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let is_head = |line: &str| line.starts_with("BATCH:") || line.starts_with("PENDING:");
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().rposition(|line| is_head(line)).unwrap_or(0);
        readings.extend(lines[..last].iter().filter(|line| line.starts_with("DATA|")).map(|line| (*line).to_owned()));
    }
    readings
}

#[cfg(unix)]
fn is_same(file: &File, now: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    file.metadata().is_ok_and(|was| (was.dev(), was.ino()) == (now.dev(), now.ino()))
}

/// Each file is read as a whole.
#[cfg(not(unix))]
fn is_same(_: &File, _: &Metadata) -> bool {
    false
}
