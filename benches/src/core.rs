//! A core that leads a group of one, with a storage that does everything and keeps nothing.

use std::time::Duration;

use peer::protocol::{Alarm, Done, Effect, Effects, Found, Input, Peer, Secret, Settings, Standing, Store};
use peer::wire::{Lines, Timing};

pub(crate) struct Leader {
    peer: Peer,
    now: Duration,
}

impl Leader {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            id: "attic".parse().expect("an id"),
            priority: 0,
            incarnation: 1_764_111_500_000_000_000,
            endpoint: "127.0.0.1:7000".parse().expect("an address"),
            group: "sensors".to_owned(),
            quorum: None,
            resume: false,
            limits: None,
            survey_every: Duration::from_secs(3600),
            timing: Timing {
                heartbeat_interval: Duration::from_secs(5),
                heartbeat_timeout: Duration::from_secs(10),
                election_timeout: Duration::from_secs(5),
            },
            joins: false,
            seed: 1,
            secret: Secret([7; 32]),
        };
        let mut leader = Self { peer: Peer::new(settings, &Found::default(), Duration::ZERO), now: Duration::ZERO };
        while leader.peer.standing() != Standing::Leader {
            leader.now += Duration::from_millis(100);
            for alarm in Alarm::ALL {
                leader.step(Input::Alarm(alarm));
            }
        }
        leader
    }

    pub(crate) fn take_in(&mut self, lines: &Lines) {
        let before = self.peer.committed();
        self.now += Duration::from_micros(100);
        self.step(Input::Readings(lines.clone()));
        assert_eq!(self.peer.committed(), before + lines.count(), "all of it is committed");
    }

    /// With all that follows from it.
    fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let mut done = Vec::new();
            for input in inputs.drain(..) {
                let mut effects = Effects::new();
                self.peer.step(self.now, input, &mut effects);
                done.extend(effects.into_iter().filter_map(Self::stored));
            }
            if !done.is_empty() {
                inputs.push(Input::Stored(done));
            }
        }
    }

    fn stored(effect: Effect) -> Option<Done> {
        match effect {
            Effect::Store(Store::Append(frame)) => Some(Done::Appended { last: frame.last() }),
            Effect::Store(Store::Deliver { up_to }) => Some(Done::Delivered { up_to }),
            Effect::Store(Store::Say { message, .. }) => Done::said(&message),
            _ => None,
        }
    }
}
