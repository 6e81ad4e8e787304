//! The clock of a host: it starts at its own time and runs a little fast or slow. It never goes back, and jumps only where
//! a test says so.

use std::time::Duration;

use crate::protocol::Time;

/// The rate of a clock that runs as fast as the world, in thousandths.
pub const EXACT: u32 = 1000;

#[derive(Debug, Clone, Copy)]
pub struct Clock {
    offset: Time,
    /// Its milliseconds in one second of the world.
    rate: u32,
}

impl Clock {
    #[must_use]
    pub fn new(offset: Time, rate: u32) -> Self {
        Self { offset, rate }
    }

    /// It shows a later time from now on.
    pub fn jump(&mut self, by: Time) {
        self.offset += by;
    }

    /// What it shows at a time of the world.
    #[must_use]
    pub fn shows(&self, world: Time) -> Time {
        self.offset + nanos(world.as_nanos() * u128::from(self.rate) / u128::from(EXACT))
    }

    /// The first time of the world at which it shows this.
    #[must_use]
    pub fn when(&self, shown: Time) -> Time {
        let own = shown.saturating_sub(self.offset).as_nanos();
        nanos((own * u128::from(EXACT)).div_ceil(u128::from(self.rate)))
    }
}

fn nanos(nanos: u128) -> Time {
    Duration::from_nanos(u64::try_from(nanos).expect("a run is shorter than centuries"))
}

#[test]
fn a_shown_time_is_found_again_at_any_rate() {
    for rate in [980, 999, EXACT, 1001, 1020] {
        let clock = Clock::new(Time::from_secs(7), rate);
        for micros in [0, 1, 17, 999_999, 123_456_789] {
            let world = Time::from_micros(micros);
            assert!(clock.when(clock.shows(world)) <= world);
            let shown = Time::from_secs(7) + world;
            assert!(clock.shows(clock.when(shown)) >= shown);
        }
    }
}
