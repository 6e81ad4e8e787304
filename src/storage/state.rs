//! The file `state`: which peer this is, which life, and what it promised. A few lines of text, read strictly and
//! replaced whole.

pub(super) mod base;
pub(super) mod layout;

use self::layout::Layout;
use super::disk::{or_empty, ReadDisk};
use super::error::{damaged, failed, StorageError};
use super::file_names::CsvName;
use crate::ids::{parse_number, Incarnation, PeerId, Sequence, Term};

/// Name of the file.
pub(super) const PATH: &str = "state";

/// How the text of a directory begins that has, or may have, files of months, or a log that does not begin with 1: earlier
/// versions do not know those.
pub(super) const LATER: &str = "version:2\n";

/// What a text says after its version.
pub(super) fn facts(text: &[u8]) -> &[u8] {
    text.strip_prefix(LATER.as_bytes()).unwrap_or(text)
}

/// Longest file, in bytes: eleven lines, two terms of at most 106.
pub(super) const BYTES_MAX: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateFile {
    pub(super) id: PeerId,
    pub(super) incarnation: Incarnation,
    pub(super) promised: Option<Term>,
    pub(super) synced: Option<Term>,
    /// The sequence that the log has to reach, or it was damaged; [`NEEDS_ALL`](crate::ids::NEEDS_ALL) where it was.
    pub(super) needs: Sequence,
    /// `--quorum` of the life that wrote it.
    pub(super) quorum: Option<u32>,
    /// Which CSV files count. `None`: those of sensors, and there are no others.
    pub(super) rotate: Option<Layout>,
    /// The log lost its beginning, or says that it does.
    pub(super) shortened: bool,
}

impl StateFile {
    /// Of a life that has promised nothing yet, and begins with an empty log and a file for each sensor.
    pub(super) fn new(id: PeerId, incarnation: Incarnation, quorum: Option<u32>) -> Self {
        Self { id, incarnation, promised: None, synced: None, needs: 0, quorum, rotate: None, shortened: false }
    }

    /// The layout of the CSV files that count.
    pub(super) fn layout(&self) -> Layout {
        self.rotate.unwrap_or_default()
    }

    /// As it is where there are only files of this layout.
    pub(super) fn rotated(layout: Layout) -> Option<Layout> {
        Some(layout).filter(|layout| *layout == Layout::Month)
    }

    /// The text of the file.
    pub(super) fn to_text(&self) -> String {
        let term = |term: &Option<Term>| term.as_ref().map_or("-".to_owned(), Term::to_string);
        let Self { id, incarnation, promised, synced, needs, quorum, rotate, shortened } = self;
        let (promised, synced) = (term(promised), term(synced));
        let quorum = quorum.map_or_else(String::new, |quorum| format!("quorum:{quorum}\n"));
        let later = if rotate.is_some() || *shortened { LATER } else { "" };
        let rotate = match rotate {
            None => "",
            Some(Layout::Sensor) => "rotate:never\n",
            Some(Layout::Month) => "rotate:month\n",
        };
        let shortened = if *shortened { "shortened:yes\n" } else { "" };
        let text = format!(
            "{later}id:{id}\nincarnation:{incarnation}\npromised:{promised}\nsynced:{synced}\nneeds:{needs}\n{quorum}{rotate}{shortened}"
        );
        let crc = crc32fast::hash(text.as_bytes());
        format!("{text}crc:{crc:08x}\n")
    }

    /// Reads the text of the file. `None` if [`Self::to_text`] does not make exactly this text.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut lines = text.strip_prefix(LATER).unwrap_or(text).split('\n').peekable();
        // A line that is not there may be one that need not be.
        let mut field = |name: &str| {
            let value = lines.peek()?.strip_prefix(name)?.strip_prefix(':')?;
            lines.next();
            Some(value)
        };
        let layout = |text: &str| if text == "month" { Layout::Month } else { Layout::Sensor };
        let term = |text: &str| if text == "-" { Some(None) } else { text.parse().ok().map(Some) };
        let state = Self {
            id: field("id")?.parse().ok()?,
            incarnation: parse_number(field("incarnation")?)?,
            promised: term(field("promised")?)?,
            synced: term(field("synced")?)?,
            needs: parse_number(field("needs")?)?,
            // Only these may be missing.
            quorum: field("quorum").and_then(|text| text.parse().ok()),
            rotate: field("rotate").map(layout),
            shortened: field("shortened").is_some(),
        };
        // Everything is in canonical form, so the rest of the file, and its checksum, follow from the fields.
        (state.to_text() == text).then_some(state)
    }
}

/// The `state` in the directory of a peer, for others.
///
/// # Errors
/// The disk's; or where there is none, or a damaged one.
pub(super) fn read<D: ReadDisk>(disk: &D) -> Result<StateFile, StorageError> {
    let text = or_empty(disk.read(PATH, 0, BYTES_MAX + 1)).map_err(failed(disk, "read", PATH))?;
    let why = if text.is_empty() { "it is missing" } else { "its fields and checksum do not agree" };
    StateFile::parse(&text).ok_or_else(|| damaged(disk, PATH, why))
}

