//! What people write after `--sensor`, and what it comes to.

use super::*;

fn iio(directory: &str) -> SensorSource {
    SensorSource::Device(Bus::Iio, Choice::Directory(directory.into()))
}

fn plain(source: SensorSource) -> Sensor {
    Sensor::plain(source)
}

#[test]
fn a_source_is_a_word_or_a_device_of_a_bus() {
    assert_eq!(sensor("none"), Ok(None));
    assert_eq!(sensor("mock"), Ok(Some(plain(SensorSource::Mock))));
    assert_eq!(sensor("stdin"), Ok(Some(plain(SensorSource::Stdin))));
    assert_eq!(sensor("iio:/a/iio:device0"), Ok(Some(plain(iio("/a/iio:device0")))));
    for bad in ["", "Mock", "stdin:", "bme280", "nan=1"] {
        assert_eq!(sensor(bad), Err(ValueError::Sensor), "{bad}");
    }
}

#[test]
fn a_device_is_named_by_directory_number_name_or_path() {
    for (text, choice) in [
        ("iio:./d", Choice::Directory("./d".into())),
        ("iio:/a,b=c", Choice::Directory("/a,b=c".into())),
        ("iio:0", Choice::Number(0)),
        ("iio:bme280", Choice::Name("bme280".into())),
        ("iio:name=bme*", Choice::Name("bme*".into())),
        ("iio:name=7", Choice::Name("7".into())),
        ("iio:99999999999", Choice::Name("99999999999".into())),
        ("iio:path=i2c-1/1-0076", Choice::Path("i2c-1/1-0076".into())),
    ] {
        let read = sensor(text).unwrap().unwrap();
        assert_eq!(read.source, SensorSource::Device(Bus::Iio, choice), "{text}");
        assert_eq!(sensor(&read.to_string()), Ok(Some(read)), "{text}");
    }
    let device = |text: &str| sensor(text).unwrap().unwrap().source;
    assert_eq!(device("hwmon:sht4x"), SensorSource::Device(Bus::Hwmon, Choice::Name("sht4x".into())));
    assert_eq!(device("w1:28-*"), SensorSource::Device(Bus::W1, Choice::Name("28-*".into())));
    for bad in ["iio", "iio:", "iio:name=", "iio:path=", "a=iio:"] {
        assert_eq!(sensor(bad), Err(ValueError::Choice("iio")), "{bad}");
    }
}

