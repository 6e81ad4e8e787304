//! Devices as trees of files, made for each test.

mod kinds;

use std::fs;
use std::os::unix::fs::symlink;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::config::Choice;

/// A sysfs of its own, gone with the test.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// One with files in one directory.
    fn with(files: &[(&str, &str)]) -> Self {
        let tree = Self::new();
        for (file, text) in files {
            tree.write(file, text);
        }
        tree
    }

    /// A device of a bus: its directory is where it is connected, and a link below the bus leads there.
    fn connect(&self, bus: &str, entry: &str, path: &str, files: &[(&str, &str)]) {
        let directory = self.0.path().join("devices").join(path).join(entry);
        fs::create_dir_all(&directory).unwrap();
        fs::create_dir_all(self.0.path().join(bus)).unwrap();
        symlink(&directory, self.0.path().join(bus).join(entry)).unwrap();
        for (file, text) in files {
            fs::write(directory.join(file), text).unwrap();
        }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.path().join(file), text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.0.path().join(file)).unwrap();
    }

    fn open(&self, bus: Bus, choice: Choice) -> Result<Device, SensorError> {
        let clock = Clock::new(|| "2024-05-01T12:00:00Z".parse::<Timestamp>().unwrap());
        let place = Place { sysfs: self.0.path().to_owned(), bus, choice };
        Device::open(place, "bme".parse().unwrap(), Duration::from_secs(15), clock, Arc::default())
    }

    /// The industrial-I/O device whose files are the tree's own.
    fn iio(&self) -> Device {
        self.open(Bus::Iio, Choice::Directory(self.0.path().to_owned())).unwrap()
    }
}

const ALL: [(&str, &str); 3] =
    [("in_temp_input", "21437\n"), ("in_humidityrelative_input", "45123\n"), ("in_pressure_input", "100.234500000\n")];

/// The values of the next reading; `None` where it is skipped.
fn values(device: &mut Device) -> Option<String> {
    for _ in 0..ATTEMPTS_MAX {
        match device.take(1) {
            Taken::Readings(lines) => {
                let line = String::from_utf8(lines.as_bytes().to_vec()).unwrap();
                let values = line.strip_prefix("DATA|bme|2024-05-01T12:00:00.000Z|").unwrap();
                return Some(values.trim_end().to_owned());
            }
            Taken::Nothing => return None,
            Taken::Again => {}
            Taken::End => panic!("a device does not end"),
        }
    }
    panic!("asked too often");
}

fn troubles(device: &Device) -> Vec<String> {
    let channels = device.channels.iter().flatten();
    channels.filter_map(|channel| channel.trouble().map(ToString::to_string)).collect()
}

#[test]
fn a_bme280_is_read_in_the_units_of_readings() {
    let tree = Tree::with(&ALL);
    let mut device = tree.iio();
    assert_eq!(values(&mut device).as_deref(), Some("21.437|45.123|1002.345"));
    assert_eq!((device.readings(), device.interval()), (1, Some(Duration::from_secs(15))));
    assert_eq!(device.describe(), format!("iio:{}", tree.0.path().display()));
    tree.write("in_temp_input", "-1500\n");
    assert_eq!(values(&mut device).as_deref(), Some("-1.500|45.123|1002.345"));
}

#[test]
fn raw_values_are_converted_by_offset_and_scale() {
    // As the drivers si7020 and hts221 show them.
    let tree = Tree::with(&[
        ("in_temp_raw", "6204\n"),
        ("in_temp_offset", "-4368\n"),
        ("in_temp_scale", "10.725097656\n"),
        ("in_humidityrelative_raw", "-7300\n"),
        ("in_humidityrelative_offset", "7971.0000\n"),
        ("in_humidityrelative_scale", "62.500000000\n"),
        ("in_pressure_raw", "4104567\n"),
        ("in_pressure_scale", "0.000024414\n"),
    ]);
    let mut device = tree.iio();
    assert_eq!(values(&mut device).as_deref(), Some("19.691|41.938|1002.089"));
    tree.remove("in_temp_scale");
    tree.write("in_humidityrelative_scale", "0\n");
    tree.write("in_pressure_raw", "busy\n");
    assert_eq!(values(&mut device), None);
    let troubles = troubles(&device);
    assert!(troubles[0].starts_with("cannot be read: in_temp_scale: No such file"), "{troubles:?}");
    assert_eq!(troubles[1], "holds '(-7300 + 7971.0000) * 0', which is no number");
    assert_eq!(troubles[2], "holds 'busy', which is no number");
}