/// The layout of the CSV files that count, as `state` says; `None` where that cannot be read.
pub(super) fn layout_said<D: ReadDisk>(disk: &D) -> Option<Layout> {
    read(disk).ok().map(|state| state.layout())
}

/// The layout of the files that count among these.
pub(super) fn layout_counted<'a, D: ReadDisk>(disk: &D, names: impl IntoIterator<Item = &'a CsvName>) -> Layout {
    layout_said(disk).unwrap_or_else(|| Layout::guessed(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::ids::{INCARNATION_MAX, NUMBER_MAX};

    fn state() -> StateFile {
        StateFile {
            id: "p-1".parse().unwrap(),
            incarnation: 1_766_500_000_000,
            promised: Some("7@p-2/5".parse().unwrap()),
            synced: None,
            needs: 12,
            quorum: None,
            rotate: None,
            shortened: false,
        }
    }

    #[test]
    fn the_text_is_one_fact_a_line() {
        let text = state().to_text();
        let facts = "id:p-1\nincarnation:1766500000000\npromised:7@p-2/5\nsynced:-\nneeds:12\ncrc:";
        assert!(text.starts_with(facts), "{text}");
        assert_eq!(StateFile::parse(text.as_bytes()), Some(state()));
        let with = StateFile { quorum: Some(2), ..state() };
        assert!(with.to_text().contains("\nneeds:12\nquorum:2\ncrc:"));
        assert_eq!(StateFile::parse(with.to_text().as_bytes()), Some(with));
    }

    #[test]
    fn a_directory_that_may_have_files_of_months_is_of_version_2() {
        for (layout, word) in [(Layout::Sensor, "never"), (Layout::Month, "month")] {
            let rotated = StateFile { rotate: Some(layout), quorum: Some(2), ..state() };
            let text = rotated.to_text();
            assert!(text.starts_with("version:2\nid:p-1\n"), "{text}");
            assert!(text.contains(&format!("\nquorum:2\nrotate:{word}\ncrc:")), "{text}");
            assert_eq!((StateFile::parse(text.as_bytes()), rotated.layout()), (Some(rotated), layout));
        }
        assert_eq!(StateFile::rotated(Layout::Sensor), None, "so what is written is as it always was");
    }

    #[test]
    fn the_longest_text_fits_its_bound() {
        let name = "z".repeat(64);
        let term: Term = format!("{NUMBER_MAX}@{name}/{INCARNATION_MAX}").parse().unwrap();
        let state = StateFile {
            id: name.parse().unwrap(),
            incarnation: NUMBER_MAX,
            promised: Some(term.clone()),
            synced: Some(term),
            needs: NUMBER_MAX,
            quorum: Some(u32::MAX),
            rotate: Some(Layout::Month),
            shortened: true,
        };
        assert!(state.to_text().len() <= BYTES_MAX);
    }

    fn up_to(max: u64) -> impl Strategy<Value = u64> {
        prop_oneof![0..=2u64, max - 2..=max, 0..=max]
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[A-Za-z0-9]", "[A-Za-z0-9][A-Za-z0-9._-]{63}"]
    }

    fn term() -> impl Strategy<Value = Option<Term>> {
        let term = (up_to(NUMBER_MAX), name(), up_to(INCARNATION_MAX));
        prop::option::of(term.prop_map(|(counter, id, life)| format!("{counter}@{id}/{life}").parse().unwrap()))
    }

    proptest! {
        #[test]
        fn a_text_is_read_as_it_was_written(
            id in name(), incarnation in up_to(NUMBER_MAX), terms in (term(), term()), needs in up_to(NUMBER_MAX),
            quorum in prop::option::of(any::<u32>()),
            rotate in prop::sample::select(vec![None, Some(Layout::Sensor), Some(Layout::Month)]),
            shortened in any::<bool>(),
        ) {
            let (id, (promised, synced)) = (id.parse().unwrap(), terms);
            let state = StateFile { id, incarnation, promised, synced, needs, quorum, rotate, shortened };
            let text = state.to_text();
            prop_assert!(text.len() <= BYTES_MAX);
            prop_assert_eq!(StateFile::parse(text.as_bytes()), Some(state));
        }
    }

    #[test]
    fn a_text_with_any_byte_changed_missing_or_added_is_refused() {
        for (quorum, rotate, shortened) in [
            (None, None, false),
            (Some(3), None, true),
            (None, Some(Layout::Month), true),
            (Some(3), Some(Layout::Sensor), false),
        ] {
            let text = StateFile { quorum, rotate, shortened, ..state() }.to_text().into_bytes();
            for at in 0..text.len() {
                let mut changed = text.clone();
                changed[at] ^= 1;
                assert_eq!(StateFile::parse(&changed), None, "byte {at}");
                assert_eq!(StateFile::parse(&text[..at]), None, "first {at} bytes");
            }
            assert_eq!(StateFile::parse(&[&text[..], b"\n"].concat()), None);
        }
    }
}
