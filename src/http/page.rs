//! The files of the page are in the binary, so that it works without any other host.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::request::Request;
use super::response::{Body, Response};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, type and content of a file of the page.
type File = (&'static str, &'static str, &'static [u8]);

macro_rules! file {
    ($name:literal, $kind:ident) => {
        (concat!("/", $name), $kind, include_bytes!(concat!("page/", $name)))
    };
    ($path:literal, $kind:ident, $file:literal) => {
        ($path, $kind, include_bytes!(concat!("page/", $file)))
    };
}

const FILES: &[File] = &[
    file!("/", HTML, "index.html"),
    file!("favicon.svg", SVG),
    file!("theme.css", CSS),
    file!("page.css", CSS),
    file!("controls.css", CSS),
    file!("group.css", CSS),
    file!("sensors.css", CSS),
    file!("tables.css", CSS),
    file!("plot.css", CSS),
    file!("/uplot.css", CSS, "uplot/uPlot.min.css"),
    file!("/uplot.js", JS, "uplot/uPlot.iife.min.js"),
    file!("card.js", JS),
    file!("chart.js", JS),
    file!("clock.js", JS),
    file!("dom.js", JS),
    file!("events.js", JS),
    file!("figures.js", JS),
    file!("format.js", JS),
    file!("group.js", JS),
    file!("happenings.js", JS),
    file!("headline.js", JS),
    file!("page.js", JS),
    file!("plot.js", JS),
    file!("plots.js", JS),
    file!("range.js", JS),
    file!("sensors.js", JS),
    file!("spark.js", JS),
    file!("stream.js", JS),
    file!("theme.js", JS),
];

/// The file at this path, if there is one. A browser that has it is told that it has not changed.
pub(super) fn file(path: &str, request: &Request) -> Option<Response> {
    let (_, kind, bytes) = FILES.iter().find(|(known, ..)| *known == path)?;
    let mut response = Response::new(kind, Body::Fixed(bytes));
    response.headers = format!("Cache-Control: no-cache\r\nETag: {}\r\n", tag());
    if request.known.as_deref().is_some_and(|known| known.contains(tag())) {
        response.status = 304;
    }
    Some(response)
}

/// Names this set of files.
fn tag() -> &'static str {
    static TAG: OnceLock<String> = OnceLock::new();
    TAG.get_or_init(|| {
        let mut digest = Sha256::new();
        for (_, _, bytes) in FILES {
            digest.update(bytes);
        }
        let start = digest.finalize().first_chunk().copied().unwrap_or([0; 8]);
        format!("\"{:016x}\"", u64::from_be_bytes(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that a file of the page names: `src="/a.js"`, `href="/a.css"`, `import … from './a.js'`.
    fn named(text: &str) -> Vec<String> {
        let words = text.split(['"', '\'']).filter(|word| !word.contains(char::is_whitespace));
        let names = words.filter_map(|word| word.strip_prefix("./").or_else(|| word.strip_prefix('/')));
        names
            .filter(|name| [".js", ".css", ".svg"].iter().any(|end| name.ends_with(end)))
            .map(|name| format!("/{name}"))
            .collect()
    }

    #[test]
    fn every_named_file_is_there_and_every_file_is_named() {
        let mut all = vec!["/".to_owned()];
        for (path, _, bytes) in FILES.iter().filter(|(path, ..)| !path.contains("uplot")) {
            for name in named(std::str::from_utf8(bytes).expect("text")) {
                assert!(FILES.iter().any(|(known, ..)| *known == name), "{path} names {name}");
                all.push(name);
            }
        }
        for (path, ..) in FILES {
            assert!(all.iter().any(|name| name == path), "nobody names {path}");
        }
    }

    #[test]
    fn third_party_files_are_unchanged() {
        let sums = include_str!("page/uplot/SHA256SUMS");
        for (path, name) in [("/uplot.js", "uPlot.iife.min.js"), ("/uplot.css", "uPlot.min.css")] {
            let (.., bytes) = FILES.iter().find(|(known, ..)| *known == path).expect("it is there");
            let hex = Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
            assert!(sums.lines().any(|line| line == format!("{hex}  {name}")), "{name} is {hex}");
        }
    }
}
