//! `docs/openapi.json` compared with a real peer: every answer is as described, and what it forbids is refused.

use std::path::Path;

use crate::client::{get_until, start};
use crate::harness::python::{fetch, run};
use crate::harness::{skipped, Group};

const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// How many cases each path has, beside those that the description implies.
const EXAMPLES: u32 = 20;

#[test]
fn answers_are_as_the_description_says() {
    let packages = match fetch(&[SCHEMATHESIS]) {
        Ok(packages) => packages,
        Err(why) => return skipped("HTTP held against its description", &why),
    };
    let group = Group::new();
    let (mut peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    let lines: Vec<String> =
        (0..50).map(|number| format!("DATA|roof|2013-01-01T00:00:{number:02}Z|{number}.5|50|\n")).collect();
    peer.feed(&lines.concat());
    get_until(&address, "/readings.csv", |answer| answer.body.lines().count() == 51);
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    // The endless stream is tested elsewhere. The seed makes the cases the same each time.
    let arguments = format!(
        "['run', {description:?}, '--url', 'http://{address}', '--exclude-path', '/api/v1/stream', '--max-examples', '{EXAMPLES}', \
         '--seed', '1', '--no-color', '--generation-database', 'none']"
    );
    // Its files of a run are removed with the group.
    let directory = &group.directory;
    let script = format!(
        "import os\nos.chdir({directory:?})\nfrom schemathesis.cli import schemathesis\nschemathesis({arguments})"
    );
    let output = run(&script, &packages);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("Tested: 8"), "{text}");
}
