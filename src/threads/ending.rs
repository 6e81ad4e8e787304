//! The end of a peer: its last words, and what its exit means.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::inbox::StorageItem;
use super::link::Link;
use super::lock::read;
use super::marks::Marks;
use super::node::Node;
use crate::config::Config;
use crate::fatal::Fatal;
use crate::protocol::Exit;

/// How long the last messages may take to go out, and the last rows to be written. With the half second in which the
/// core waits for commits, this keeps the end within a second.
pub(super) const FAREWELL: Duration = Duration::from_millis(250);

/// Lets the last messages go out and the last rows be written, for this long at most.
pub(super) fn farewell(node: &Node, marks: Option<&Marks>, most: Duration) {
    if let Some(marks) = marks {
        marks.settle(most);
    }
    let until = Instant::now() + most;
    let (written, wait) = bounded(1);
    let finished = node.storage.send(StorageItem::Finish(written)).is_ok() && wait.recv_deadline(until).is_ok();
    if !finished && node.config.flush_interval.is_some() {
        // Otherwise the few that are not written are in the other peers' files.
        log::warn!(
            event = "rows_unwritten";
            "The disk is slow or refuses: rows that waited may not be in the CSV files; the journal has them, and a start with \
             --resume writes them"
        );
    }
    let links: Vec<Arc<Link>> = read(&node.links).values().cloned().collect();
    for link in links {
        // Nothing ever comes on it, but it ends when the link has written everything.
        let _ = link.when_idle().recv_deadline(until);
    }
}

/// What a peer that ended in this way tells its caller.
pub(super) fn conclude(exit: &Exit, config: &Config, failure: Option<String>) -> Result<(), Fatal> {
    match exit {
        Exit::Stopped => {
            log::info!(event = "stopped"; "Stopped");
            Ok(())
        }
        Exit::StoppedWith { uncommitted } => {
            let advice = if config.resume { "--resume goes on with them" } else { "give them again if they matter" };
            log::warn!(
                event = "stopped", uncommitted = uncommitted;
                "Stopped; readings taken in and not known to be committed: {uncommitted}; {advice}"
            );
            Ok(())
        }
        Exit::Duplicate { endpoint } => Err(Fatal::Duplicate { id: config.peer_id.clone(), endpoint: *endpoint }),
        Exit::Disk => Err(Fatal::Storage(failure.unwrap_or_else(|| "the storage ended".to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::link::Fate;
    use super::super::lock::write;
    use super::super::trial::{id, Trial};
    use super::*;
    use crate::log_lines::captured;
    use crate::wire::Message;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Says farewell to a storage that is quick or takes nothing; returns the lines of it.
    fn says(trial: &Trial, is_quick: bool, most: Duration) -> Vec<String> {
        let inbox = trial.for_storage.clone();
        let finishes = move || match inbox.recv().unwrap() {
            StorageItem::Finish(answer) => answer.send(()).unwrap(),
            _ => panic!("it was not asked"),
        };
        let storage = is_quick.then(|| thread::spawn(finishes));
        let ((), lines) = captured(|| farewell(&trial.node, None, most));
        trial.node.storage.send(StorageItem::Probe).unwrap();
        if let Some(storage) = storage {
            storage.join().unwrap();
        }
        lines
    }

    #[test]
    fn rows_that_may_be_missing_are_named_where_they_wait_for_others() {
        for (interval, is_quick, warns) in
            [(Some(MINUTE), true, false), (Some(MINUTE), false, true), (None, true, false), (None, false, false)]
        {
            let trial = Trial::with(|config| config.flush_interval = interval);
            let most = if is_quick { MINUTE } else { Duration::from_millis(20) };
            let begun = Instant::now();
            let lines = says(&trial, is_quick, most);
            assert!(is_quick || begun.elapsed() >= most, "the disk has some time");
            assert_eq!(lines.len(), usize::from(warns), "{lines:?}");
            assert!(lines.iter().all(|line| line.starts_with("WARN rows_unwritten: ")), "{lines:?}");
        }
    }

    #[test]
    fn the_last_messages_have_some_time_too() {
        let (trial, most, begun) = (Trial::new(), Duration::from_millis(20), Instant::now());
        let link = Arc::new(Link::new(id("b")));
        assert_eq!(link.put(Message::Ok { term: None }), Fate::Waits);
        write(&trial.node.links).insert(id("b"), link);
        let Trial { node, for_storage, temp: _temp, .. } = trial;
        drop(for_storage);
        farewell(&node, None, most);
        assert!(begun.elapsed() >= most);
    }

    #[test]
    fn an_end_that_nobody_asked_for_is_a_failure() {
        let trial = Trial::new();
        let concluded = |exit: &Exit, failure: Option<&str>, resume: bool| {
            let config = Config { resume, ..trial.node.config.clone() };
            let (end, lines) = captured(|| conclude(exit, &config, failure.map(str::to_owned)));
            (end.map_err(|fatal| fatal.to_string()), lines)
        };
        let stopped = "INFO stopped: Stopped".to_owned();
        assert_eq!(concluded(&Exit::Stopped, None, false), (Ok(()), vec![stopped]));
        for (resume, advice) in [(false, "give them again if they matter"), (true, "--resume goes on with them")] {
            let text = "WARN stopped: Stopped; readings taken in and not known to be committed: 3";
            let expected = (Ok(()), vec![format!("{text}; {advice}")]);
            assert_eq!(concluded(&Exit::StoppedWith { uncommitted: 3 }, None, resume), expected);
        }
        let disk = |failure| concluded(&Exit::Disk, failure, false);
        assert_eq!(disk(Some("it is full")), (Err("it is full".to_owned()), vec![]));
        assert_eq!(disk(None), (Err("the storage ended".to_owned()), vec![]));
        let endpoint = Some("192.0.2.7:70".parse().unwrap());
        let (duplicate, _) = concluded(&Exit::Duplicate { endpoint }, None, false);
        assert!(duplicate.is_err_and(|text| text.contains("192.0.2.7:70")));
    }
}
