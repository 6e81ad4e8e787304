//! How often something may happen: a number of times in a row, and as many again in each period.

use crate::protocol::input::Time;

#[derive(Debug, Clone)]
pub(crate) struct Budget {
    most: u32,
    left: u32,
    /// When it was last filled up, in part or whole.
    filled: Option<Time>,
}

impl Budget {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, left: most, filled: None }
    }

    /// Whether it may happen once more; if so, that is counted. A `period` fills the budget up.
    pub(crate) fn spend(&mut self, now: Time, period: Time) -> bool {
        self.spend_some(1, now, period)
    }

    /// The same for what counts as much as `some` times.
    pub(crate) fn spend_some(&mut self, some: u32, now: Time, period: Time) -> bool {
        let since = *self.filled.get_or_insert(now);
        let one = period / self.most;
        let earned = now.saturating_sub(since).as_nanos() / one.as_nanos().max(1);
        if let Some(earned) = u32::try_from(earned).ok().filter(|earned| *earned < self.most - self.left) {
            self.left += earned;
            self.filled = Some(since + one * earned);
        } else {
            (self.left, self.filled) = (self.most, Some(now));
        }
        let may = self.left >= some;
        self.left -= if may { some } else { 0 };
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_more_than_is_left_takes_nothing() {
        let (mut budget, second) = (Budget::new(4), Time::from_secs(1));
        let mut spent = |some| budget.spend_some(some, second, second);
        assert_eq!([spent(3), spent(2), spent(1), spent(1)], [true, false, true, false]);
    }

    #[test]
    fn a_full_budget_is_spent_in_a_row_and_then_as_it_fills_up() {
        let (mut budget, second) = (Budget::new(4), Time::from_secs(1));
        let mut spent = |millis: u64| (0..9).filter(|_| budget.spend(Time::from_millis(millis), second)).count();
        assert_eq!((spent(1000), spent(1249), spent(1250), spent(1800), spent(9000)), (4, 0, 1, 2, 4));
    }
}