#[test]
fn converted_values_are_taken_before_raw_ones_and_raw_ones_need_a_scale() {
    let tree = Tree::with(&[ALL[0], ("in_temp_raw", "1"), ("in_temp_scale", "1"), ("in_pressure_raw", "1")]);
    assert_eq!(values(&mut tree.iio()).as_deref(), Some("21.437||"));
}

#[test]
fn what_the_device_does_not_measure_stays_empty() {
    let tree = Tree::with(&[ALL[0]]);
    let mut device = tree.iio();
    assert_eq!(values(&mut device).as_deref(), Some("21.437||"));
    tree.write("in_pressure_input", "100.0\n");
    assert_eq!(values(&mut device).as_deref(), Some("21.437||"));
    assert_eq!(troubles(&device), Vec::<String>::new());
}

#[test]
fn a_device_that_measures_nothing_is_refused_with_what_is_needed() {
    let tree = Tree::with(&[("in_temp_raw", "519888\n")]);
    let error = tree.open(Bus::Iio, Choice::Directory(tree.0.path().to_owned())).unwrap_err();
    assert!(matches!(error, SensorError::Measures { .. }));
    for part in ["in_temp_input", "in_humidityrelative_input", "in_pressure_input", "in_*_raw with their in_*_scale"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = tree.open(Bus::Iio, Choice::Directory(tree.0.path().join("absent"))).unwrap_err().to_string();
    assert!(error.contains("absent: No such file or directory") && !error.contains('\n'), "{error}");
}

#[test]
fn a_value_that_cannot_be_read_is_empty_and_never_the_old_one() {
    let tree = Tree::with(&ALL);
    let mut device = tree.iio();
    values(&mut device);
    tree.remove("in_temp_input");
    tree.write("in_pressure_input", "\n");
    assert_eq!(values(&mut device).as_deref(), Some("|45.123|"));
    let troubles_then = troubles(&device);
    assert!(troubles_then[0].starts_with("cannot be read: No such file"), "{troubles_then:?}");
    assert_eq!(troubles_then[1], "holds '', which is no number");
    tree.write("in_temp_input", "20000\n");
    assert_eq!(values(&mut device).as_deref(), Some("20.000|45.123|"));
    assert_eq!(troubles(&device).len(), 1);
}

#[test]
fn a_value_that_is_missing_is_asked_for_again_and_those_at_hand_are_not() {
    let tree = Tree::with(&ALL);
    let mut device = tree.iio();
    tree.write("in_temp_input", "");
    assert_eq!((device.take(1), device.take(1)), (Taken::Again, Taken::Again));
    tree.write("in_temp_input", "20000");
    tree.write("in_pressure_input", "101");
    assert_eq!(values(&mut device).as_deref(), Some("20.000|45.123|1002.345"));
    assert_eq!(values(&mut device).as_deref(), Some("20.000|45.123|1010.000"));
    assert_eq!(device.complaints.heard(), [], "it came within the interval");
    tree.write("in_temp_input", "");
    let taken: Vec<_> = (0..ATTEMPTS_MAX).map(|_| device.take(1)).collect();
    assert!(
        taken[..3].iter().all(|taken| *taken == Taken::Again) && matches!(taken[3], Taken::Readings(_)),
        "{taken:?}"
    );
    assert_eq!(device.complaints.heard().len(), 1);
}

#[test]
fn when_nothing_can_be_read_the_reading_is_skipped_until_something_can() {
    let tree = Tree::with(&[ALL[0]]);
    let mut device = tree.iio();
    tree.remove("in_temp_input");
    assert_eq!((values(&mut device), values(&mut device)), (None, None));
    let heard = device.complaints.heard();
    assert!(
        heard.iter().all(|(_, kind, _)| kind.event == SILENT) && heard.len() == 2,
        "one line a reading at most: {heard:?}"
    );
    assert_eq!(device.readings(), 0);
    tree.write("in_temp_input", "20000\n");
    assert_eq!(values(&mut device).as_deref(), Some("20.000||"));
}

#[test]
fn values_in_other_units_are_refused_with_what_was_expected() {
    for (file, text, expected) in [
        ("in_temp_input", "294587", "holds 294587, thousandths of °C expected, which would be 294.587 °C"),
        ("in_temp_input", "-61000", "holds -61000, thousandths of °C expected, which would be -61.000 °C"),
        ("in_humidityrelative_input", "110001", "which would be 110.001 %"),
        ("in_humidityrelative_input", "-1", "which would be -0.001 %"),
        ("in_pressure_input", "100234.5", "holds 100234.5, kPa expected, which would be 1002345.000 hPa"),
        ("in_pressure_input", "1002.345", "which would be 10023.450 hPa"),
        ("in_pressure_input", "1.002345", "which would be 10.023 hPa"),
    ] {
        let tree = Tree::with(&ALL);
        let mut device = tree.iio();
        tree.write(file, text);
        let reading = values(&mut device).unwrap();
        assert_eq!(reading.split('|').filter(|value| value.is_empty()).count(), 1, "{reading}");
        assert!(troubles(&device)[0].contains(expected), "{:?}", troubles(&device));
        tree.write(file, ALL.iter().find(|(name, _)| *name == file).unwrap().1);
        assert_eq!(values(&mut device).as_deref(), Some("21.437|45.123|1002.345"));
        assert_eq!(troubles(&device), Vec::<String>::new());
    }
}

#[test]
fn a_value_that_may_be_a_thousand_times_too_small_is_taken_once_the_file_has_shown_its_unit() {
    let tree = Tree::with(&[("in_temp_input", "21.437\n"), ("in_humidityrelative_input", "100400\n")]);
    let mut device = tree.iio();
    assert_eq!(values(&mut device).as_deref(), Some("|100.400|"));
    let expected =
        "holds 21.437, thousandths of °C expected, which would be 0.021 °C; taken once a value shows that it is \
                    not in whole °C";
    assert_eq!(troubles(&device), [expected]);
    tree.write("in_temp_input", "0");
    assert_eq!(values(&mut device).as_deref(), Some("0.000|100.400|"), "it is the same in every unit");
    for (text, value) in [("21", ""), ("-562", "-0.562"), ("62", "0.062"), ("-0.5", "-0.001")] {
        tree.write("in_temp_input", text);
        assert_eq!(values(&mut device), Some(format!("{value}|100.400|")), "{text}");
    }
}

#[test]
fn trouble_is_told_again_only_when_its_kind_changes() {
    let implausible = |text: &str| Trouble::Implausible(text.to_owned());
    assert_eq!(implausible("1").kind(), implausible("2").kind());
    assert_ne!(implausible("1").kind(), Trouble::NoNumber("x".to_owned()).kind());
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let tree = Tree::with(&ALL);
    let mut device = tree.iio();
    tree.write("in_temp_input", &"1".repeat(100_000));
    assert_eq!(values(&mut device).as_deref(), Some("|45.123|1002.345"));
}

#[test]
fn without_room_nothing_is_read() {
    let tree = Tree::with(&ALL);
    let mut device = tree.iio();
    assert_eq!((device.take(0), device.readings()), (Taken::Nothing, 0));
}
