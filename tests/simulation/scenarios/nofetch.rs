//! A `FETCH` that is lost on its way.

use peer::wire::Message;

use super::script::{Fate, Script, A, B, C};

#[test]
fn a_fetch_lost_with_its_connection_is_said_again_on_the_new_one() {
    let mut script = Script::new();
    let no_fetch =
        |_, message: &Message| if matches!(message, Message::Fetch { .. }) { Fate::Lost } else { Fate::Arrives };
    script.found(A, &[B, C], no_fetch);
    for member in [B, C] {
        script.reconnect(member, A);
    }
    script.measure(A, &[A, B, C], super::script::all);
    for peer in [A, B, C] {
        assert_eq!(script.process(peer).peer.committed(), 1);
    }
}
