//! Kinds of devices as their drivers show them, and how one of several is found.

use super::*;

/// As the drivers of these show them.
#[test]
fn hardware_monitoring_is_read_by_name_and_of_several_channels_the_first() {
    const HWMON: &str = "class/hwmon";
    let tree = Tree::new();
    let sht4x = [
        ("name", "sht4x\n"),
        ("temp1_input", "22112\n"),
        ("humidity1_input", "53968\n"),
        ("update_interval", "2000\n"),
    ];
    tree.connect(HWMON, "hwmon1", "platform/soc/fe804000.i2c/i2c-1/1-0044/hwmon", &sht4x);
    let coretemp = [
        ("name", "coretemp\n"),
        ("temp10_input", "41000\n"),
        ("temp2_input", "45000\n"),
        ("temp2_label", "Core 0\n"),
        ("temp3_input", "43000\n"),
        ("in0_input", "1200\n"),
    ];
    tree.connect(HWMON, "hwmon0", "platform/coretemp.0/hwmon", &coretemp);
    let old = [("device/name", "lm75\n"), ("device/temp1_input", "19500\n"), ("device/temp1_fault", "0\n")];
    fs::create_dir_all(tree.0.path().join("devices/i2c-0/hwmon3/device")).unwrap();
    tree.connect(HWMON, "hwmon3", "i2c-0", &old);
    let read = |choice: Choice| values(&mut tree.open(Bus::Hwmon, choice).unwrap());
    assert_eq!(read(Choice::Name("sht4x".into())).as_deref(), Some("22.112|53.968|"));
    assert_eq!(read(Choice::Path("coretemp.0".into())).as_deref(), Some("45.000||"));
    assert_eq!(read(Choice::Number(3)).as_deref(), Some("19.500||"));
    tree.write("devices/i2c-0/hwmon3/device/temp1_fault", "1\n");
    assert_eq!(read(Choice::Number(3)), None);
    let error = tree.open(Bus::Hwmon, Choice::Directory(tree.0.path().to_owned())).unwrap_err().to_string();
    assert!(error.contains("temp*_input"), "{error}");
}

#[test]
fn thermometers_on_1_wire_are_read_with_their_checksum_where_there_is_one() {
    const W1: &str = "bus/w1/devices";
    let tree = Tree::new();
    let bytes = "70 01 4b 46 7f ff 10 10 e1";
    let slave = format!("{bytes} : crc=e1 YES\n{bytes} t=23000\n");
    let files = [("name", "28-000004e1a947\n"), ("w1_slave", &slave), ("temperature", "19000\n")];
    tree.connect(W1, "28-000004e1a947", "w1_bus_master1", &files);
    tree.connect(W1, "28-000004ef4b1b", "w1_bus_master1", &[("temperature", "62\n")]);
    tree.connect(W1, "w1_bus_master1", "", &[("w1_master_slave_count", "2\n")]);
    let open = |name: &str| tree.open(Bus::W1, Choice::Name(name.to_owned()));
    assert_eq!(values(&mut open("28-000004e1a947").unwrap()).as_deref(), Some("23.000||"));
    let mut plain = open("*4b1b").unwrap();
    assert_eq!(values(&mut plain), None, "it may be 62 °C");
    tree.write("devices/w1_bus_master1/28-000004ef4b1b/temperature", "85000");
    assert_eq!(values(&mut plain), None);
    tree.write("devices/w1_bus_master1/28-000004ef4b1b/temperature", "-9937");
    assert_eq!(values(&mut plain).as_deref(), Some("-9.937||"));
    let several = open("28-*").unwrap_err().to_string();
    assert!(several.contains("several devices fit, 28-000004e1a947, 28-000004ef4b1b;"), "{several}");
    let cold = "01 00 4b 46 7f ff 0f 10 de";
    tree.write("devices/w1_bus_master1/28-000004e1a947/w1_slave", &format!("{cold} : crc=de YES\n{cold} t=62\n"));
    assert_eq!(values(&mut open("28-000004e1a947").unwrap()).as_deref(), Some("0.062||"), "its bytes were checked");
}

const IIO: &str = "bus/iio/devices";

