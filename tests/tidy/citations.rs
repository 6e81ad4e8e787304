//! What comments and pages cite is there: files, rules of docs/protocol.md, and what is quoted of them.

use std::fs;
use std::path::Path;

use super::{all_sources, is_source, prose, root, texts};

/// What a text names in backquotes, line by line; of source text, in its comments only.
fn named<'a>(path: &Path, text: &'a str) -> Vec<&'a str> {
    prose(path, text).flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn files_that_comments_and_pages_name_exist() {
    let source_files = all_sources();
    let mut files = 0;
    for (path, text) in texts() {
        let is_path = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
        for name in named(&path, &text).into_iter().filter(is_path) {
            let top = name.split_once('/').map_or("", |(top, _)| top);
            let is_source = is_source(Path::new(name));
            if !is_source && !["src", "docs", "tests", "scripts", "benches", "packaging"].contains(&top) {
                continue;
            }
            // From the root, or as its neighbours call it.
            let is_there =
                root().join(name).exists() || is_source && source_files.iter().any(|file| file.ends_with(name));
            assert!(is_there, "{} names {name}, which is not there", path.display());
            files += 1;
        }
    }
    assert!(files > 50, "the test looks in the wrong place");
}

/// Rules that comments name before a colon, after `docs/protocol.md`, and what they quote of them, if anything.
fn quotes(text: &str) -> Vec<(String, String)> {
    let words =
        |line: &str| line.trim_start().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']).to_owned());
    let comments: String = text.lines().map(|line| words(line).unwrap_or("\n".to_owned())).collect();
    let mut found = Vec::new();
    for cited in comments.lines().flat_map(|comment| comment.split("docs/protocol.md").skip(1)) {
        let (mut rule, digit) = ("", |c: char| c.is_ascii_digit());
        for pair in cited.split('"').collect::<Vec<_>>().chunks(2) {
            let mut named = pair[0].split_whitespace().filter_map(|word| word.strip_suffix(':'));
            rule = named.rfind(|word| word.starts_with(digit) && word.ends_with(digit)).unwrap_or(rule);
            found.push((rule.to_owned(), folded(pair.get(1).unwrap_or(&""))));
        }
    }
    found.retain(|(rule, quote)| !rule.is_empty() || !quote.is_empty());
    found
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the page says this under that rule, or in that section. `[…]` stands for what is left out.
fn says(page: &str, rule: &str, quote: &str) -> bool {
    let is_rule = rule.contains('.');
    let begin = if is_rule { format!("\n**{rule}") } else { format!("\n## {rule}. ") };
    let Some((_, text)) = page.split_once(&begin) else { return false };
    let ends = |line: &str| line.starts_with("## ") || is_rule && (line.starts_with("**") || line.starts_with("### "));
    let lines = text.trim_start_matches('*').lines().take_while(|line| !ends(line));
    let (text, mut from) = (folded(&lines.collect::<Vec<_>>().join(" ")), 0);
    quote.split("[…]").map(str::trim).all(|part| {
        let at = text[from..].find(part);
        from += at.map_or(0, |at| at + part.len());
        at.is_some()
    })
}

#[test]
fn rules_that_comments_cite_exist_and_say_what_is_quoted() {
    let protocol = fs::read_to_string(root().join("docs/protocol.md")).expect("it is there");
    let (mut cited, mut quoted) = (0, 0);
    for path in all_sources().into_iter().filter(|path| !path.ends_with("tests/tidy/citations.rs")) {
        let text = fs::read_to_string(&path).expect("text");
        for rest in text.split("docs/protocol.md").skip(1) {
            let end = rest.find([')', ':', '\n', '`']).unwrap_or(rest.len());
            let is_rule = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
            for rule in rest[..end].split([' ', ',']).filter(is_rule).map(|word| word.trim_end_matches('.')) {
                assert!(says(&protocol, rule, ""), "{} cites rule {rule}, which is not there", path.display());
                cited += 1;
            }
        }
        for (rule, quote) in quotes(&text) {
            assert!(says(&protocol, &rule, &quote), "{}: rule {rule} does not say {quote:?}", path.display());
            quoted += usize::from(!quote.is_empty());
        }
        for plan in ["PROTOCOL.md", "INTERFACE.md", "ARCHITECTURE.md", "STYLE.md", "ORIGINAL.md"] {
            assert!(!text.contains(plan), "{} cites {plan}, which is not in the project", path.display());
        }
    }
    assert!(cited > 200 && quoted > 40, "the test looks in the wrong place");
}

#[test]
fn a_quote_with_another_word_or_of_another_rule_is_found() {
    let page = "\n**5.3** One\nwins, two\nlose.\n\n**5.4** More.\n";
    let text =
        "/// docs/protocol.md, 5.3: \"One […]\n/// lose.\" 5.4: \"lose\", \"More\".\nlet a = \"b\";\n/// 5.5: no\n";
    let right = quotes(text).into_iter().map(|(rule, quote)| says(page, &rule, &quote));
    assert_eq!(right.collect::<Vec<_>>(), [true, false, true, true]);
}
