//! The names of ids on a disk, by one rule on every system. Every file system takes an id as a name, with three
//! exceptions. Many take `Temp` and `temp` for the same name. Windows keeps some names for its devices, whatever
//! follows after a dot. And it drops dots at the end. So the name of an id is
//!
//! - the id, as it is written;
//! - then, where it holds capitals or ends with a dot, `+` and a hexadecimal number that says which characters are
//!   capitals: the lowest bit is for the first;
//! - and before it a `+`, where it is a device's name, or begins with one and a dot.
//!
//! `roof-2` is `roof-2`, `Temp` is `Temp+1`, `EWR` is `EWR+7`, `com1.txt` is `+com1.txt`. No id holds `+`, so the id can be read
//! off its name; and ids that differ have names that differ even where case does not count.
//!
//! A sensor's file is named by its id and ends in `.csv`. One with the rows of a month has the number in any case, and the
//! month after it: `roof-2+0.2026-11.csv`, `Temp+1.2026-11.csv`. No other name goes on with a dot after the number.

use crate::ids::{check_name, SensorId, NAME_BYTES_MAX};
use crate::reading::Month;

/// A character that no id holds.
const MARK: char = '+';

/// The ending of a sensor's file.
const CSV: &str = ".csv";

/// Names of devices; and those that are followed by a digit.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
const PORTS: [&str; 2] = ["com", "lpt"];

// Each character has its bit.
const _: () = assert!(NAME_BYTES_MAX <= u64::BITS as usize);

/// The name of an id.
pub(super) fn name_of(id: &str) -> String {
    if capitals(id) > 0 || id.ends_with('.') {
        numbered(id)
    } else {
        format!("{}{id}", before(id))
    }
}

/// The name of an id, with its number in any case.
fn numbered(id: &str) -> String {
    format!("{}{id}{MARK}{:x}", before(id), capitals(id))
}

fn before(id: &str) -> &'static str {
    if is_device(id) {
        "+"
    } else {
        ""
    }
}

/// Which characters are capitals.
fn capitals(id: &str) -> u64 {
    id.bytes().rev().fold(0, |bits, byte| bits << 1 | u64::from(byte.is_ascii_uppercase()))
}

/// The id that has this name.
#[must_use]
pub fn id_of(name: &str) -> Option<&str> {
    let id = id_within(name);
    (check_name(id.as_bytes()).is_ok() && name_of(id) == name).then_some(id)
}

/// What is left without a mark at the beginning and all from the next mark on.
fn id_within(name: &str) -> &str {
    let rest = name.strip_prefix(MARK).unwrap_or(name);
    rest.split_once(MARK).map_or(rest, |(id, _)| id)
}

/// Which rows a CSV file holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CsvName {
    pub sensor: SensorId,
    /// `None`: those of all months.
    pub month: Option<Month>,
}

impl CsvName {
    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> String {
        match self.month {
            Some(month) => format!("{}.{month}{CSV}", numbered(self.sensor.as_str())),
            None => csv_name(self.sensor.as_str()),
        }
    }

    /// Reads the name of a file.
    #[must_use]
    pub fn parse(file: &str) -> Option<Self> {
        let stem = file.strip_suffix(CSV)?;
        let month = stem.rsplit_once('.').and_then(|(_, month)| Month::parse(month.as_bytes()));
        let of = |month| Some(Self { sensor: id_within(stem).parse().ok()?, month });
        // An id may end as a month does.
        [of(month), of(None)].into_iter().flatten().find(|name| name.file() == file)
    }
}

/// The name of a sensor's file, where it has one for all months.
#[must_use]
pub fn csv_name(sensor: &str) -> String {
    name_of(sensor) + CSV
}

/// The sensor whose file, or one of its files, has this name.
pub(super) fn sensor_of(file: &str) -> Option<SensorId> {
    CsvName::parse(file).map(|name| name.sensor)
}

/// The sensor whose file had this name when names were just the ids, and has another name now.
pub(super) fn sensor_of_earlier(file: &str) -> Option<SensorId> {
    file.strip_suffix(CSV)?.parse().ok().filter(|sensor: &SensorId| csv_name(sensor.as_str()) != file)
}

