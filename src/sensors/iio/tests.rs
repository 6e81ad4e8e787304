//! Devices as trees of files, made for each test.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::*;

/// A directory of its own, gone with the test.
struct Device(PathBuf);

impl Device {
    fn new(files: &[(&str, &str)]) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("peer-iio-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let device = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&device.0).unwrap();
        for (file, text) in files {
            device.write(file, text);
        }
        device
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.0.join(file)).unwrap();
    }

    fn open(&self) -> Result<Iio, SensorError> {
        let clock = Clock::new(|| "2024-05-01T12:00:00Z".parse::<Timestamp>().unwrap());
        Iio::open(&self.0, "bme".parse().unwrap(), Duration::from_secs(15), clock, Arc::default())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // What is left in the temporary directory does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ALL: [(&str, &str); 3] =
    [("in_temp_input", "21437\n"), ("in_humidityrelative_input", "45123\n"), ("in_pressure_input", "100.234500000\n")];

/// The values of the next reading; `None` where it is skipped.
fn values(iio: &mut Iio) -> Option<String> {
    match iio.take(1) {
        Taken::Readings(lines) => {
            let line = String::from_utf8(lines.as_bytes().to_vec()).unwrap();
            let values = line.strip_prefix("DATA|bme|2024-05-01T12:00:00.000Z|").unwrap();
            Some(values.trim_end().to_owned())
        }
        Taken::Nothing => None,
        Taken::End => panic!("a device does not end"),
    }
}

fn troubles(iio: &Iio) -> Vec<String> {
    let channels = iio.channels.iter().flatten();
    channels.filter_map(|channel| channel.trouble.as_ref().map(ToString::to_string)).collect()
}

#[test]
fn a_bme280_is_read_in_the_units_of_readings() {
    let device = Device::new(&ALL);
    let mut iio = device.open().unwrap();
    assert_eq!(values(&mut iio).as_deref(), Some("21.437|45.123|1002.345"));
    assert_eq!((iio.readings(), iio.interval()), (1, Some(Duration::from_secs(15))));
    assert_eq!(iio.describe(), format!("iio:{}", device.0.display()));
}

#[test]
fn each_reading_is_read_from_the_device() {
    let device = Device::new(&ALL);
    let mut iio = device.open().unwrap();
    values(&mut iio);
    device.write("in_temp_input", "-1500\n");
    assert_eq!(values(&mut iio).as_deref(), Some("-1.500|45.123|1002.345"));
}

#[test]
fn what_the_device_does_not_measure_stays_empty() {
    let device = Device::new(&[ALL[0]]);
    let mut iio = device.open().unwrap();
    assert_eq!(values(&mut iio).as_deref(), Some("21.437||"));
    device.write("in_pressure_input", "100.0\n");
    assert_eq!(values(&mut iio).as_deref(), Some("21.437||"));
    assert_eq!(troubles(&iio), Vec::<String>::new());
}

#[test]
fn a_device_without_converted_values_is_refused_with_what_is_needed() {
    let device = Device::new(&[("in_temp_raw", "519888\n")]);
    let error = device.open().unwrap_err();
    assert!(matches!(error, SensorError::Measures { .. }));
    for part in ["in_temp_input", "in_humidityrelative_input", "in_pressure_input", "in_*_raw"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let clock = Clock::new(Timestamp::now);
    let absent =
        Iio::open(&device.0.join("absent"), "a".parse().unwrap(), Duration::from_secs(1), clock, Arc::default());
    let error = absent.unwrap_err().to_string();
    assert!(error.contains("absent: No such file or directory") && !error.contains('\n'), "{error}");
}

#[test]
fn a_value_that_cannot_be_read_is_empty_and_never_the_old_one() {
    let device = Device::new(&ALL);
    let mut iio = device.open().unwrap();
    values(&mut iio);
    device.remove("in_temp_input");
    device.write("in_pressure_input", "\n");
    assert_eq!(values(&mut iio).as_deref(), Some("|45.123|"));
    let troubles_then = troubles(&iio);
    assert!(troubles_then[0].starts_with("cannot be read: No such file"), "{troubles_then:?}");
    assert_eq!(troubles_then[1], "holds '', which is no number");
    device.write("in_temp_input", "20000\n");
    assert_eq!(values(&mut iio).as_deref(), Some("20.000|45.123|"));
    assert_eq!(troubles(&iio).len(), 1);
}

#[test]
fn when_nothing_can_be_read_the_reading_is_skipped_until_something_can() {
    let device = Device::new(&[ALL[0]]);
    let mut iio = device.open().unwrap();
    device.remove("in_temp_input");
    assert_eq!((values(&mut iio), values(&mut iio)), (None, None));
    let heard = iio.complaints.heard();
    assert!(
        heard.iter().all(|(_, kind, _)| kind.event == SILENT) && heard.len() == 2,
        "one line a reading at most: {heard:?}"
    );
    assert_eq!(iio.readings(), 0);
    device.write("in_temp_input", "20000\n");
    assert_eq!(values(&mut iio).as_deref(), Some("20.000||"));
}

#[test]
fn values_in_other_units_are_refused_with_what_was_expected() {
    for (file, text, expected) in [
        ("in_temp_input", "294587", "holds 294587, thousandths of °C expected, which would be 294.587 °C"),
        ("in_temp_input", "-61000", "holds -61000, thousandths of °C expected, which would be -61.000 °C"),
        ("in_humidityrelative_input", "100001", "which would be 100.001 %"),
        ("in_humidityrelative_input", "-1", "which would be -0.001 %"),
        ("in_pressure_input", "100234.5", "holds 100234.5, kPa expected, which would be 1002345.000 hPa"),
        ("in_pressure_input", "1002.345", "which would be 10023.450 hPa"),
        ("in_pressure_input", "1.002345", "which would be 10.023 hPa"),
    ] {
        let device = Device::new(&ALL);
        let mut iio = device.open().unwrap();
        device.write(file, text);
        let reading = values(&mut iio).unwrap();
        assert_eq!(reading.split('|').filter(|value| value.is_empty()).count(), 1, "{reading}");
        assert!(troubles(&iio)[0].contains(expected), "{:?}", troubles(&iio));
        device.write(file, ALL.iter().find(|(name, _)| *name == file).unwrap().1);
        assert_eq!(values(&mut iio).as_deref(), Some("21.437|45.123|1002.345"));
        assert_eq!(troubles(&iio), Vec::<String>::new());
    }
}

#[test]
fn the_bounds_of_the_plausible_are_plausible() {
    let device = Device::new(&ALL);
    let mut iio = device.open().unwrap();
    for (temperature, humidity, pressure, reading) in
        [("-60000", "0", "30", "-60.000|0.000|300.000"), ("100000", "100000", "120", "100.000|100.000|1200.000")]
    {
        device.write("in_temp_input", temperature);
        device.write("in_humidityrelative_input", humidity);
        device.write("in_pressure_input", pressure);
        assert_eq!(values(&mut iio).as_deref(), Some(reading));
    }
}

#[test]
fn trouble_is_told_again_only_when_its_kind_changes() {
    let implausible = |text: &str| Trouble::Implausible {
        text: text.to_owned(),
        expected: "kPa",
        value: text.to_owned(),
        unit: "hPa",
    };
    assert_eq!(implausible("1").kind(), implausible("2").kind());
    assert_ne!(implausible("1").kind(), Trouble::NoNumber("x".to_owned()).kind());
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let device = Device::new(&ALL);
    let mut iio = device.open().unwrap();
    device.write("in_temp_input", &"1".repeat(100_000));
    assert_eq!(values(&mut iio).as_deref(), Some("|45.123|1002.345"));
}

#[test]
fn without_room_nothing_is_read() {
    let device = Device::new(&ALL);
    let mut iio = device.open().unwrap();
    assert_eq!((iio.take(0), iio.readings()), (Taken::Nothing, 0));
}
