//! Lines as other programs write them, and the readings that they are.

use proptest::prelude::*;

use super::*;
use crate::config::form::field;
use crate::reading::check_input;

fn converter(form: Form, fields: &[&str], id: Option<&str>) -> Converter {
    let fields: Vec<FieldChoice> = fields.iter().map(|text| field(text).unwrap()).collect();
    Converter::new(form, &fields, id.map(|id| id.parse().unwrap())).unwrap()
}

/// What the lines are one after the other: readings, nothing, or what is wrong.
fn converted(converter: &mut Converter, lines: &[&str]) -> Vec<String> {
    let convert = |line: &&str| match converter.convert(line.as_bytes()) {
        Ok(Some(reading)) => {
            assert!(check_input(&reading).is_ok(), "{}", String::from_utf8_lossy(&reading));
            String::from_utf8(reading).unwrap().strip_prefix("DATA|").unwrap().to_owned()
        }
        Ok(None) => "-".to_owned(),
        Err(error) => error.to_string(),
    };
    lines.iter().map(convert).collect()
}

#[test]
fn columns_are_known_by_their_header() {
    let mut csv = converter(Form::Csv, &[], None);
    let header = "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa";
    let lines = [header, "1,2013-01-01T06:00:00Z,EWR,3.90,59.37,1012.0", header, "2,,JFK,,,\"1\"", "3,x", "4,\"x,,,,"];
    assert_eq!(
        converted(&mut csv, &lines),
        [
            "-",
            "EWR|2013-01-01T06:00:00Z|3.90|59.37|1012.0",
            "-",
            "JFK||||1",
            "line has another number of columns than the header",
            "line is no line of CSV: a quote is not closed",
        ]
    );
    csv.begin();
    assert_eq!(
        converted(&mut csv, &["Device;Temp;RH", "a b;21,5;40", "c;-1,25;"]),
        ["-", "a-b||21.5|40|", "c||-1.25||"]
    );
}

#[test]
fn columns_without_a_header_have_numbers() {
    let fields = ["id=#1", "temperature=#3:F", "timestamp=#2:unix"];
    let mut csv = converter(Form::Csv, &fields, None);
    assert_eq!(converted(&mut csv, &["a\t1357020000\t68"]), ["a|2013-01-01T06:00:00Z|20.000||"]);
    assert_eq!(converted(&mut csv, &["a\t1357020000.25\t-40.0\tx"]), ["a|2013-01-01T06:00:00.25Z|-40.000||"]);
    assert_eq!(converted(&mut csv, &["b\tnow\t68"]), ["timestamp is no number of a time since 1970"]);
    let reason = "temperature is not a plain decimal number, and has a unit to convert";
    assert_eq!(converted(&mut csv, &["b\t\twarm"]), [reason]);
}

#[test]
fn json_objects_are_read_with_objects_in_them_and_numbers_as_they_were_written() {
    let fields = ["id=model+id", "temperature=temperature_C", "humidity=humidity", "timestamp=time:utc"];
    let mut jsonl = converter(Form::Jsonl, &fields, None);
    let lines = [
        r#"{"time":"2026-01-15 06:00:00","model":"Acurite-606TX","id":42,"temperature_C":21.50,"humidity":null}"#,
        r#"{"time":"2026-01-15T06:00:00+02:00","model":"A/b","id":"x:y","temperature_C":2.15e1,"mods":["a",{}]}"#,
        r#"{"time":"2026-01-15 06:00:00","model":"Doorbell","id":7,"button":true}"#,
        r#"{"temperature_C":1}"#,
        "[1]",
        "{",
    ];
    assert_eq!(
        converted(&mut jsonl, &lines),
        [
            "Acurite-606TX-42|2026-01-15T06:00:00Z|21.50||",
            "A-b-x-y|2026-01-15T06:00:00+02:00|2.15e1||",
            "line has no temperature, humidity or pressure; see --stdin-fields",
            "sensor_id is missing; see --stdin-fields, or say it before the source, as in --sensor ID=stdin",
            "line is no JSON object",
            "line is no JSON object",
        ]
    );
    let fields = ["temperature=BME280.Temperature", "pressure=BME280.Pressure:Pa", "humidity=h:ratio"];
    let mut nested = converter(Form::Jsonl, &fields, Some("roof"));
    let line = r#"{"Time":"2026-01-15T06:00:00Z","BME280":{"Temperature":21.5,"Pressure":101325},"h":0.415}"#;
    assert_eq!(converted(&mut nested, &[line]), ["roof|2026-01-15T06:00:00Z|21.5|41.500|1013.250"]);
}

