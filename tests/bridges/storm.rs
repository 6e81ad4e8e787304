//! What a bridge has to get through: its server killed and started twice, itself killed five times, a merge in between.

use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use crate::bridge;
use crate::harness::{Group, Peer, PATIENCE};
use crate::server::free_port;

/// Readings of the larger and of the smaller side of the merge, 100,000 together.
const LARGE: u64 = 60_000;
const SMALL: u64 = 40_000;
pub(crate) const ROWS: u64 = LARGE + SMALL;

/// What holds the rows.
pub(crate) trait Holder {
    /// How many different rows it has by now.
    fn held(&mut self) -> u64;
    /// Kills it, and starts it again.
    fn fall(&mut self);
}

/// Readings of a sensor, no two of the same time.
pub(crate) fn readings(sensor: &str, count: u64) -> String {
    let line = |n: u64| {
        let (hours, minutes, seconds) = (n / 3_600_000, n / 60_000 % 60, n / 1000 % 60);
        format!("DATA|{sensor}-{}|2026-01-15T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z|{n}|50.5|\n", n % 5, n % 1000)
    };
    (0..count).map(line).collect()
}

/// Two groups of one in one data directory, on networks that do not hear each other. `a` asks for `b` at a port where nobody
/// listens at first.
pub(crate) struct Two {
    pub(crate) group: Rc<Group>,
    other: Group,
    port: String,
}

impl Two {
    pub(crate) fn new() -> Self {
        Self { group: Rc::new(Group::new()), other: Group::new(), port: free_port().to_string() }
    }

    pub(crate) fn start_a(&self) -> Peer {
        let join = format!("127.0.0.1:{}", self.port);
        self.group.start_with("a", &["--sensor", "stdin", "--resume", "--join", &join])
    }

    pub(crate) fn start_b(&self) -> Peer {
        let data = self.group.directory.join("data");
        let mut command = self.other.command("b");
        command.args(["--sensor", "stdin", "--resume", "--port", &self.port]).arg("--data-dir").arg(&data);
        Peer::start("b", command, self.group.data_of("b"))
    }
}

/// Waits until this many rows are there. It goes on for as long as there are more and more: a busy machine is slow.
pub(crate) fn wait_for(holder: &mut dyn Holder, bridge: &Peer, count: u64) {
    let (begun, mut held, mut until) = (Instant::now(), holder.held(), Instant::now() + 2 * PATIENCE);
    while held < count {
        let log = bridge.log().join("\n");
        assert!(Instant::now() < until, "{held} of {count} rows are there, and no more come; the bridge said:\n{log}");
        assert!(begun.elapsed() < 10 * PATIENCE, "{held} of {count} rows are there, and they take too long:\n{log}");
        thread::park_timeout(Duration::from_millis(5));
        let before = std::mem::replace(&mut held, holder.held());
        if held > before {
            until = Instant::now() + 2 * PATIENCE;
        }
    }
}

/// Hands 100,000 rows over through all of that.
pub(crate) fn survive(holder: &mut dyn Holder, options: &[&str]) {
    let two = Two::new();
    let mut b = two.start_b();
    b.feed(&readings("b", LARGE));
    b.wait_for_rows(usize::try_from(LARGE).expect("small"));
    b.signal("-TERM");
    assert_eq!(b.wait_for_exit().code(), Some(0));
    let mut a = two.start_a();
    a.feed(&readings("a", SMALL));
    let start = || bridge::start("bridge", &two.group.directory, &[options, &["a"]].concat());
    let mut bridge = start();
    let again = |bridge: &mut Peer, holder: &mut dyn Holder, at: u64| {
        wait_for(holder, bridge, at);
        bridge.kill();
        *bridge = start();
    };
    again(&mut bridge, holder, SMALL / 4);
    again(&mut bridge, holder, SMALL / 2);
    wait_for(holder, &bridge, SMALL * 3 / 4);
    holder.fall();
    wait_for(holder, &bridge, SMALL);
    let b = two.start_b();
    // The smaller side's rows come after the others now. The stream has them already.
    again(&mut bridge, holder, SMALL + LARGE / 4);
    wait_for(holder, &bridge, SMALL + LARGE / 3);
    holder.fall();
    again(&mut bridge, holder, SMALL + LARGE / 2);
    again(&mut bridge, holder, SMALL + LARGE * 3 / 4);
    wait_for(holder, &bridge, ROWS);
    a.wait_for_rows(usize::try_from(ROWS).expect("small"));
    // One more, after which nothing else can be on its way.
    a.feed("DATA|last|2026-01-16T00:00:00Z|1||\n");
    wait_for(holder, &bridge, ROWS + 1);
    bridge.signal("-TERM");
    assert_eq!(bridge.wait_for_exit().code(), Some(0));
    drop(b);
}
