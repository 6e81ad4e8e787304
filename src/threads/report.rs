//! What a peer tells of itself and its group: for its page, for programs, and for the service manager.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::lock::lock;
use super::node::Node;
use crate::config::Config;
use crate::ids::PeerId;
use crate::protocol::Picture;
use crate::status::report::Given;
use crate::status::Report;

impl Node {
    /// What this peer knows of itself and its group now.
    pub(super) fn report(&self) -> Report {
        let now = SystemTime::now();
        let missing: Vec<PeerId> = lock(&self.watch.attendance).missing(now).map(|(id, _)| id.clone()).collect();
        let (picture, addresses): (Picture, Vec<Option<SocketAddr>>) = {
            let core = lock(&self.core);
            (core.picture(self.now()), missing.iter().map(|id| core.endpoint_of(id)).collect())
        };
        let disk = self.reserve.disk();
        let address_of = |id: &PeerId| missing.iter().position(|known| known == id).and_then(|at| addresses[at]);
        let attendance = lock(&self.watch.attendance);
        Report::new(&self.given, &picture, &attendance, (disk, now), address_of)
    }
}

/// What a report says about how this peer was started.
pub(super) fn given(config: &Config, address: SocketAddr, http: Option<String>) -> Given {
    Given {
        peer: config.peer_id.clone(),
        group: config.group.clone(),
        closed: config.key_file.is_some(),
        quorum: config.quorum,
        resume: config.resume,
        address,
        http,
        started: SystemTime::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{nobody, view, write_key, Trial};
    use crate::storage::TempDir;

    #[test]
    fn a_missing_peer_is_reported_with_its_own_address() {
        let trial = Trial::new();
        let endpoint = nobody();
        trial.meets_b(endpoint);
        trial.node.watch.note(&view(&["0", "a", "b", "c"]));
        trial.node.watch.note(&view(&["a"]));
        let report = trial.node.report();
        let missing: Vec<_> = report.missing.iter().map(|absent| (&*absent.peer, absent.address.clone())).collect();
        assert_eq!(missing, [("0", None), ("b", Some(endpoint.to_string())), ("c", None)]);
    }

    #[test]
    fn a_report_says_how_the_peer_was_started() {
        let temp = TempDir::new();
        let key = temp.path().join("key");
        write_key(&key, 1);
        let trial = Trial::with(|config| {
            (config.group, config.key_file) = ("greenhouse".to_owned(), Some(key));
            (config.quorum, config.resume) = (Some(2), true);
        });
        let report = trial.node.report();
        assert_eq!((&*report.peer, &*report.group, report.closed), ("a", "greenhouse", true));
        assert_eq!((report.quorum, report.resume, &*report.address), (Some(2), true, "127.0.0.1:9"));
        let report = Trial::new().node.report();
        assert_eq!((report.closed, report.quorum, report.resume, report.http), (false, None, false, None));
    }
}
