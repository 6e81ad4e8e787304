//! A place where a peer lives, dies and comes back, and what each of its lives was fed.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::RngExt;

use super::feeder::{Feeder, PAUSE_MILLIS_MAX};
use super::recorder::Recorder;
use super::watch::{stored, Watch};
use super::Peer;

pub(crate) struct Station {
    pub(crate) id: String,
    start: Box<dyn Fn() -> Peer>,
    /// Writes down each of its lives, if anything is to be decided by it.
    pub(crate) recorder: Option<Arc<Recorder>>,
    /// Longest pause of its feeder, in milliseconds.
    pub(crate) pause_max: u64,
    life: Option<Life>,
    /// Numbers given to each life, the present one aside: its peer may have died before it read all of them.
    past: Vec<Range<u64>>,
}

struct Life {
    peer: Peer,
    /// None once the input has ended.
    feeder: Option<Feeder>,
    given: Range<u64>,
    watch: Watch,
    /// It is stopped until then.
    wake_at: Option<Instant>,
}

/// What one life was given.
pub(crate) struct Given {
    pub(crate) numbers: Range<u64>,
    /// The life lasted until all of them were delivered.
    pub(crate) certain: bool,
}

impl Station {
    /// `start` begins a life, with standard input as its sensor.
    pub(crate) fn new(id: &str, recorder: &Arc<Recorder>, start: impl Fn() -> Peer + 'static) -> Self {
        let (id, start, recorder) = (id.to_owned(), Box::new(start), Some(Arc::clone(recorder)));
        Self { id, start, recorder, pause_max: PAUSE_MILLIS_MAX, life: None, past: Vec::new() }
    }

    /// Begins a life, and feeds it from now on.
    pub(crate) fn start(&mut self, rng: &mut SmallRng) {
        assert!(self.life.is_none(), "{} lives", self.id);
        let first = self.past.last().map_or(0, |given| given.end);
        let mut peer = (self.start)();
        if let Some(recorder) = &self.recorder {
            peer = peer.record(recorder);
        }
        let feeder = Feeder::start_paced(peer.take_recorded_input(), &self.id, first, (rng.random(), self.pause_max));
        let watch = Watch::default();
        self.life = Some(Life { peer, feeder: Some(feeder), given: first..first, watch, wake_at: None });
    }

    pub(crate) fn is_up(&self) -> bool {
        self.life.is_some()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.wake_at.is_some())
    }

    pub(crate) fn has_died(&self) -> bool {
        !self.past.is_empty()
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.life.as_ref().expect("it was started").peer
    }

    fn life(&mut self) -> &mut Life {
        self.life.as_mut().expect("it was started")
    }

    /// Asserts that it has not ended by itself.
    pub(crate) fn assert_runs(&mut self) {
        let Some(life) = &mut self.life else { return };
        assert!(life.peer.is_running(), "{} ended by itself; log:\n{}", life.peer.id, life.peer.log().join("\n"));
    }

    /// Writes down which rows came since the last look.
    pub(crate) fn look(&mut self) {
        let Some(Life { peer, watch, .. }) = &mut self.life else { return };
        if let Some(scribe) = &peer.scribe {
            watch.look(peer, scribe);
        }
    }

    /// Stops it for this long.
    pub(crate) fn stop_for(&mut self, time: Duration) {
        let life = self.life();
        life.peer.signal("-STOP");
        life.wake_at = Some(Instant::now() + time);
    }

    pub(crate) fn wake_if_due(&mut self) {
        if self.life.as_ref().and_then(|life| life.wake_at).is_some_and(|at| at <= Instant::now()) {
            self.wake();
        }
    }

    /// Lets it go on, if it is stopped.
    pub(crate) fn wake(&mut self) {
        let Some(life) = &mut self.life else { return };
        if life.wake_at.take().is_some() {
            life.peer.signal("-CONT");
        }
    }

    /// Sends `kill -9` without waiting for the end; [`Station::bury`] waits.
    pub(crate) fn strike(&mut self) {
        self.life().peer.signal("-KILL");
    }

    /// Waits for the end of a peer that was killed; returns what is left of it.
    pub(crate) fn bury(&mut self) -> Peer {
        self.end_life(None)
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        self.strike();
        self.bury();
    }

    /// Makes it leave cleanly while it is fed.
    pub(crate) fn leave(&mut self) {
        // Before that line a signal would simply kill it.
        self.peer().wait_for("Listening on ");
        self.life().peer.signal("-TERM");
        self.end_life(Some(0));
    }

    fn end_life(&mut self, expected: Option<i32>) -> Peer {
        let mut life = self.life.take().expect("it was started");
        let scribe = life.peer.scribe.clone();
        let status = life.peer.wait_for_exit();
        if let Some(scribe) = scribe {
            life.watch.look(&life.peer, &scribe);
            scribe.store(stored(&life.peer.data));
        }
        assert_eq!(status.code(), expected, "{}: {status}; log:\n{}", self.id, life.peer.log().join("\n"));
        let end = life.feeder.take().map_or(life.given.end, Feeder::finish);
        self.past.push(life.given.start..end);
        life.peer
    }

    /// Ends the input of a peer that lives to the end.
    pub(crate) fn end_input(&mut self) {
        let life = self.life();
        let feeder = life.feeder.take().expect("it was fed");
        life.given.end = feeder.finish();
    }

    /// Waits until all that was given to the present life is delivered there.
    pub(crate) fn wait_for_end_of_input(&self) {
        let life = self.life.as_ref().expect("it was started");
        let readings = life.given.end - life.given.start;
        life.peer.wait_for(&format!("End of input, {readings} readings delivered"));
    }

    /// What each life was given. The last life is at its end.
    pub(crate) fn given(&self) -> impl Iterator<Item = Given> + '_ {
        let past = self.past.iter().map(|numbers| Given { numbers: numbers.clone(), certain: false });
        let last = self.life.iter().map(|life| Given { numbers: life.given.clone(), certain: true });
        past.chain(last)
    }

    /// Asks it to stop; [`Station::wait_for_stop`] waits until it has.
    pub(crate) fn ask_to_stop(&self) {
        self.peer().signal("-TERM");
    }

    /// Waits for the clean end of a peer that was asked to stop, with nothing left undone.
    pub(crate) fn wait_for_stop(&mut self) {
        let peer = &mut self.life().peer;
        let status = peer.wait_for_exit();
        assert_eq!(status.code(), Some(0), "{}: {status}", peer.id);
        peer.wait_for("Stopped");
        assert!(!peer.said("not known to be committed"), "{} stopped with readings that nobody delivered", peer.id);
    }
}
