//! `peer sim` as a user has it: scenarios, what is told, deliberate faults, files, mistakes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn sim(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_peer"))
        .env_clear()
        .arg("sim")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built");
    // One that reads no input may be gone by now.
    drop(child.stdin.take().expect("piped").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn told(arguments: &[&str], status: i32) -> String {
    let output = sim(arguments, "");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}{}", text(&output.stderr));
    said
}

/// A file of this test.
fn file(name: &str, text: &str) -> String {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sim");
    fs::create_dir_all(&directory).expect("room for tests");
    let path = directory.join(name);
    fs::write(&path, text).expect("room for tests");
    path.to_str().expect("an ordinary path").to_owned()
}

#[test]
fn every_scenario_of_the_documents_keeps_its_promises() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios");
    let mut played = 0;
    for entry in fs::read_dir(directory).expect("it is there") {
        let path = entry.expect("readable").path();
        let said = told(&[path.to_str().expect("an ordinary path"), "--detail", "events"], 0);
        assert!(said.contains("OK: all promises hold"), "{said}");
        played += 1;
    }
    assert!(played >= 6, "the test looks in the wrong place");
}

#[test]
fn a_run_is_told_as_it_happens_and_is_the_same_each_time() {
    let lines = "peers 3\nrate 10/s\nfor 20s\nat 9s split a | b c\nat 15s heal\nat 16s kill leader\n";
    let path = file("told.txt", lines);
    let said = told(&[&path], 0);
    for line in ["!!        split a | b c for 6s", "!!        kill c", "c         is gone", "leads, term 1@c: a b c"] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    assert!(said.contains("COORDINATOR") && !said.contains("ORDERED"), "{said}");
    assert_eq!(told(&[&path], 0), said);
    let talk = told(&[&path, "--detail", "talk"], 0);
    assert!(talk.contains("ORDERED") && talk.contains("NEW_PEER_REQUEST to"), "{talk}");
    assert!(!told(&[&path, "--detail", "events"], 0).contains("COORDINATOR ("));
}

#[test]
fn a_broken_promise_comes_with_a_scenario_that_breaks_it_again() {
    let drawn = ["--seed", "0", "--mode", "quorum", "--fault", "quorum-too-low", "--detail", "events"];
    let said = told(&drawn, 1);
    assert!(said.contains("BROKEN: promise 4: "), "{said}");
    let (_, shortest) = said.split_once("\n# promise 4").expect("the scenario");
    let steps = |text: &str| text.lines().filter(|line| line.starts_with("at ")).count();
    let path = file("shortest.txt", &format!("# promise 4{shortest}"));
    let again = told(&[&path, "--no-shrink", "--detail", "events"], 1);
    assert!(again.contains("BROKEN: promise 4: "), "{again}");
    assert!(!again.contains("The shortest scenario"), "{again}");
    let faults = again.lines().filter(|line| line.contains("!!")).count();
    assert!(steps(shortest) <= faults, "{again}");
    // The same without the fault is a run like any other.
    let honest = fs::read_to_string(&path).expect("just written").replace("fault quorum-too-low\n", "");
    told(&[&file("honest.txt", &honest), "--detail", "events"], 0);
}

#[test]
fn only_the_promise_that_is_asked_for_ends_a_run() {
    let path = file("only.txt", "peers 3\nfault commit-too-high\nfor 20s\n");
    let broken = told(&[&path, "--no-shrink"], 1);
    assert!(broken.contains("BROKEN: promise 4: "), "{broken}");
    let line = broken.lines().find(|line| line.contains("BROKEN    promise 4")).expect("the moment");
    let at: f64 = line.split_whitespace().next().and_then(|time| time.parse().ok()).expect("a time");
    assert!((5.0..20.0).contains(&at), "it breaks as soon as there is a leader: {line}");
    let said = told(&[&path, "--stop-at", "1"], 0);
    assert!(said.contains("OK: promise 1 holds"), "{said}");
}

