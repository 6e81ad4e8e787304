//! Peers that show themselves over HTTP, and what tests read of their page.

use crate::harness::{Group, Peer};

/// Starts a peer with a page; returns the address of the page, too.
pub(crate) fn start(group: &Group, id: &str, options: &[&str]) -> (Peer, String) {
    start_at(group, id, "127.0.0.1:0", options)
}

/// The same, with the page at this address.
pub(crate) fn start_at(group: &Group, id: &str, address: &str, options: &[&str]) -> (Peer, String) {
    let peer = group.start_with(id, &[&["--http", address], options].concat());
    let said = "HTTP: ";
    peer.wait_for(said);
    let log = peer.log();
    let line = log.iter().find_map(|line| line.split_once(said)).expect("just seen").1;
    let url = line.split(' ').next().expect("it begins with the address").to_owned();
    (peer, url)
}

/// Whether this peer is shown as the leader.
pub(crate) fn leader_is(id: &str) -> String {
    format!(
        "document.querySelector('#members [data-tone=lead]')?.closest('tr').querySelector('.peer-id').textContent === '{id}'"
    )
}

/// Whether this many members are shown.
pub(crate) fn members_are(count: usize) -> String {
    format!("document.querySelectorAll('#members tbody tr').length === {count}")
}

/// Whether this text is in the first element that the selector finds.
pub(crate) fn says(selector: &str, text: &str) -> String {
    format!("document.querySelector('{selector}')?.textContent.includes('{text}')")
}

/// The card of a sensor.
pub(crate) fn card(sensor: &str) -> String {
    format!(".card[title=\"{sensor}\"]")
}