/// Which rows files with these sorted names hold. An earlier name counts where there is no file with the present one.
pub(super) fn csv_names_of<S: AsRef<str>>(names: &[S]) -> Vec<Option<CsvName>> {
    let is_there = |name: &str| names.binary_search_by(|there| there.as_ref().cmp(name)).is_ok();
    let earlier = |name: &str| sensor_of_earlier(name).filter(|sensor| !is_there(&csv_name(sensor.as_str())));
    let earlier = |name: &str| earlier(name).map(|sensor| CsvName { sensor, month: None });
    names.iter().map(|name| CsvName::parse(name.as_ref()).or_else(|| earlier(name.as_ref()))).collect()
}

/// Whether Windows would take this for a device.
fn is_device(id: &str) -> bool {
    let base = id.split_once('.').map_or(id, |(base, _)| base).to_ascii_lowercase();
    let is_port = |port| base.strip_prefix(port).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
    DEVICES.contains(&base.as_str()) || PORTS.into_iter().any(is_port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::disk::folding;

    /// The longest name that eCryptfs takes, the shortest limit of all file systems in use.
    const BYTES_MAX: usize = 143;

    /// Ordinary ids, and ids close to what is not allowed, or to a month.
    fn ids() -> impl Strategy<Value = String> {
        let near = "(?i)(con|prn|aux|nul|com[0-9]{0,2}|lpt[0-9]?|a|ab)([.][a-b.]{0,2})?([.]2026-1[12])?";
        prop_oneof![2 => "[A-Za-z0-9][A-Za-z0-9._-]{0,63}", 1 => near.prop_map(|text: String| text)]
    }

    fn month() -> impl Strategy<Value = Option<Month>> {
        let text = prop::option::of("(2026-1[12]|[0-9]{4}-0[1-9])");
        text.prop_map(|text| text.map(|text: String| Month::parse(text.as_bytes()).unwrap()))
    }

    #[test]
    fn ordinary_ids_are_names_and_others_are_still_read_in_theirs() {
        for id in
            ["roof-2", "a", "0", "x_y.z", "com", "com10", "console", "a.con", "018f3c2e-9a4b-4c3d-8e5f-0123456789ab"]
        {
            assert_eq!(name_of(id), id);
        }
        for (id, name) in [
            ("Temp", "Temp+1"),
            ("EWR", "EWR+7"),
            ("tempOut", "tempOut+10"),
            ("aB.c", "aB.c+2"),
            ("con", "+con"),
            ("CON", "+CON+7"),
            ("com1.txt", "+com1.txt"),
            ("lpt0.", "+lpt0.+0"),
            ("lab.", "lab.+0"),
            ("Lab.", "Lab.+1"),
        ] {
            assert_eq!(name_of(id), name);
            assert_eq!(id_of(name), Some(id));
            assert_eq!(sensor_of(&csv_name(id)).unwrap().as_str(), id);
        }
    }

    #[test]
    fn a_month_stands_after_the_number_of_an_id() {
        for (id, file) in [
            ("roof", "roof+0.2026-11.csv"),
            ("Temp", "Temp+1.2026-11.csv"),
            ("roof.2026-11", "roof.2026-11+0.2026-11.csv"),
            ("lab.", "lab.+0.2026-11.csv"),
            ("con", "+con+0.2026-11.csv"),
            ("con.", "+con.+0.2026-11.csv"),
            ("COM1.txt", "+COM1.txt+7.2026-11.csv"),
        ] {
            let name = CsvName { sensor: id.parse().unwrap(), month: Month::parse(b"2026-11") };
            assert_eq!(name.file(), file);
            assert_eq!(CsvName::parse(file), Some(name));
        }
        let id = CsvName::parse("roof.2026-11.csv").unwrap();
        assert_eq!((id.sensor.as_str(), id.month), ("roof.2026-11", None));
        for file in
            ["roof+0.csv", "roof+1.2026-11.csv", "roof+0.2026-13.csv", "Temp+0.2026-11.csv", "+roof+0.2026-11.csv"]
        {
            assert_eq!(CsvName::parse(file), None, "{file}");
        }
    }

    #[test]
    fn what_the_rule_does_not_make_is_no_name() {
        for name in
            ["", "+", "Temp", "Temp+0", "temp+1", "Temp+01", "Temp+1+", "EWR+F", "lost+found", "+a", "con", "lab."]
        {
            assert_eq!(id_of(name), None, "{name}");
        }
        assert_eq!(id_of(&"Z".repeat(65)), None);
        assert_eq!((sensor_of("Temp+1"), sensor_of_earlier("temp.csv")), (None, None));
        assert_eq!(sensor_of_earlier("Temp.csv").unwrap().as_str(), "Temp");
    }

    #[test]
    fn the_longest_id_leaves_room_for_all_that_follows_names() {
        let id = format!("CON.{}", "Z".repeat(60));
        let name = csv_name(&id);
        assert_eq!(name, format!("+{id}+fffffffffffffff7.csv"));
        assert!(format!("{name}.{}.damaged", u64::MAX).len() <= BYTES_MAX);
        assert!(format!(".{}.previous.part", name_of(&id)).len() <= BYTES_MAX);
        let month = CsvName { sensor: id.parse().unwrap(), month: Month::parse(b"2026-11") }.file();
        assert_eq!(month, format!("+{id}+fffffffffffffff7.2026-11.csv"));
        assert!(format!("{month}.{}.damaged", u64::MAX).len() <= BYTES_MAX);
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_and_is_no_other_ids_and_no_devices(one in ids(), other in ids()) {
            let name = name_of(&one);
            prop_assert_eq!(id_of(&name), Some(&one[..]));
            prop_assert!(!folding::is_device(&name) && !folding::is_device(&csv_name(&one)), "{}", name);
            prop_assert!(!name.ends_with('.') && csv_name(&one).len() <= BYTES_MAX);
            prop_assert_eq!(one == other, name.eq_ignore_ascii_case(&name_of(&other)));
            // Nor is it the earlier name of another id.
            prop_assert!(one == other || name != other);
        }

        #[test]
        fn a_file_is_named_by_one_sensor_and_month_and_by_no_others(
            one in (ids(), month()), other in (ids(), month()), flips in any::<u64>(),
        ) {
            let name = |(id, month): &(String, Option<Month>)| CsvName { sensor: id.parse().unwrap(), month: *month };
            let file = name(&one).file();
            prop_assert_eq!(CsvName::parse(&file), Some(name(&one)));
            prop_assert!(!folding::is_device(&file) && file.len() <= BYTES_MAX, "{}", file);
            let flipped = (flip(&one.0, flips), one.1);
            for other in [other, flipped] {
                prop_assert_eq!(one == other, file.eq_ignore_ascii_case(&name(&other).file()));
                // Nor is it the earlier name of another id.
                let earlier = format!("{}.csv", other.0);
                prop_assert!(one.0 == other.0 || file != earlier);
            }
        }

        #[test]
        fn a_file_name_that_is_read_is_the_one_that_the_rule_makes(
            file in "[+]?[A-Ca-c.]{1,4}([+][0-9a-f]{0,3})?([.](2026-1[0-3]|2026))?[.]csv",
        ) {
            if let Some(name) = CsvName::parse(&file) {
                prop_assert_eq!(name.file(), file);
            }
        }

        #[test]
        fn ids_that_differ_by_case_alone_have_names_that_differ_by_more(id in ids(), flips in any::<u64>()) {
            let other = flip(&id, flips);
            prop_assert_eq!(id == other, name_of(&id).eq_ignore_ascii_case(&name_of(&other)));
        }

        #[test]
        fn a_name_that_is_read_is_the_one_that_the_rule_makes(name in "[+]?[A-Za-z0-9.]{1,8}([+][0-9a-f]{0,3})?") {
            if let Some(id) = id_of(&name) {
                prop_assert_eq!(name_of(id), name);
            }
        }
    }

    /// The same id with other cases.
    fn flip(id: &str, flips: u64) -> String {
        id.chars().enumerate().map(|(at, c)| if flips >> at & 1 == 1 { flipped(c) } else { c }).collect()
    }

    fn flipped(c: char) -> char {
        if c.is_ascii_uppercase() {
            c.to_ascii_lowercase()
        } else {
            c.to_ascii_uppercase()
        }
    }
}
