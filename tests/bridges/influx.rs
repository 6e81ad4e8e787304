//! Databases of InfluxDB: a row that is written again is the same point.

use std::path::Path;
use std::process::Command;

use ureq::Agent;

use crate::bridge;
use crate::server::{free_port, Server};
use crate::storm::{self, Holder, ROWS};

/// The file of a server, with more of how it speaks HTTP.
pub(crate) fn configuration(port: u16, directory: &Path, http: &str) -> String {
    let directory = directory.display();
    format!(
        "reporting-disabled = true\nbind-address = \"127.0.0.1:{}\"\n[meta]\ndir = \"{directory}/meta\"\n\
         [data]\ndir = \"{directory}/data\"\nwal-dir = \"{directory}/wal\"\n[http]\n\
         bind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n{http}",
        free_port()
    )
}

struct Influx {
    server: Server,
    agent: Agent,
}

impl Influx {
    fn start() -> Option<Self> {
        let server = Server::start("influxd", "-config", |port, directory| configuration(port, directory, ""))?;
        Some(Self { server, agent: Agent::config_builder().http_status_as_error(false).build().new_agent() })
    }

    fn ask(&self, query: &str) -> serde_json::Value {
        let url = format!("http://127.0.0.1:{}/query", self.server.port);
        let Ok(mut answer) = self.agent.get(url).query("db", "lab").query("q", query).call() else {
            return serde_json::Value::Null;
        };
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap_or_default()).unwrap_or_default()
    }
}

impl Holder for Influx {
    fn held(&mut self) -> u64 {
        let answer = self.ask("SELECT count(temperature_c) FROM reading");
        answer["results"][0]["series"][0]["values"][0][1].as_u64().unwrap_or(0)
    }

    fn fall(&mut self) {
        self.server.end("-9");
        self.server.run();
    }
}

#[test]
fn what_peer_tail_prints_is_line_protocol_with_comments_between() {
    let Some(influx) = Influx::start() else { return };
    influx.ask("CREATE DATABASE lab");
    let group = bridge::rows();
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command.env_clear().current_dir(&group.directory).args(["tail", "--format", "influx"]);
    let printed = String::from_utf8(command.output().expect("the binary was built").stdout).expect("text");
    // As it is where a merge replaced rows in between.
    let (first, rest) = printed.split_at(printed.find('\n').expect("a line") + 1);
    let url = format!("http://127.0.0.1:{}/write?db=lab", influx.server.port);
    let answer = influx.agent.post(url).send(&format!("{first}# rewind 1\n{rest}")).expect("an answer");
    assert_eq!(answer.status().as_u16(), 204);
    let held = influx.ask("SELECT count(temperature_c) FROM reading");
    assert_eq!(held["results"][0]["series"][0]["values"][0][1], 10);
}

#[test]
fn each_row_is_a_point_whatever_is_killed() {
    let Some(mut influx) = Influx::start() else { return };
    let url = format!("influx://127.0.0.1:{}/lab", influx.server.port);
    storm::survive(&mut influx, &["--create", &url]);
    assert_eq!(influx.held(), ROWS + 1);
    let tags = influx.ask("SHOW SERIES");
    let series = tags["results"][0]["series"][0]["values"].as_array().expect("series").len();
    assert_eq!((series, tags.to_string().contains("reading,group=sensors,sensor=a-3")), (11, true));
}