#[test]
fn a_run_that_is_made_shorter_goes_without_its_later_steps() {
    let path = file("shorter.txt", "peers 3\nat 9s kill b\nat 40s split a | b c for 30s\n");
    let said = told(&[&path, "--for", "30s", "--detail", "events"], 0);
    assert!(said.contains("!!        kill b") && !said.contains("split"), "{said}");
    let before = file("before.txt", "peers 3\nfor 30s\nat 40s split a | b c for 30s\n");
    let output = sim(&[&before], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("line 3, '40s': faults end before it, at 30s"), "{}", text(&output.stderr));
}

#[test]
fn a_run_is_walked_through_back_as_well_as_forward() {
    let path = file("steps.txt", "peers 2\nfor 15s\nat 8s kill leader\n");
    let output = sim(&[&path, "--step"], "\n\nb\n8s\n/leads\nnonsense\nq\n");
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let places: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix('[')?.split(' ').next()).collect();
    assert_eq!(places[..4], ["1", "2", "3", "2"], "{said}");
    assert!(said.contains("8.0000 !!        kill b"), "{said}");
    assert!(said.contains("b         not running"), "{said}");
    assert!(said.contains("OK: all promises hold"), "{said}");
}

#[test]
fn pictures_hold_the_whole_run_and_ask_nobody() {
    let path = file("pictures.txt", "peers 3\nfor 15s\nat 8s kill leader\n");
    let [html, shiviz, mermaid] = ["run.html", "run.shiviz", "run.mmd"].map(|name| file(name, ""));
    told(&[&path, "--html", &html, "--shiviz", &shiviz, "--mermaid", &mermaid], 0);
    let page = fs::read_to_string(html).expect("written");
    assert!(page.contains("\"text\":\"kill c\"") && page.contains("at 8s kill leader"), "{}", &page[..2000]);
    assert!(!page.contains("http://") && !page.contains("https://"), "it asks another host");
    assert!(!page.contains("{{"), "something is not filled in");
    let events = fs::read_to_string(shiviz).expect("written");
    let clocks = events.lines().step_by(2);
    assert!(clocks.clone().count() > 100);
    clocks.for_each(|line| assert!(line.contains(" {\"") && line.ends_with('}'), "{line}"));
    let diagram = fs::read_to_string(mermaid).expect("written");
    for line in ["sequenceDiagram", "    participant a", "    Note over a,c: kill c", "    Note over b: leads"] {
        assert!(diagram.lines().any(|known| known == line), "{line} in\n{diagram}");
    }
}

#[test]
fn mistakes_are_told_in_one_line() {
    let wrong = file("wrong.txt", "peers 3\nat 5s kil a\n");
    let output = sim(&[&wrong], "");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("wrong.txt: line 2, 'kil': nothing that can happen; start, kill,"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let output = sim(&["nowhere/to/be.txt"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: cannot read nowhere/to/be.txt: "));

    let fits = file("fits.txt", "peers 3\nat 5s kill c\n");
    let output = sim(&[&fits, "--peers", "2"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the options do not fit the scenario: line"), "{}", text(&output.stderr));

    let output = sim(&["--fault", "everything"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("'peer sim --faults' lists them"), "{}", text(&output.stderr));

    for option in ["--html", "--shiviz", "--mermaid"] {
        let output = sim(&[&fits, option, &fits], "");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).ends_with("fits.txt is the scenario\n"), "{}", text(&output.stderr));
        assert_eq!(fs::read_to_string(&fits).expect("kept"), "peers 3\nat 5s kill c\n");
    }

    let output = sim(&[&fits, "--html", "nowhere/to/be.html"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: cannot write nowhere/to/be.html: "));
}

#[test]
fn every_deliberate_fault_has_a_name() {
    let said = told(&["--faults"], 0);
    let names: Vec<&str> = said.lines().collect();
    assert_eq!(names.len(), 36, "{said}");
    assert!(names.contains(&"fetched-before-stored"), "{said}");
}
