//! Plausible weather, made up: a random walk that turns back at its bounds. The same seed gives the same walk.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{one, Clock, Source, Taken};
use crate::ids::SensorId;

/// One value that walks; all in hundredths of its unit, so that two decimals are exact.
#[derive(Debug, Clone)]
struct Walk {
    at: i32,
    low: i32,
    high: i32,
    /// Largest step, far less than the bounds lie apart.
    step: i32,
}

impl Walk {
    fn new(low: i32, high: i32, step: i32, rng: &mut SmallRng) -> Self {
        Self { at: rng.random_range(low..=high), low, high, step }
    }

    fn next(&mut self, rng: &mut SmallRng) -> String {
        let to = self.at + rng.random_range(-self.step..=self.step);
        self.at = if to > self.high {
            2 * self.high - to
        } else if to < self.low {
            2 * self.low - to
        } else {
            to
        };
        format!("{}.{:02}", self.at / 100, self.at % 100)
    }
}

/// The made-up sensor: temperature 15 to 30 °C, humidity 30 to 70 %, pressure 990 to 1030 hPa.
#[derive(Debug)]
pub struct Mock {
    id: SensorId,
    interval: Duration,
    clock: Clock,
    rng: SmallRng,
    temperature: Walk,
    humidity: Walk,
    pressure: Walk,
    readings: u64,
}

impl Mock {
    #[must_use]
    pub fn new(id: SensorId, interval: Duration, seed: u64, clock: Clock) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let temperature = Walk::new(1_500, 3_000, 10, &mut rng);
        let humidity = Walk::new(3_000, 7_000, 30, &mut rng);
        let pressure = Walk::new(99_000, 103_000, 8, &mut rng);
        Self { id, interval, clock, rng, temperature, humidity, pressure, readings: 0 }
    }
}

impl Source for Mock {
    fn interval(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn take(&mut self, room: u64) -> Taken {
        if room == 0 {
            return Taken::Nothing;
        }
        let Self { rng, temperature, humidity, pressure, .. } = self;
        let values = [temperature.next(rng), humidity.next(rng), pressure.next(rng)];
        self.readings += 1;
        let [temperature, humidity, pressure] = &values;
        Taken::Readings(one(&self.id, &self.clock, temperature, humidity, pressure))
    }

    fn readings(&self) -> u64 {
        self.readings
    }

    fn describe(&self) -> String {
        "mock".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::reading;

    const START: &str = "2024-05-01T12:00:00Z";

    fn mock(seed: u64) -> Mock {
        let clock = || START.parse::<Timestamp>().unwrap();
        Mock::new("m1".parse().unwrap(), Duration::from_secs(15), seed, Clock::new(clock))
    }

    fn next(mock: &mut Mock) -> String {
        let Taken::Readings(lines) = mock.take(5) else { panic!("a reading") };
        assert_eq!(lines.count(), 1);
        String::from_utf8(lines.as_bytes().to_vec()).unwrap().trim_end().to_owned()
    }

    #[test]
    fn readings_keep_to_plausible_ranges_and_change_little() {
        for seed in 0..20 {
            let mut mock = mock(seed);
            let mut before: Option<[f64; 3]> = None;
            for _ in 0..2_000 {
                let line = next(&mut mock);
                let fields = reading::check(line.as_bytes()).unwrap();
                assert_eq!((fields.sensor_id, fields.timestamp), ("m1", "2024-05-01T12:00:00.000Z"));
                let texts = [fields.temperature, fields.humidity, fields.pressure];
                assert!(texts.iter().all(|text| text.split_once('.').unwrap().1.len() == 2), "{line}");
                let values = texts.map(|text| text.parse::<f64>().unwrap());
                for ((value, low), high) in values.iter().zip([15.0, 30.0, 990.0]).zip([30.0, 70.0, 1030.0]) {
                    assert!(*value >= low && *value <= high, "{line}");
                }
                for (value, old) in values.iter().zip(before.unwrap_or(values)) {
                    assert!((value - old).abs() < 0.31, "{line}");
                }
                before = Some(values);
            }
            assert_eq!(mock.readings(), 2_000);
        }
    }

    #[test]
    fn one_seed_gives_one_walk_and_another_seed_another() {
        let walk = |seed| {
            let mut mock = mock(seed);
            (0..50).map(|_| next(&mut mock)).collect::<Vec<_>>()
        };
        assert_eq!(walk(7), walk(7));
        assert_ne!(walk(7), walk(8));
    }

    #[test]
    fn without_room_it_gives_nothing() {
        let mut mock = mock(1);
        assert_eq!(mock.take(0), Taken::Nothing);
        assert_eq!((mock.readings(), mock.interval()), (0, Some(Duration::from_secs(15))));
    }
}
