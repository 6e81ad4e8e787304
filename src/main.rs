//! Parses the command line, starts the log, runs the peer, and says with the exit status how it ended: 0 after a signal,
//! 2 for wrong options, 1 for anything else. Or compares the files of peers, with the exit status of the verdict.

use std::io::{self, Write};
use std::process::ExitCode;

use log::LevelFilter;
use peer::cli::{Task, Verify};
use peer::config::Config;

fn main() -> ExitCode {
    match peer::cli::parse(std::env::args_os()).unwrap_or_else(|error| error.exit()) {
        Task::Run(config) => run(*config),
        Task::Verify(verify) => compare(&verify),
    }
}

fn compare(verify: &Verify) -> ExitCode {
    match peer::verify::run(&verify.data_dirs, &verify.peers, &mut io::stdout().lock(), &mut io::stderr().lock()) {
        Ok(verdict) => verdict.status().into(),
        // Nobody is left to tell, as behind `| head`.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(config: Config) -> ExitCode {
    start_log(config.log_level);
    match peer::threads::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fatal) => {
            log::error!("{fatal}");
            ExitCode::FAILURE
        }
    }
}

/// Lines on standard error: time in UTC with milliseconds, level, thread, text. `RUST_LOG` wins over the option.
fn start_log(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    builder.format(|out, record| {
        let thread = std::thread::current();
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        writeln!(out, "{time} {:<5} {}: {}", record.level(), thread.name().unwrap_or("?"), record.args())
    });
    builder.init();
}
