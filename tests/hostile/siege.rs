//! A group under attack: honest peers that are fed all the time, and what has to hold for them.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::adversary::Adversary;
use super::harness::feeder::Feeder;
use super::harness::process::PATIENCE;
use super::harness::{assert_fed, assert_same_rows, Group, Peer, Rows};

pub(crate) struct Siege {
    pub(crate) group: Group,
    pub(crate) peers: Vec<Peer>,
    /// The feeders, with the peer that each feeds.
    feeders: Vec<(String, Feeder)>,
    options: Vec<&'static str>,
    /// Lines of each log when the attack began.
    marks: Vec<usize>,
}

/// What a log says when views change or elections are held.
const UNREST: [&str; 6] =
    [": View ", "lection", "Leader failure", "failed, updated group", "Merging with", "Suspended"];

impl Siege {
    /// Starts these peers one after the other, so that the first leads where the quorum is off, and feeds those in
    /// `fed`.
    pub(crate) fn begin(ids: &[&str], fed: &[&str], options: &[&'static str]) -> Self {
        Self::begin_in(Group::new(), ids, fed, options)
    }

    /// The same, with files that the test put into the directory of the group.
    pub(crate) fn begin_in(group: Group, ids: &[&str], fed: &[&str], options: &[&'static str]) -> Self {
        let options = [&["--sensor", "stdin"], options].concat();
        let alone = !options.contains(&"--quorum");
        let mut peers: Vec<Peer> = Vec::new();
        for id in ids {
            peers.push(group.start_with(id, &options).record(&group.recorder));
            if alone {
                wait_for_view(&peers);
            }
        }
        wait_for_view(&peers);
        let start = |peer: &mut Peer| (peer.id.clone(), Feeder::start(peer.take_recorded_input(), &peer.id, 0, 1));
        let feeders = peers.iter_mut().filter(|peer| fed.contains(&peer.id.as_str())).map(start).collect();
        let marks = peers.iter().map(|peer| peer.log().len()).collect();
        let siege = Self { group, peers, feeders, options, marks };
        if !fed.is_empty() {
            siege.peers[0].wait_for_rows(1);
        }
        siege
    }

    pub(crate) fn adversary(&self, id: &str) -> Adversary {
        let quorum = self.options.iter().position(|option| *option == "--quorum");
        let quorum = quorum.map(|at| self.options[at + 1].parse().expect("a number"));
        Adversary::new(id, self.group.broadcast_port).with_quorum(quorum)
    }

    pub(crate) fn leader(&self) -> &Peer {
        self.peers.iter().find(|peer| peer.leads()).expect("one of them leads")
    }

    /// Marks the beginning of the attack.
    pub(crate) fn mark(&mut self) {
        self.marks = self.peers.iter().map(|peer| peer.log().len()).collect();
    }

    /// Lines that this peer wrote since the attack began.
    pub(crate) fn since(&self, at: usize) -> Vec<String> {
        self.peers[at].log().split_off(self.marks[at])
    }

    /// Waits for rows that were not there before.
    pub(crate) fn wait_for_progress(&self) {
        for peer in &self.peers {
            let before = peer.rows().len();
            peer.wait_for_rows(before + 1);
        }
    }

    pub(crate) fn rows(&self) -> Vec<Rows> {
        self.peers.iter().map(Peer::rows).collect()
    }

    /// Starts the peer at this place again, after it was killed.
    pub(crate) fn restart(&mut self, at: usize) {
        let id = self.peers[at].id.clone();
        self.peers[at] = self.group.start_with(&id, &self.options).record(&self.group.recorder);
        self.marks[at] = 0;
    }

    /// Starts another peer, which is not fed.
    pub(crate) fn add(&mut self, id: &str) {
        self.add_with(id, &[]);
    }

    /// The same, with further options.
    pub(crate) fn add_with(&mut self, id: &str, options: &[&str]) {
        let peer = self.group.start_with(id, &[&self.options[..], options].concat());
        self.peers.push(peer.record(&self.group.recorder));
        self.marks.push(0);
    }

    /// Waits until every honest peer has a view with all of them, and perhaps with others.
    pub(crate) fn wait_until_all_meet(&self) {
        let names =
            |view: &str| view.trim_end_matches(']').replace(": [", ", ").split(", ").map(str::to_owned).collect();
        for peer in &self.peers {
            peer.wait_until("a view with all of them", |lines| {
                let view = lines.iter().rev().find_map(|line| line.split_once(": View "));
                let members: Vec<String> = view.map_or_else(Vec::new, |(_, view)| names(view));
                self.peers.iter().all(|other| members.contains(&other.id))
            });
        }
    }

    /// Asserts that the view did not change, and nobody elected.
    pub(crate) fn assert_calm(&self) {
        for (at, peer) in self.peers.iter().enumerate() {
            let unrest = |line: &&String| UNREST.iter().any(|word| line.contains(word));
            let lines = self.since(at);
            let told: Vec<&String> = lines.iter().filter(unrest).collect();
            assert!(told.is_empty(), "{}: {told:#?}", peer.id);
        }
    }

    /// Asserts that no control character is in any log.
    pub(crate) fn assert_clean_logs(&self) {
        for peer in &self.peers {
            for line in peer.log() {
                assert!(!line.chars().any(char::is_control), "{}: {line:?}", peer.id);
            }
        }
    }

    /// Ends the input, and checks everything: one view of the honest peers, equal files, every reading once, no peer
    /// ended. Returns the number of rows.
    pub(crate) fn end(&mut self) -> usize {
        let rows = self.end_with(&[]);
        self.decide();
        rows
    }

    /// The same, where the test fed other peers with these numbers of readings, too many to be written down.
    pub(crate) fn end_with(&mut self, others: &[(&str, u64)]) -> usize {
        let fed = self.end_input(others);
        let rows = usize::try_from(fed.iter().map(|(_, count)| count).sum::<u64>()).expect("not so many");
        assert_same_rows(&self.peers.iter().collect::<Vec<_>>(), rows);
        self.check(&fed);
        rows
    }

    /// The same, where an adversary that was a member has rows, too.
    pub(crate) fn end_among_others(&mut self) {
        let fed = self.end_input(&[]);
        let until = Instant::now() + PATIENCE;
        // What others handed in may come into the order at any moment, so all are stopped while they are compared.
        while !self.have_equal_files_when_stopped() {
            assert!(Instant::now() < until, "their files stay different");
            self.peers.iter().for_each(|peer| peer.signal("-CONT"));
            thread::park_timeout(Duration::from_millis(100));
        }
        self.check(&fed);
        self.decide();
    }

    /// Stops all processes where they are. Have they the same files then?
    fn have_equal_files_when_stopped(&self) -> bool {
        for peer in &self.peers {
            peer.signal("-STOP");
            let until = Instant::now() + PATIENCE;
            while !has_stopped(peer.process_id()) {
                assert!(Instant::now() < until, "{} does not stop", peer.id);
                thread::yield_now();
            }
        }
        self.peers.iter().all(|peer| peer.files() == self.peers[0].files())
    }

    /// Decides whether the run kept its promises.
    fn decide(&self) {
        self.group.recorder.check(&self.peers.iter().collect::<Vec<_>>());
    }

    /// Ends the input, waits until it is delivered and all are in one view. Returns how much each peer was fed.
    fn end_input(&mut self, others: &[(&str, u64)]) -> Vec<(String, u64)> {
        let mut fed: Vec<(String, u64)> = self.feeders.drain(..).map(|(id, feeder)| (id, feeder.finish())).collect();
        fed.extend(others.iter().map(|(id, count)| ((*id).to_owned(), *count)));
        for (id, count) in &fed {
            let peer = self.peers.iter().find(|peer| peer.id == *id).expect("it is one of them");
            peer.wait_for(&format!("End of input, {count} readings delivered"));
        }
        wait_for_view(&self.peers);
        fed
    }

    fn check(&mut self, fed: &[(String, u64)]) {
        for (id, count) in fed {
            assert_fed(&self.peers[0].rows(), id, 0, *count);
        }
        for peer in &mut self.peers {
            assert!(peer.is_running(), "{} ended", peer.id);
            assert!(!peer.said("panicked"), "{} panicked", peer.id);
        }
        self.assert_clean_logs();
    }
}

/// Whether no thread of this process runs, since a signal stopped it.
fn has_stopped(process: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it is a process");
    tasks.map(|task| task.expect("readable").path().join("stat")).all(|stat| {
        // A thread that ends meanwhile does not run, either.
        fs::read_to_string(stat).map_or(true, |text| text.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
    })
}

/// Waits until exactly these peers are in one view.
pub(crate) fn wait_for_view(peers: &[Peer]) {
    let mut ids: Vec<&str> = peers.iter().map(|peer| peer.id.as_str()).collect();
    ids.sort_unstable();
    for peer in peers {
        peer.wait_for_view(&ids);
    }
}

/// The content of a peer's file `state`, which is replaced whole.
pub(crate) fn state(peer: &Peer) -> String {
    fs::read_to_string(peer.data.join("state")).expect("it is there")
}

/// A figure of a process, in kB or as a count.
pub(crate) fn figure(peer: &Peer, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", peer.process_id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a figure");
    line.split_whitespace().next().expect("a number").parse().expect("a number")
}
