//! What holds for the files of the page without a browser.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page")
}

fn text(name: &str) -> String {
    fs::read_to_string(page().join(name)).expect("text")
}

/// Names of the project's own files: third-party files are in a directory of their own.
fn ours() -> Vec<String> {
    let entries = fs::read_dir(page()).expect("it is there").map(|entry| entry.expect("readable"));
    let files = entries.filter(|entry| entry.file_type().expect("known").is_file());
    files.map(|entry| entry.file_name().into_string().expect("plain names")).collect()
}

#[test]
fn files_are_short_and_say_first_what_they_are_for() {
    for name in ours() {
        let text = text(&name);
        assert!(text.lines().count() <= LINES_MAX, "{name} is long");
        let says = match Path::new(&name).extension().and_then(|end| end.to_str()) {
            Some("js") => text.starts_with("// "),
            Some("css") => text.starts_with("/* "),
            _ => true,
        };
        assert!(says, "{name} does not begin with its duty");
    }
}

/// Ways in which text from others could become part of the page's markup or script, and what its policy forbids.
const FORBIDDEN: [&str; 10] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "createContextualFragment",
    "setHTMLUnsafe",
    "eval(",
    "Function(",
    " style=\"",
    " onclick",
];

#[test]
fn nothing_that_others_sent_becomes_markup() {
    for name in ours() {
        let text = text(&name);
        for forbidden in FORBIDDEN {
            assert!(!text.contains(forbidden), "{name} has {forbidden}");
        }
    }
}

#[test]
fn it_asks_no_other_host() {
    for name in ours() {
        for rest in text(&name).split("//").skip(1) {
            // A comment has a space there; the names of XML's vocabularies are not addresses to ask.
            let is_plain = rest.starts_with([' ', '\n']) || rest.starts_with("www.w3.org/2000/svg");
            assert!(is_plain, "{name}: //{}", rest.lines().next().unwrap_or_default());
        }
    }
}

#[test]
fn events_that_it_says_in_words_are_events_of_the_log() {
    let text = text("happenings.js");
    let names: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": ")).map(|(name, _)| name).collect();
    assert!(names.len() > 20 && names.is_sorted(), "{names:?}");
    for name in names {
        assert!(peer::log_lines::EVENTS.contains(&name), "there is no event {name}");
    }
}
