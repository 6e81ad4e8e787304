//! What is found as one JSON object on one line, for programs: `verdict` and `status` first, then the peers.

use super::check::Checked;
use super::digest::hex;
use super::disagreements::Disagreement;
use super::report::LINES_MAX;
use super::{Asked, Examined, Verdict};
use crate::json::{array, quoted, Object};
use crate::selection::Selection;

/// The whole text, without a line end.
pub(super) fn text(asked: &Asked, selection: &Selection, peers: &[Examined], verdict: Verdict) -> String {
    let mut object = Object::new();
    object.text("verdict", verdict.name());
    object.raw("status", &verdict.status().to_string());
    object.raw("up_to", &asked.up_to.map_or_else(|| "null".to_owned(), |up_to| up_to.to_string()));
    let paths = selection.targets.iter().map(|target| target.path.to_string_lossy());
    let peers = peers.iter().zip(paths).map(|(peer, path)| one(peer, &path));
    object.raw("peers", &array(peers));
    object.raw("notes", &array(selection.notes.iter().map(|note| quoted(note))));
    object.raw("errors", &array(selection.missing.iter().map(|why| quoted(why))));
    object.end()
}

fn one(peer: &Examined, path: &str) -> String {
    let mut object = Object::new();
    object.text("peer", &peer.label);
    object.text("path", path);
    let checked = match &peer.found {
        Ok(checked) => checked,
        Err(why) => {
            object.text("error", why);
            return object.end();
        }
    };
    let Checked { runs, rows, base, holds, last, digest, disagreements, notes, inspection, .. } = checked;
    object.raw("running", &runs.to_string());
    object.raw("rows", &rows.to_string());
    object.raw("sensors", &inspection.sensors().len().to_string());
    object.raw("base", &base.to_string());
    object.raw("holds", &holds.to_string());
    object.raw("last", &last.to_string());
    object.text("sha256", &hex(digest));
    object.raw("behind", &disagreements.only_behind().to_string());
    object.raw("torn", &disagreements.only_torn().to_string());
    object.raw("disagreements", &disagreements.count().to_string());
    object.raw("first", &array(disagreements.first(LINES_MAX).into_iter().map(disagreement)));
    object.raw("notes", &array(notes.iter().map(|note| quoted(note))));
    object.end()
}

fn disagreement(disagreement: &Disagreement) -> String {
    let mut object = Object::new();
    object.text("file", &disagreement.file);
    object.raw("from", &disagreement.first.to_string());
    object.raw("to", &disagreement.last.to_string());
    object.text("what", &disagreement.what);
    object.end()
}
