//! How many rows go into one request. A link may be too slow for many, and a proxy in front of a server may refuse a
//! large request. Then fewer go, and more again once that went well.

use std::time::Duration;

/// Most rows of a request.
const ROWS_MAX: usize = 5_000;

/// A request that is answered within this time may be twice as large.
const QUICK: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Part {
    rows: usize,
    max: usize,
}

impl Part {
    pub(super) const WHOLE: Self = Self { rows: ROWS_MAX, max: ROWS_MAX };

    /// The first rows, as many as one request takes.
    pub(super) fn of<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        &rows[..rows.len().min(self.rows)]
    }

    /// This many went within this time.
    pub(super) fn went(&mut self, rows: usize, took: Duration) {
        if rows >= self.rows && took <= QUICK {
            self.rows = (2 * self.rows).min(self.max);
        }
    }

    /// This many went, and no answer came.
    pub(super) fn is_unanswered(&mut self, rows: usize) {
        self.rows = (rows / 2).max(1);
    }

    /// This many are too large, and will be each time. Returns whether fewer can go.
    pub(super) fn is_too_large(&mut self, rows: usize) -> bool {
        self.max = (rows / 2).max(1);
        self.rows = self.max;
        rows > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of plenty of rows go now.
    fn of(part: &Part) -> usize {
        part.of(&[(); 2 * ROWS_MAX]).len()
    }

    #[test]
    fn fewer_go_where_no_answer_comes_and_more_again_where_one_comes_quickly() {
        let mut part = Part::WHOLE;
        part.is_unanswered(5_000);
        part.is_unanswered(2_500);
        assert_eq!(of(&part), 1_250);
        part.went(1_250, QUICK + Duration::from_millis(1));
        part.went(3, Duration::ZERO);
        assert_eq!(of(&part), 1_250, "neither a slow request nor a small one is a reason");
        for expected in [2_500, 5_000, 5_000] {
            part.went(of(&part), QUICK);
            assert_eq!(of(&part), expected);
        }
        (0..20).for_each(|_| part.is_unanswered(of(&part)));
        assert_eq!((of(&part), part.of(&[1, 2])), (1, &[1][..]));
    }

    #[test]
    fn what_is_too_large_is_not_tried_again() {
        let mut part = Part::WHOLE;
        assert!(part.is_too_large(5_000) && part.is_too_large(2_500));
        part.went(1_250, Duration::ZERO);
        assert_eq!(of(&part), 1_250);
        part.is_unanswered(1_000);
        part.went(500, Duration::ZERO);
        part.went(1_000, Duration::ZERO);
        assert_eq!(of(&part), 1_250);
        assert!(!part.is_too_large(1));
    }
}
