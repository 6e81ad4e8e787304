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

use crate::ids::{check_name, SensorId, NAME_BYTES_MAX};

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
    let before = if is_device(id) { "+" } else { "" };
    let capitals = id.bytes().rev().fold(0_u64, |bits, byte| bits << 1 | u64::from(byte.is_ascii_uppercase()));
    if capitals > 0 || id.ends_with('.') {
        format!("{before}{id}{MARK}{capitals:x}")
    } else {
        format!("{before}{id}")
    }
}

/// The id that has this name.
#[must_use]
pub fn id_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(MARK).unwrap_or(name);
    let id = rest.split_once(MARK).map_or(rest, |(id, _)| id);
    (check_name(id.as_bytes()).is_ok() && name_of(id) == name).then_some(id)
}

/// The name of a sensor's file.
#[must_use]
pub fn csv_name(sensor: &str) -> String {
    name_of(sensor) + CSV
}

/// The sensor whose file has this name.
pub(super) fn sensor_of(file: &str) -> Option<SensorId> {
    id_of(file.strip_suffix(CSV)?)?.parse().ok()
}

/// The sensor whose file had this name when names were just the ids, and has another name now.
pub(super) fn sensor_of_earlier(file: &str) -> Option<SensorId> {
    file.strip_suffix(CSV)?.parse().ok().filter(|sensor: &SensorId| csv_name(sensor.as_str()) != file)
}

/// The sensors of files with these sorted names. An earlier name counts where there is no file with the present one.
pub(super) fn sensors_of<S: AsRef<str>>(names: &[S]) -> Vec<Option<SensorId>> {
    let is_there = |name: &str| names.binary_search_by(|there| there.as_ref().cmp(name)).is_ok();
    let earlier = |name: &str| sensor_of_earlier(name).filter(|sensor| !is_there(&csv_name(sensor.as_str())));
    names.iter().map(|name| sensor_of(name.as_ref()).or_else(|| earlier(name.as_ref()))).collect()
}

/// Would Windows take this for a device?
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

    /// Ordinary ids, and ids close to what is not allowed.
    fn ids() -> impl Strategy<Value = String> {
        let near = "(?i)(con|prn|aux|nul|com[0-9]{0,2}|lpt[0-9]?|a|ab)([.][a-b.]{0,2})?";
        prop_oneof![2 => "[A-Za-z0-9][A-Za-z0-9._-]{0,63}", 1 => near.prop_map(|text: String| text)]
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
        fn ids_that_differ_by_case_alone_have_names_that_differ_by_more(id in ids(), flips in any::<u64>()) {
            let flip = |(at, c): (usize, char)| if flips >> at & 1 == 1 { flipped(c) } else { c };
            let other: String = id.chars().enumerate().map(flip).collect();
            prop_assert_eq!(id == other, name_of(&id).eq_ignore_ascii_case(&name_of(&other)));
        }

        #[test]
        fn a_name_that_is_read_is_the_one_that_the_rule_makes(name in "[+]?[A-Za-z0-9.]{1,8}([+][0-9a-f]{0,3})?") {
            if let Some(id) = id_of(&name) {
                prop_assert_eq!(name_of(id), name);
            }
        }
    }

    fn flipped(c: char) -> char {
        if c.is_ascii_uppercase() {
            c.to_ascii_lowercase()
        } else {
            c.to_ascii_uppercase()
        }
    }
}
