//! Texts from others, as a line of the log shows them.

use log::Level;
use peer::log_lines::{escaped, Form, Format};

pub(crate) fn log_lines(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let shown = escaped(&text);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert_eq!(escaped(&shown), shown, "what is escaped is plain");
    let peer = "p".parse().expect("a name");
    let line = Form::new(Format::Json, peer).plain(Level::Warn, "fuzz", &text);
    let line = line.strip_suffix('\n').expect("a line");
    assert!(!line.contains('\n'));
    let object: serde_json::Value = serde_json::from_str(line).expect("an object");
    assert_eq!(object["message"].as_str(), Some(&*text));
}
