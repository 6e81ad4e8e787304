//! The names of the journal's files. A segment is in the file of its first sequence: plain in `<20 digits>.log`, packed
//! in `<20 digits>.pack`. What is written beside to take the place of either ends in `.tmp` until it does.

use super::DIR;
use crate::ids::Sequence;

const PLAIN: &str = ".log";
const PACKED: &str = ".pack";

/// The suffix of a file that is to take the place of another.
const UNFINISHED: &str = ".tmp";

/// The path of a plain segment.
pub(in crate::storage) fn plain_path(first: Sequence) -> String {
    format!("{DIR}/{first:020}{PLAIN}")
}

/// The path of a packed segment.
pub(in crate::storage) fn packed_path(first: Sequence) -> String {
    format!("{DIR}/{first:020}{PACKED}")
}

/// The path of the file that is to take the place of this one.
pub(super) fn unfinished_path(path: &str) -> String {
    format!("{path}{UNFINISHED}")
}

/// Whether this is the name of a file that was to take the place of a segment.
pub(in crate::storage) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED).is_some_and(|name| parse_segment_name(name).is_some())
}

/// Whether this is the name of a packed segment.
pub(super) fn is_packed(name: &str) -> bool {
    name.strip_suffix(PACKED).is_some() && parse_segment_name(name).is_some()
}

/// Reads the name of a segment's file.
pub(in crate::storage) fn parse_segment_name(name: &str) -> Option<Sequence> {
    let digits = name.strip_suffix(PLAIN).or_else(|| name.strip_suffix(PACKED))?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// The first sequences of the segments that have a file among these, sorted as the names are.
pub(in crate::storage) fn segments_of(names: &[String]) -> Vec<Sequence> {
    let mut firsts: Vec<Sequence> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    // For a moment, and after a crash, a segment is there in both forms.
    firsts.dedup();
    firsts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_take_the_place_of_a_segment_is_known_by_its_name_and_is_none() {
        for path in [plain_path(1), packed_path(1_000_000)] {
            let of = |path: &str| path.strip_prefix(DIR).and_then(|name| name.strip_prefix('/')).map(str::to_owned);
            let (name, unfinished) = (of(&path).unwrap(), of(&unfinished_path(&path)).unwrap());
            assert_eq!((is_unfinished(&name), is_unfinished(&unfinished)), (false, true), "{unfinished}");
            assert!(parse_segment_name(&name).is_some() && parse_segment_name(&unfinished).is_none());
        }
    }
}