#[test]
fn what_is_said_of_a_source_is_before_it() {
    let said = |text: &str| {
        let Sensor { source, id, interval } = sensor(text).unwrap().unwrap();
        (source.to_string(), id.map(|id| id.to_string()), interval.map(|interval| interval.as_millis()))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(said("roof=mock"), ("mock".to_owned(), some("roof"), None));
    assert_eq!(said("roof@5s=iio:/d=e@f"), ("iio:/d=e@f".to_owned(), some("roof"), Some(5_000)));
    assert_eq!(said("@200ms=mock"), ("mock".to_owned(), None, Some(200)));
    assert_eq!(said("mock=stdin"), ("stdin".to_owned(), some("mock"), None));
    for (bad, why) in [
        ("roof=none", ValueError::SettingsOfNone),
        ("roof@=mock", ValueError::Duration),
        ("roof@0=mock", ValueError::Milliseconds),
        ("=mock", ValueError::Name(crate::ids::NameError::Empty)),
        ("a b=mock", ValueError::Name(crate::ids::NameError::Character)),
        ("roof=warm", ValueError::Sensor),
        ("roof=b=mock", ValueError::Sensor),
    ] {
        assert_eq!(sensor(bad), Err(why), "{bad}");
    }
}

#[test]
fn a_command_is_whatever_is_after_its_word() {
    for text in ["exec:rtl_433 -F json", "exec:a, b=c | d@e", "@5s=exec:echo iio:0", "exec: a"] {
        let read = sensor(text).unwrap().unwrap();
        assert_eq!(SensorSource::Exec(text.split_once("exec:").unwrap().1.to_owned()), read.source);
        assert_eq!(sensor(&read.to_string()), Ok(Some(read)));
    }
    for bad in ["exec", "exec:", "exec: ", "@1s=exec:"] {
        assert_eq!(sensor(bad), Err(ValueError::Command), "{bad}");
    }
    let Sensors(list) = sensors("exec:a -b c,d,exec:e,mock").unwrap();
    assert_eq!(list.len(), 3);
}

#[test]
fn a_file_is_named_by_its_path() {
    let read = sensor("@5s=file:/var/log/a,b=c").unwrap().unwrap();
    assert_eq!(read.source, SensorSource::File("/var/log/a,b=c".into()));
    assert_eq!(sensor(&read.to_string()), Ok(Some(read)));
    assert_eq!(sensor("file:"), Err(ValueError::File));
    assert_eq!(sensors("file:a,b,file:c").unwrap().0.len(), 2);
}

#[test]
fn a_comma_ends_a_source_where_another_one_begins() {
    let list = |text: &str| {
        let Sensors(list) = sensors(text).unwrap();
        list.iter().map(|sensor| sensor.as_ref().map_or("none".to_owned(), ToString::to_string)).collect::<Vec<_>>()
    };
    assert_eq!(list("mock,stdin,none"), ["mock", "stdin", "none"]);
    assert_eq!(list("iio:/a,b,a@1s=iio:/c,=d,@5s=mock"), ["iio:/a,b", "a@1000ms=iio:/c,=d", "@5000ms=mock"]);
    assert_eq!(list("iio:/a,mocking,stdin"), ["iio:/a,mocking", "stdin"]);
    for bad in ["mock,bogus", "", "mock,", ",mock"] {
        assert_eq!(sensors(bad), Err(ValueError::Sensor), "{bad}");
    }
}

#[test]
fn sensors_are_a_set_and_none_goes_with_no_other() {
    let both = || vec![plain(SensorSource::Stdin), plain(iio("/a"))];
    assert_eq!(chosen(vec![None]), Ok(vec![]));
    assert_eq!(chosen(vec![None, None]), Ok(vec![]));
    assert_eq!(chosen(both().into_iter().map(Some).collect()), Ok(both()));
    assert_eq!(chosen(vec![Some(plain(iio("/a"))), None]), Err(ConfigError::NoneAndMore(iio("/a"))));
    let twice = [SensorSource::Stdin, SensorSource::Mock, SensorSource::Stdin].map(plain).map(Some).to_vec();
    assert_eq!(chosen(twice), Err(ConfigError::SensorTwice(SensorSource::Stdin)));
    let refused = |text: &str| chosen(sensors(text).unwrap().0).unwrap_err();
    assert_eq!(refused("@1s=stdin"), ConfigError::IntervalOfLines(SensorSource::Stdin));
}

#[test]
fn no_two_sources_share_a_sensor_id() {
    let ids = |sources: &str, given: &[&str]| {
        let Sensors(list) = sensors(sources).unwrap();
        let given = given.iter().map(|id| id.parse().unwrap()).collect();
        let settled = settled(chosen(list)?, given, &"p".parse().unwrap(), Duration::from_secs(15))?;
        Ok(settled.iter().filter_map(|sensor| sensor.id.as_ref()).map(ToString::to_string).collect::<Vec<_>>())
    };
    let two = "mock,stdin,iio:/a";
    for (sources, given, expected) in [
        ("none", &[][..], &[][..]),
        ("stdin", &[], &[]),
        ("mock,stdin", &[], &["p"]),
        ("mock,stdin", &["a"], &["a"]),
        (two, &[], &["p-1", "p-2"]),
        (two, &["a"], &["a-1", "a-2"]),
        (two, &["b", "a"], &["b", "a"]),
        ("mock,roof=iio:/a", &[], &["p", "roof"]),
        ("mock,roof=iio:/a,iio:/b", &["a", "b"], &["a", "roof", "b"]),
    ] {
        assert_eq!(ids(sources, given).unwrap(), expected, "{sources:?} {given:?}");
    }
    let long = "x".repeat(63);
    for (sources, given, error) in [
        ("none", &["a"][..], ConfigError::SensorIds { ids: 1, sources: 0 }),
        ("stdin", &["a"], ConfigError::SensorIds { ids: 1, sources: 0 }),
        ("mock,stdin", &["a", "b"], ConfigError::SensorIds { ids: 2, sources: 1 }),
        (two, &["a", "b", "c"], ConfigError::SensorIds { ids: 3, sources: 2 }),
        (two, &["a", "a"], ConfigError::SensorIdTwice("a".parse().unwrap())),
        (two, &[&long], ConfigError::SensorIdTooLong(long.parse().unwrap())),
        ("mock,p=iio:/a", &[], ConfigError::SensorIdTwice("p".parse().unwrap())),
    ] {
        assert_eq!(ids(sources, given), Err(error), "{sources:?} {given:?}");
    }
}
