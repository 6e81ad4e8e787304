//! The house rules that a compiler does not know: which layer imports which, how long a file is, which words stop a reader.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

#[path = "tidy/citations.rs"]
mod citations;

/// A longer file holds two things.
const LINES_MAX: usize = 400;

/// What each layer may use of this crate, as `src/lib.rs` says.
const LAYERS: [(&str, &[&str]); 32] = [
    ("ids", &[]),
    ("version", &[]),
    ("elapsed", &[]),
    ("identity", &[]),
    ("durable", &[]),
    ("size", &[]),
    ("ranges", &[]),
    ("json", &[]),
    ("keys", &["ids"]),
    ("log_lines", &["ids", "json"]),
    ("complaints", &["elapsed", "ids"]),
    ("descriptors", &[]),
    ("service", &[]),
    ("reading", &["ids"]),
    ("wire", &["ids", "reading"]),
    ("numbers", &["ids", "ranges", "wire"]),
    ("protocol", &["elapsed", "ids", "numbers", "ranges", "size", "wire"]),
    ("storage", &["descriptors", "durable", "identity", "ids", "numbers", "ranges", "reading", "version", "wire"]),
    ("net", &["keys", "wire"]),
    ("sensors", &["complaints", "descriptors", "durable", "identity", "ids", "reading", "version", "wire", "config"]),
    ("config", &["ids", "log_lines", "size", "wire"]),
    ("status", &["elapsed", "ids", "log_lines", "protocol", "size"]),
    ("http", &["history", "ids", "reading", "status", "storage"]),
    ("inquiry", &["elapsed", "keys", "net", "selection", "status", "storage", "wire"]),
    ("selection", &["ids", "storage"]),
    ("export", &["durable", "history", "ids", "reading", "selection", "storage"]),
    ("tail", &["durable", "history", "ids", "reading", "selection", "storage"]),
    ("bridge", &["history", "ids", "inquiry", "json", "keys", "reading", "status", "storage", "tail", "version"]),
    ("history", &["ids", "json", "reading", "storage", "version", "wire"]),
    (
        "doctor",
        &[
            "descriptors",
            "elapsed",
            "ids",
            "inquiry",
            "keys",
            "log_lines",
            "net",
            "selection",
            "status",
            "storage",
            "wire",
        ],
    ),
    ("simulation", &["config", "ids", "keys", "net", "protocol", "storage", "threads", "wire"]),
    ("verify", &["elapsed", "ids", "json", "numbers", "reading", "selection", "storage", "wire"]),
];

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory of the project") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if is_source(&path) {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files of a layer but for its tests: `src/<layer>.rs` and everything in `src/<layer>/`.
fn layer(name: &str) -> Vec<PathBuf> {
    let source = root().join("src");
    let is_of = |path: &PathBuf| {
        let inner = path.strip_prefix(&source).expect("below src");
        let is_tests = |part: Component| {
            Path::new(part.as_os_str()).file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
        };
        let tests = inner.components().any(is_tests);
        !tests && (inner.starts_with(name) || inner == Path::new(&format!("{name}.rs")))
    };
    sources(&source).into_iter().filter(is_of).collect()
}

/// The code of a file, without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("text");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_point_down() {
    for (name, allowed) in LAYERS {
        let files = layer(name);
        assert!(!files.is_empty(), "there is no layer {name}");
        for path in files {
            for used in code(&path).split("crate::").skip(1) {
                let module: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let fine = module == name || allowed.contains(&module.as_str());
                assert!(fine, "{} uses crate::{module}; it may use {allowed:?}", path.display());
            }
        }
    }
}

/// All that is compiled.
fn all_sources() -> Vec<PathBuf> {
    let parts = ["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets", "packaging/manual/src"];
    parts.into_iter().flat_map(|part| sources(&root().join(part))).collect()
}

#[test]
fn files_are_short_and_say_first_what_they_are_for() {
    for path in all_sources() {
        let text = fs::read_to_string(&path).expect("text");
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
        assert!(text.starts_with("//! "), "{} does not begin with its duty", path.display());
    }
}

/// Rooms whose heads are tables of all that is in them.
const ROOMS: [&str; 3] = ["storage", "threads", "protocol"];

#[test]
fn the_head_of_a_room_names_every_module_but_for_tests() {
    for room in ROOMS {
        let text = fs::read_to_string(root().join(format!("src/{room}.rs"))).expect("text");
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let mut modules = 0;
        for (before, line) in text.lines().zip(text.lines().skip(1)) {
            let declared = line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            if let Some(module) = declared.filter(|_| before != "#[cfg(test)]") {
                let is_named = [format!("`{module}`"), format!("`{module}/`")].iter().any(|name| head.contains(name));
                assert!(is_named, "the head of src/{room}.rs does not name {module}");
                modules += 1;
            }
        }
        assert!(modules > 10, "the test looks in the wrong place");
    }
}

#[test]
fn what_decides_about_real_runs_knows_nothing_of_the_code() {
    let files = sources(&root().join("tests/history"));
    assert!(files.len() > 5, "the test looks in the wrong place");
    for path in files {
        let code = code(&path);
        let lines = code.lines().map(|line| line.trim_start().trim_start_matches("pub(crate) "));
        let uses = lines.filter_map(|line| line.strip_prefix("use ")?.split("::").next());
        let mut others = uses.filter(|from| !["std", "super", "crate", "verdict"].contains(from));
        assert_eq!(others.next(), None, "{} uses more than the standard library", path.display());
        assert!(!code.contains("peer::"), "{} uses what it has to judge", path.display());
    }
}

