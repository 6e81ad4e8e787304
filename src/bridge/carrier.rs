//! Takes rows from the files of a peer to an engine: in their order, each until it is acknowledged.

mod access;
mod chosen;
mod engine;
#[cfg(feature = "bridge-influx")]
mod influx;
mod known;
mod leader;
#[cfg(feature = "bridge-mqtt")]
mod mqtt;
#[cfg(feature = "bridge-nats")]
mod nats;
mod place;
mod row;
mod tls;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::chosen::Chosen;
use self::engine::{Engine, Fault};
use self::known::{Begin, Kept, Known};
use self::leader::Leadership;
use self::row::Row;
use super::{Asked, BridgeError, Scheme};
use crate::history::{Page, Position, Rows, Step, TimeRange, Wanted};
use crate::ids::Sequence;
use crate::storage::check_version;
use crate::tail::{after, directory, refuse_without_journal, Cursor, Start, CURSOR_LAG, PAUSE, PAUSE_MAX};

/// Rows of one step: what is handed over between two looks at signals and at the position.
const STEP_ROWS: usize = 5_000;

/// The pause before an engine that is away is tried again: at first, and at most.
const AWAY: Duration = Duration::from_millis(100);
const AWAY_MAX: Duration = Duration::from_secs(10);

/// How often a bridge that waits to lead looks at what the engine holds, so that it has little to look at when it is to work.
const REFRESH: Duration = Duration::from_secs(300);

/// Hands rows over until `pause` returns that the program is to end; otherwise `pause` waits for that long. What happens goes
/// to `errors`.
///
/// # Errors
/// Where something cannot be read or written, or the engine refuses what it is given.
pub(super) fn run(asked: &Asked, errors: &mut dyn Write, pause: &dyn Fn(Duration) -> bool) -> Result<(), BridgeError> {
    tls::check(asked)?;
    let engine = engine::of(asked)?;
    let Some(root) = directory(&asked.data_dirs, asked.peer.as_deref(), true, errors, pause)? else { return Ok(()) };
    check_version(&root)?;
    let cursor = Cursor::open(place::take(asked, &root)?)?;
    let wanted = Wanted { sensors: asked.sensors.clone(), range: TimeRange::ALL };
    let chosen = Chosen::of(&asked.sensors);
    let (mut known, mut position) = match cursor.kept() {
        Some(Kept { known, position }) => (known, Some(position)),
        None => (Known::new(chosen.clone()), None),
    };
    if !known.choose(&chosen) {
        // What is known keeps rows from going there twice.
        position = None;
    }
    // Counted now: the engine may be away for long.
    let start = after(&root, asked.start, &asked.sensors)?;
    let rows = Rows::resume(root.clone(), &wanted, position.unwrap_or_else(|| beginning(asked, start, &known)));
    refuse_without_journal(&root, &rows)?;
    let (leadership, done) = (Leadership::of(asked, &root)?, rows.position());
    let bridge = Bridge {
        asked,
        root,
        wanted,
        rows,
        start,
        engine,
        known,
        cursor,
        leadership,
        errors,
        pause,
        done,
        is_open: false,
        has_worked: false,
        troubles: Troubles::NONE,
    };
    bridge.carry()
}

/// Where to begin, as it was asked for. If the engine has rows already, nobody knows which of the others came while no
/// bridge worked: it gets all that it lacks instead of the last ones.
fn beginning(asked: &Asked, start: Sequence, known: &Known) -> Position {
    let is_counted = matches!(asked.start, Start::Last(_));
    Position::new(if is_counted && known.has_any() { 0 } else { start })
}

struct Bridge<'a> {
    asked: &'a Asked,
    root: PathBuf,
    wanted: Wanted,
    rows: Rows,
    /// The sequence after which to begin, as it was asked for.
    start: Sequence,
    engine: Box<dyn Engine>,
    known: Known,
    cursor: Cursor<Kept>,
    leadership: Leadership,
    errors: &'a mut dyn Write,
    pause: &'a dyn Fn(Duration) -> bool,
    /// The position up to which nothing is under way: it is kept, and gone back to after a fault.
    done: Position,
    is_open: bool,
    /// A row was acknowledged: what the engine refuses from then on may be over soon.
    has_worked: bool,
    troubles: Troubles,
}

/// What was said of faults, and how long the next pause is.
struct Troubles {
    /// The engine could not be reached.
    is_away: bool,
    /// It did not take rows.
    is_stuck: bool,
    wait: Duration,
}

impl Troubles {
    const NONE: Self = Self { is_away: false, is_stuck: false, wait: AWAY };

    /// An engine that says when it is to be tried again is not tried before.
    fn heed(&mut self, fault: &Fault) {
        if let Fault::Busy(_, wait) = fault {
            self.wait = self.wait.max(*wait);
        }
    }
}

/// Whether there is more to do.
#[derive(PartialEq, Eq)]
enum Progress {
    More,
    End,
}

