//! Promise 8: the CSV files are exactly the delivered log, sorted into sensors.

use std::collections::BTreeMap;

use crate::process::Process;

pub(crate) fn check_files(process: &Process) -> Result<(), String> {
    // While a cut waits for the storage, the files are those of the log before it.
    if !process.work.is_empty() {
        return Ok(());
    }
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let delivered = process.shelf.delivered;
    for entry in process.shelf.log.iter().take_while(|entry| entry.frame.last() <= delivered) {
        for (sequence, payload) in entry.frame.entries() {
            let text = std::str::from_utf8(payload).expect("payloads are text");
            let fields: Vec<&str> = text.split('|').collect();
            let row = format!("{sequence},{},{},{},{},{}\n", fields[2], fields[1], fields[3], fields[4], fields[5]);
            expected.entry(fields[1].to_owned()).or_default().push(row);
        }
    }
    if process.shelf.files() == expected {
        return Ok(());
    }
    Err(format!("promise 8: the files of {} are not its log up to #{delivered}", process.id()))
}