/// How the standard library makes files and directories.
const MAKERS: [&str; 5] = ["File::create", ".create(true)", "create_dir", "fs::write(", "fs::copy("];

#[test]
fn storage_makes_files_in_one_place_which_sets_their_modes() {
    for path in layer("storage").into_iter().filter(|path| !path.ends_with("making.rs")) {
        let code = code(&path);
        let maker = MAKERS.into_iter().find(|maker| code.contains(maker));
        assert_eq!(maker, None, "{} makes files itself; making.rs does that", path.display());
    }
}

#[test]
fn every_event_of_the_log_is_documented() {
    let text = fs::read_to_string(root().join("docs/log.md")).expect("it is there");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), peer::log_lines::EVENTS);
    assert!(peer::log_lines::EVENTS.is_sorted());
}

/// Pages for readers, with their text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    for entry in fs::read_dir(root().join("docs")).expect("it is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect()
}

/// The anchors that a page's headings give.
fn anchors(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("text");
    let headings =
        text.lines().filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn links_of_pages_lead_somewhere() {
    for (page, text) in pages() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().expect("a directory").join(file) };
            assert!(path.is_file(), "{}: {target} is not there", page.display());
            let leads = anchor.is_empty() || anchors(&path).iter().any(|known| known == anchor);
            assert!(leads, "{}: {target} has no such heading", page.display());
        }
    }
}

#[test]
fn every_verb_that_is_read_is_in_the_grammar() {
    let protocol = fs::read_to_string(root().join("docs/protocol.md")).expect("it is there");
    let is_verb =
        |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c == ' ');
    let mut verbs = 0;
    for code in layer("wire").iter().map(|path| code(path)) {
        let arms = code.split("\" =>").filter_map(|before| before.rsplit('"').next());
        for verb in arms.filter(is_verb) {
            let written = [format!("`{verb}:"), format!("`{verb}`")];
            let is_written = written.iter().any(|text| protocol.contains(text));
            assert!(is_written, "docs/protocol.md does not say how {verb} is written");
            verbs += 1;
        }
    }
    assert!(verbs > 20, "the test looks in the wrong place");
}

/// What is written for people in each line of a text: in source text the comments, in a page all of it.
fn prose<'a>(path: &Path, text: &'a str) -> impl Iterator<Item = &'a str> {
    let mark = match path.extension().and_then(OsStr::to_str) {
        Some("rs") => "//",
        Some("sh" | "py") => "#",
        _ => "",
    };
    text.lines().map(move |line| line.find(mark).map_or("", |at| &line[at..]))
}

/// All that is compiled, and all pages, with their text.
fn texts() -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).expect("text"));
    all_sources().into_iter().map(read).chain(pages()).collect()
}

/// Words that stop a reader. Plain English has others.
const STUMBLING: [&str; 5] = ["whoever", "anew", "parted", "the own", "at once"];

/// Where a text has one of these words, and which.
fn stumbles(path: &Path, text: &str) -> Option<(usize, &'static str)> {
    let numbered = prose(path, text).zip(1..);
    let words: Vec<(usize, String)> = numbered
        .flat_map(|(line, number)| {
            let words = line.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
            words.map(move |word| (number, word.to_lowercase()))
        })
        .collect();
    STUMBLING.into_iter().find_map(|stumbling| {
        let parts: Vec<&str> = stumbling.split(' ').collect();
        let found = words.windows(parts.len()).find(|run| run.iter().map(|(_, word)| word).eq(&parts))?;
        Some((found[0].0, stumbling))
    })
}

#[test]
fn comments_and_pages_are_in_plain_words() {
    let scripts = fs::read_dir(root().join("scripts")).expect("it is there");
    let scripts = scripts.map(|entry| entry.expect("readable").path());
    let scripts = scripts.map(|path| (path.clone(), fs::read_to_string(path).expect("text")));
    for (path, text) in texts().into_iter().chain(scripts) {
        if let Some((line, word)) = stumbles(&path, &text) {
            panic!("{}:{line}: \"{word}\" stops a reader; say it plainly", path.display());
        }
    }
}

#[test]
fn stumbling_words_are_found_in_comments_and_over_the_end_of_a_line() {
    let found = |name: &str, text| stumbles(Path::new(name), text);
    assert_eq!(found("a.sh", "anew=1 # Whoever\n"), Some((1, "whoever")));
    assert_eq!(found("a.sh", "anew=1 # Renewed, on their own.\n"), None);
    assert_eq!(found("a.md", "A page\nof the\nown kind\n"), Some((2, "the own")));
}

/// The sources as one text, in which a literal that goes on in the next line is in one piece.
fn literals() -> String {
    let mut whole = String::new();
    for path in sources(&root().join("src")) {
        for part in fs::read_to_string(path).expect("text").split("\\\n") {
            whole.push_str(part.trim_start());
        }
    }
    whole
}

#[test]
fn lines_that_a_page_explains_are_those_of_the_program() {
    const WORDS: usize = 3;
    let (source, page) = (literals(), fs::read_to_string(root().join("docs/trouble.md")).expect("it is there"));
    let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    assert!(rows.len() > 40, "the test looks in the wrong place");
    for row in rows {
        let line = row.split('`').next().expect("a line of the log");
        let words: Vec<&str> = line.split(' ').collect();
        // Names and numbers are in between.
        let is_there = words.windows(WORDS).any(|words| source.contains(&words.join(" ")));
        assert!(is_there, "docs/trouble.md explains {line:?}, which nothing in src says");
    }
}