impl Bridge<'_> {
    fn carry(mut self) -> Result<(), BridgeError> {
        let (mut wait, mut saved) = (PAUSE, Instant::now());
        loop {
            if self.ready()? == Progress::End {
                return self.keep();
            }
            match self.rows.step(STEP_ROWS)? {
                Step::Rows(page) => {
                    if self.hand_over(&page)? == Progress::End {
                        return self.keep();
                    }
                    wait = PAUSE;
                }
                Step::Rewind { after } => {
                    self.done = self.rows.position();
                    self.say(&format!("a merge replaced the rows after {after}; what is new among them goes on"));
                }
                Step::Gone { up_to } => {
                    self.done = self.rows.position();
                    self.say(&format!("rows up to {up_to} were removed (--keep), and do not go on"));
                }
                Step::Nothing => {
                    self.keep()?;
                    if (self.pause)(wait) {
                        return Ok(());
                    }
                    (wait, saved) = ((2 * wait).min(PAUSE_MAX), Instant::now());
                    continue;
                }
            }
            if saved.elapsed() >= CURSOR_LAG {
                self.keep()?;
                saved = Instant::now();
            }
            if (self.pause)(Duration::ZERO) {
                return self.keep();
            }
        }
    }

    /// Waits until this bridge is the one to work and its engine is there.
    fn ready(&mut self) -> Result<Progress, BridgeError> {
        let mut looked = Instant::now();
        loop {
            match (self.leadership.is_here(), self.is_open) {
                (true, true) => return Ok(Progress::More),
                (true, false) => {
                    if !self.connect()? && self.wait_longer() == Progress::End {
                        return Ok(Progress::End);
                    }
                }
                (false, true) => {
                    self.say("this peer does not lead any more, and its bridge waits");
                    self.close()?;
                }
                (false, false) => {
                    if (self.pause)(PAUSE_MAX) {
                        return Ok(Progress::End);
                    }
                    if looked.elapsed() >= REFRESH {
                        looked = Instant::now();
                        if self.engine.open(&mut self.known).is_ok() {
                            self.restart_where_the_engine_is_another();
                            self.close()?;
                        }
                    }
                }
            }
        }
    }

    /// Connects to the engine, and learns what it holds. Returns whether it is there; that it is not is said once.
    fn connect(&mut self) -> Result<bool, BridgeError> {
        match self.engine.open(&mut self.known) {
            Ok(()) => {
                self.is_open = true;
                self.restart_where_the_engine_is_another();
                if !self.troubles.is_stuck {
                    self.troubles = Troubles::NONE;
                    self.say(&format!("{}: rows go there", self.asked.target));
                }
                Ok(true)
            }
            Err(Fault::Refused(why)) if !self.has_worked => Err(self.refused(&why)),
            Err(fault) => {
                if !std::mem::replace(&mut self.troubles.is_away, true) {
                    self.say(&format!("{}: {fault}; rows wait", self.asked.target));
                }
                self.troubles.heed(&fault);
                Ok(false)
            }
        }
    }

    fn wait_longer(&mut self) -> Progress {
        let wait = self.troubles.wait;
        self.troubles.wait = (2 * wait).min(AWAY_MAX);
        if (self.pause)(wait) {
            Progress::End
        } else {
            Progress::More
        }
    }

    fn refused(&self, why: &str) -> BridgeError {
        BridgeError::Engine(format!("{}: {why}", self.asked.target))
    }

    fn close(&mut self) -> Result<(), BridgeError> {
        self.engine.close();
        self.is_open = false;
        self.keep()
    }

    /// Begins again if what holds the rows is not what the position belongs to: at the position of the engine, or at
    /// the beginning that was asked for.
    fn restart_where_the_engine_is_another(&mut self) {
        let Some(begin) = self.known.take_begin() else { return };
        let position = match begin {
            Begin::After(position) => position,
            Begin::AsAsked => beginning(self.asked, self.start, &self.known),
        };
        self.rows = Rows::resume(self.root.clone(), &self.wanted, position);
        self.done = self.rows.position();
    }

    /// Hands over what the engine does not have yet, until all of it is acknowledged. After a fault it goes back to what was: what
    /// comes next depends on what the engine holds then.
    fn hand_over(&mut self, page: &Page) -> Result<Progress, BridgeError> {
        let mut rows: Vec<Row> = Row::all(page).filter(|row| !row.is_in(&self.known)).collect();
        let (before, mut saved) = (self.known.clone(), Instant::now());
        while !rows.is_empty() {
            let sent = self.engine.send(&rows, &mut self.known);
            self.has_worked |= self.known != before;
            if let Err(fault) = sent {
                return self.go_back(&fault);
            }
            rows.retain(|row| !row.is_in(&self.known));
            if rows.is_empty() {
                break;
            }
            // A part of them took its time, and so may the rest.
            self.troubles.wait = AWAY;
            if saved.elapsed() >= CURSOR_LAG {
                self.keep()?;
                saved = Instant::now();
            }
            if (self.pause)(Duration::ZERO) {
                return Ok(Progress::End);
            }
        }
        self.done = self.rows.position();
        if std::mem::replace(&mut self.troubles, Troubles::NONE).is_stuck {
            self.say(&format!("{}: rows go there", self.asked.target));
        }
        Ok(Progress::More)
    }

    fn go_back(&mut self, fault: &Fault) -> Result<Progress, BridgeError> {
        if let (Fault::Refused(why), false) = (fault, self.has_worked) {
            return Err(self.refused(why));
        }
        if !std::mem::replace(&mut self.troubles.is_stuck, true) {
            self.say(&format!("{}: {fault}", self.asked.target));
        }
        self.troubles.heed(fault);
        self.engine.close();
        self.is_open = false;
        self.rows = Rows::resume(self.root.clone(), &self.wanted, self.done.clone());
        Ok(self.wait_longer())
    }

    /// Records the position: all rows up to there were acknowledged.
    fn keep(&mut self) -> Result<(), BridgeError> {
        if self.known.is_new() {
            // The position is that of what held the rows before.
            return Ok(());
        }
        let kept = Kept { known: self.known.clone(), position: self.done.clone() };
        Ok(self.cursor.keep(kept)?)
    }

    fn say(&mut self, text: &str) {
        // There may be no reader.
        let _ = writeln!(self.errors, "{text}");
    }
}
