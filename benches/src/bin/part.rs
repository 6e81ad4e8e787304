//! Does one part a number of times: `part NAME TIMES`, for a counter of instructions. Without a name it lists them all,
//! each with the readings of one time.

use std::process::ExitCode;

use peer_benches::PARTS;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = &arguments[..] else {
        for part in PARTS {
            println!("{} {}", part.name, part.readings);
        }
        return ExitCode::SUCCESS;
    };
    let (Some(part), Ok(times)) = (PARTS.iter().find(|part| part.name == *name), times.parse::<u64>()) else {
        eprintln!("part NAME TIMES, and the name of a part");
        return ExitCode::FAILURE;
    };
    let mut once = (part.prepare)();
    for _ in 0..times {
        once();
    }
    ExitCode::SUCCESS
}
