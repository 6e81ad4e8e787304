//! Views and runs, with the rules that everything else builds on: how many members are a majority, and how far two logs
//! agree (docs/protocol.md, 1, 4.6).

use std::collections::BTreeMap;

use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{message, Seat};

/// The members of a view, by id.
pub(crate) type Members = BTreeMap<PeerId, Seat>;

/// `orderedPeerList`: the ids of a view, sorted by rank.
pub(crate) fn ordered_peer_list(members: &Members) -> Vec<PeerId> {
    message::ordered_peer_list(members).into_iter().cloned().collect()
}

/// More than half of the members, and never fewer than the quorum.
pub(crate) fn majority(members: usize, quorum: usize) -> usize {
    (members / 2 + 1).max(quorum)
}

/// How far two logs agree, exactly: the end of what their runs have in common.
///
/// A run is `(term, first sequence)`, its end the sequence before the next run, or the log's last. A term has one
/// leader, which only appends, so two logs with a run in common agree up to the shorter end of it.
pub(crate) fn common_prefix(
    a: &[(Term, Sequence)],
    a_last: Sequence,
    b: &[(Term, Sequence)],
    b_last: Sequence,
) -> Sequence {
    let end = |runs: &[(Term, Sequence)], at: usize, last| runs.get(at + 1).map_or(last, |(_, first)| first - 1);
    let mut agreed = 0;
    for (at, (run_a, run_b)) in a.iter().zip(b).enumerate() {
        if run_a != run_b {
            break;
        }
        let (end_a, end_b) = (end(a, at, a_last), end(b, at, b_last));
        agreed = end_a.min(end_b);
        if end_a != end_b {
            break;
        }
    }
    agreed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(items: &[(u64, Sequence)]) -> Vec<(Term, Sequence)> {
        let term = |counter| Term { counter, leader: "a".parse().unwrap(), incarnation: 1 };
        items.iter().map(|(counter, first)| (term(*counter), *first)).collect()
    }

    #[test]
    fn logs_agree_to_the_end_of_what_their_runs_have_in_common() {
        let cases = [
            (&[][..], 0, &[][..], 0, 0),
            (&[(1, 1)][..], 5, &[(1, 1)][..], 3, 3),
            (&[(1, 1), (2, 4)][..], 9, &[(1, 1)][..], 3, 3),
            (&[(1, 1), (2, 4)][..], 9, &[(1, 1)][..], 5, 3),
            (&[(1, 1), (2, 4)][..], 9, &[(1, 1), (3, 4)][..], 7, 3),
            (&[(1, 1), (2, 4)][..], 9, &[(1, 1), (2, 6)][..], 9, 3),
            (&[(1, 1), (2, 4)][..], 9, &[(1, 1), (2, 4)][..], 6, 6),
            (&[(2, 1)][..], 9, &[(1, 1)][..], 9, 0),
        ];
        for (a, a_last, b, b_last, expected) in cases {
            let (a, b) = (runs(a), runs(b));
            assert_eq!(common_prefix(&a, a_last, &b, b_last), expected, "{a:?} {b:?}");
            assert_eq!(common_prefix(&b, b_last, &a, a_last), expected, "the other way round");
        }
    }

    #[test]
    fn a_majority_is_more_than_half_and_at_least_the_quorum() {
        assert_eq!((1..=5).map(|n| majority(n, 1)).collect::<Vec<_>>(), [1, 2, 2, 3, 3]);
        assert_eq!(majority(2, 3), 3);
    }
}
