//! A group of this version and of the one before, whose binary `PEER_BEFORE` names: upgraded one by one, and back.

use std::cell::Cell;
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;

use peer::keys;
use rand::rngs::SmallRng;
use rand::SeedableRng;

use crate::harness::settle::{finish, wait_for_one_group};
use crate::harness::station::Station;
use crate::harness::{skipped, Group, Peer, TIMING_SHORT};

const IDS: [&str; 3] = ["a", "b", "c"];

/// Which binary a station starts next.
type Binary = Rc<Cell<&'static str>>;

const NOW: &str = env!("CARGO_BIN_EXE_peer");

fn station(group: &Rc<Group>, id: &str, binary: &Binary, options: &'static [&'static str]) -> Station {
    let (group, name, binary) = (Rc::clone(group), id.to_owned(), Rc::clone(binary));
    let recorder = Arc::clone(&group.recorder);
    Station::new(id, &recorder, move || {
        let mut command = Command::new(binary.get());
        group.complete(&mut command, &name);
        command.args(["--bind", "127.0.0.1", "--broadcast-port", &group.broadcast_port.to_string()]);
        command.args(["--sensor", "stdin", "--resume"]).args(options);
        Peer::start(&name, command, group.data_of(&name))
    })
}

/// Upgrades a group of three that is fed all the while, one by one, and then back. Nothing is lost, and all agree.
fn one_by_one(before: &'static str, options: &'static [&'static str]) {
    let group = Rc::new(Group::timed(TIMING_SHORT));
    keys::file::create(&group.directory.join("key")).expect("a new key");
    let mut rng = SmallRng::seed_from_u64(7);
    let binaries: Vec<Binary> = IDS.map(|_| Rc::new(Cell::new(before))).into();
    let mut stations: Vec<Station> =
        IDS.iter().zip(&binaries).map(|(id, binary)| station(&group, id, binary, options)).collect();
    for station in &mut stations {
        station.start(&mut rng);
    }
    wait_for_one_group(&stations);
    for (to, order) in [(NOW, [0, 1, 2]), (before, [2, 0, 1])] {
        for at in order {
            stations[at].leave();
            binaries[at].set(to);
            stations[at].start(&mut rng);
            wait_for_one_group(&stations);
            stations.iter_mut().for_each(Station::look);
        }
    }
    finish(&mut stations);
}

/// The binary of the version before.
fn before() -> Option<&'static str> {
    let Some(path) = env::var_os("PEER_BEFORE").map(PathBuf::from) else {
        skipped("a group of mixed versions", "PEER_BEFORE names no binary; scripts/test_upgrade.sh builds one");
        return None;
    };
    // The peers run elsewhere.
    let path = path.canonicalize().unwrap_or_else(|error| panic!("PEER_BEFORE={}: {error}", path.display()));
    Some(path.to_str().expect("text").to_owned().leak())
}

#[test]
fn a_group_is_upgraded_one_by_one_and_back_under_load() {
    let Some(before) = before() else { return };
    one_by_one(before, &[]);
}

#[test]
fn a_group_with_a_quorum_is_too() {
    let Some(before) = before() else { return };
    one_by_one(before, &["--quorum", "2"]);
}

#[test]
fn a_closed_group_is_too() {
    let Some(before) = before() else { return };
    one_by_one(before, &["--key-file", "key"]);
}
