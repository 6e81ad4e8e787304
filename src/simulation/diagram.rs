//! A run as a sequence diagram in Mermaid, for documents.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::simulation::record::{verb, HostState, What};
use crate::simulation::telling::{standing, Detail, Story};

/// The messages of this level in the order in which they are sent, and what becomes of the hosts.
#[must_use]
pub fn sequence(story: &Story, detail: Detail) -> String {
    let mut text = "sequenceDiagram\n".to_owned();
    for name in &story.names {
        writeln!(text, "    participant {name}").expect("a string takes all");
    }
    let told: Vec<usize> = story.lines(detail).into_iter().map(|(place, _)| place).collect();
    let mut states: BTreeMap<usize, &HostState> = BTreeMap::new();
    for place in told {
        let line = match &story.record.moments[place].what {
            What::Sent { number, from, to, text, .. } => {
                let arrow = if story.arrival(*number).is_some() { "->>" } else { "--x" };
                format!("{}{arrow}{}: {}", story.name(*from), story.name(*to), verb(text))
            }
            What::Became { host, state } => {
                let before = states.insert(*host, state);
                if before.is_some_and(|before| before.standing == state.standing) {
                    continue;
                }
                format!("Note over {}: {}", story.name(*host), standing(state.standing))
            }
            What::Fault { text, .. } => {
                let (first, last) = (story.name(0), story.name(story.names.len() - 1));
                format!("Note over {first},{last}: {text}")
            }
            What::Broken(why) => {
                let (first, last) = (story.name(0), story.name(story.names.len() - 1));
                format!("Note over {first},{last}: BROKEN {}", why.replace([';', '#', ':'], " "))
            }
            What::Logged { .. } | What::Arrived { .. } => continue,
        };
        writeln!(text, "    {line}").expect("a string takes all");
    }
    text
}
