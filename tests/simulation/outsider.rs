//! A host without the key of a closed group changes nothing.

use peer::simulation::outsider::Habits;
use peer::simulation::plan::{Mode, Plan};
use peer::simulation::run::{outcome, Outcome};
use peer::simulation::seeds::in_order;
use peer::simulation::world::World;
use rand::rngs::SmallRng;
use rand::SeedableRng;

/// Seeds of each mode.
const SEEDS: u64 = 12;

#[test]
fn the_words_of_a_host_without_the_key_change_nothing_at_all() {
    for mode in Mode::ALL {
        let changed = in_order(0, SEEDS, |seed| {
            let mut rng = SmallRng::seed_from_u64(seed);
            let plan = Plan { liar: None, ..Plan::draw(mode, &mut rng) };
            let with = |outsider| outcome(World::with_plan(Plan { outsider, ..plan.clone() }, rng.clone(), false));
            let closed = with(Some(Habits { seed, times: 300, disturbs: false }));
            (Outcome { closed: false, ..closed } != with(None)).then_some(seed)
        });
        let changed: Vec<u64> = changed.into_iter().flatten().collect();
        assert!(changed.is_empty(), "{}: {changed:?} are not the runs of the open groups", mode.name());
    }
}