/// Two devices of one kind and one of another, as a Raspberry Pi shows them.
fn three() -> Tree {
    let tree = Tree::new();
    let i2c = "platform/soc/3f804000.i2c/i2c-1";
    let named = |name: &'static str, temp: &'static str| [("name", name), ("in_temp_input", temp)];
    tree.connect(IIO, "iio:device0", &format!("{i2c}/1-0076"), &named("bme280\n", "20000\n"));
    tree.connect(IIO, "iio:device1", &format!("{i2c}/1-0077"), &named("bme280\n", "21000\n"));
    tree.connect(IIO, "iio:device10", &format!("{i2c}/1-0040"), &named("si7020\n", "22000\n"));
    tree.connect(IIO, "trigger0", "iio_sysfs_trigger", &[("name", "bme280\n")]);
    tree.write("devices/platform/soc/3f804000.i2c/i2c-1/1-0077/iio:device1/label", "attic\n");
    tree
}

#[test]
fn a_device_is_found_by_number_name_label_and_where_it_is_connected() {
    let tree = three();
    for (choice, value) in [
        (Choice::Number(0), "20.000||"),
        (Choice::Number(10), "22.000||"),
        (Choice::Name("si7020".into()), "22.000||"),
        (Choice::Name("si*".into()), "22.000||"),
        (Choice::Name("attic".into()), "21.000||"),
        (Choice::Name("iio:device1".into()), "21.000||"),
        (Choice::Path("i2c-1/1-0077".into()), "21.000||"),
        (Choice::Path("1-?076/".into()), "20.000||"),
    ] {
        let mut device = tree.open(Bus::Iio, choice.clone()).unwrap();
        assert_eq!(values(&mut device).as_deref(), Some(value), "{choice}");
    }
    let refused = |choice: Choice| tree.open(Bus::Iio, choice).unwrap_err().to_string();
    let two = "several devices fit, bme280 (iio:device0), bme280 (iio:device1); tell them apart with path=PATTERN";
    assert!(refused(Choice::Name("bme280".into())).contains(two));
    let all = "name one of bme280 (iio:device0), bme280 (iio:device1), si7020 (iio:device10)";
    assert!(refused(Choice::Number(2)).contains(all), "{}", refused(Choice::Number(2)));
    let none = Tree::new().open(Bus::Iio, Choice::Number(0)).unwrap_err().to_string();
    assert!(none.contains("this host has no iio device"), "{none}");
}

#[test]
fn devices_are_offered_with_what_reads_them_and_a_value() {
    let tree = three();
    tree.connect("bus/w1/devices", "28-000004ef4b1b", "w1_bus_master1", &[("temperature", "85000\n")]);
    tree.connect(
        "class/hwmon",
        "hwmon0",
        "virtual/thermal/thermal_zone0",
        &[("name", "cpu thermal\n"), ("temp1_input", "48312\n")],
    );
    tree.connect("class/hwmon", "hwmon1", "platform/rpi_volt", &[("name", "rpi_volt\n"), ("in0_lcrit_alarm", "0\n")]);
    let mut out = Vec::new();
    crate::sensors::offer(tree.0.path(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<(&str, &str)> = text.lines().map(|line| line.split_at(line.find("  ").unwrap())).collect();
    let options: Vec<&str> = lines.iter().map(|(option, _)| *option).collect();
    assert_eq!(
        options,
        [
            "--sensor iio:path=1-0076",
            "--sensor iio:attic",
            "--sensor iio:si7020",
            "--sensor 'hwmon:cpu thermal'",
            "--sensor w1:28-000004ef4b1b",
        ]
    );
    let values: Vec<&str> = lines.iter().map(|(_, value)| value.trim()).collect();
    assert_eq!(values[..4], ["20.000 °C", "21.000 °C", "22.000 °C", "48.312 °C"]);
    assert!(values[4].starts_with("nothing: ") && values[4].contains("says 85.000 °C"), "{text}");
}

#[test]
fn a_device_that_comes_back_under_another_number_is_read_on() {
    let tree = Tree::new();
    let files = [("name", "bme280\n"), ("in_temp_input", "20000\n")];
    tree.connect(IIO, "iio:device0", "usb1/1-1", &files);
    let mut device = tree.open(Bus::Iio, Choice::Name("bme280".into())).unwrap();
    assert_eq!(values(&mut device).as_deref(), Some("20.000||"));
    tree.remove("bus/iio/devices/iio:device0");
    assert_eq!(values(&mut device), None);
    tree.connect(IIO, "iio:device3", "usb1/1-2", &files);
    assert_eq!(values(&mut device).as_deref(), Some("20.000||"));
    assert_eq!(device.readings(), 2);
}