#[test]
fn influx_lines_have_tags_fields_and_nanoseconds() {
    let mut influx = converter(Form::Influx, &[], None);
    let lines = [
        r#"weather,sensor=attic\ north,host=a temperature=21.5,humidity=40i,note="a, b=c \"d" 1357020000000000000"#,
        "# a comment",
        "cellar temp=12.25",
        "a,b",
        "a b",
    ];
    assert_eq!(
        converted(&mut influx, &lines),
        [
            "attic-north|2013-01-01T06:00:00Z|21.5|40|",
            "-",
            "cellar||12.25||",
            "line is not of the form measurement,tag=value field=value time",
            "line is not of the form measurement,tag=value field=value time",
        ]
    );
    let fields = ["id=_measurement+host", "timestamp=time:unix_ms", "pressure=p:kPa"];
    let mut chosen = converter(Form::Influx, &fields, None);
    assert_eq!(
        converted(&mut chosen, &["m,host=h p=101.3 1357020000001"]),
        ["m-h|2013-01-01T06:00:00.001Z|||1013.000"]
    );
}

#[test]
fn times_need_a_zone_or_a_unit() {
    let read = |text: &str, form: &str| {
        let choice = field(&format!("timestamp=t{form}")).unwrap();
        let form = match choice.conversion {
            Conversion::Time(form) => Some(form),
            _ => None,
        };
        time::timestamp(text, form).map_err(|error| error.reason)
    };
    for (text, form, timestamp) in [
        ("2026-01-15T06:00:00.25Z", "", "2026-01-15T06:00:00.25Z"),
        ("2026-01-15 06:00:00-05:00", ":utc", "2026-01-15T06:00:00-05:00"),
        ("2026-01-15 06:00:00", ":utc", "2026-01-15T06:00:00Z"),
        ("2026-01-15T06:00", ":+02:00", "2026-01-15T04:00:00Z"),
        ("2026-01-15 06:00:00.125", ":-05:30", "2026-01-15T11:30:00.125Z"),
        ("0", ":unix", "1970-01-01T00:00:00Z"),
        ("1357020000123456789", ":unix_ns", "2013-01-01T06:00:00.123456789Z"),
        ("1357020000123456", ":unix_us", "2013-01-01T06:00:00.123456Z"),
    ] {
        assert_eq!(read(text, form).as_deref(), Ok(timestamp), "{text}{form}");
    }
    for (text, form, reason) in [
        ("1357020000", "", "is a number; say of what"),
        ("2026-01-15 06:00:00", "", "has no zone"),
        ("15.01.2026 06:00", ":utc", "is not of the form"),
        ("2026-13-15 06:00:00", ":utc", "is not of the form"),
        ("noon", ":local", "is not of the form"),
        ("99999999999999999999", ":unix", "is no number of a time"),
        ("2026-01-15ü06:00", ":utc", "is not of the form"),
    ] {
        let refusal = read(text, form).unwrap_err();
        assert!(refusal.starts_with(reason), "{text}{form}: {refusal}");
    }
    let local: jiff::civil::DateTime = "2026-01-15T06:00:00".parse().unwrap();
    let local = jiff::tz::TimeZone::system().to_ambiguous_timestamp(local).compatible().unwrap();
    assert_eq!(read("2026-01-15 06:00:00", ":local"), Ok(local.to_string()));
}

#[test]
fn ids_are_mapped_by_one_rule_and_no_two_names_get_one() {
    let mut ids = Ids::default();
    for (name, id) in [
        ("zigbee/attic", "zigbee-attic"),
        ("A4:C1:38:00", "A4-C1-38-00"),
        ("/dev/ttyUSB0", "dev-ttyUSB0"),
        ("Küche", "K-che"),
        ("a.b_c-d", "a.b_c-d"),
        ("zigbee/attic", "zigbee-attic"),
    ] {
        assert_eq!(ids.sensor_id(name).as_deref(), Ok(id));
    }
    for (name, reason) in
        [("zigbee:attic", "would be that of another"), ("::", "has no letter"), (&"x".repeat(65), "is longer")]
    {
        assert!(ids.sensor_id(name).unwrap_err().reason.starts_with(reason), "{name}");
    }
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(lines in proptest::collection::vec("[ -~ü]{0,60}", 1..5)) {
        for form in [Form::Csv, Form::Jsonl, Form::Influx] {
            let mut converter = converter(form, &["timestamp=a:local", "temperature=b:F"], Some("x"));
            for line in &lines {
                let _ = converter.convert(line.as_bytes());
            }
        }
    }
}
