//! Databases of InfluxDB: a row that is written again is the same point.

use ureq::Agent;

use crate::server::{free_port, Server};
use crate::storm::{self, Holder, ROWS};

struct Influx {
    server: Server,
    agent: Agent,
}

impl Influx {
    fn start() -> Option<Self> {
        let server = Server::start("influxd", "-config", |port, directory| {
            let directory = directory.display();
            format!(
                "reporting-disabled = true\nbind-address = \"127.0.0.1:{}\"\n[meta]\ndir = \"{directory}/meta\"\n\
                 [data]\ndir = \"{directory}/data\"\nwal-dir = \"{directory}/wal\"\n[http]\n\
                 bind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n",
                free_port()
            )
        })?;
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
fn each_row_is_a_point_whatever_is_killed() {
    let Some(mut influx) = Influx::start() else { return };
    let url = format!("influx://127.0.0.1:{}/lab", influx.server.port);
    storm::survive(&mut influx, &["--create", &url]);
    assert_eq!(influx.held(), ROWS + 1);
    let tags = influx.ask("SHOW SERIES");
    let series = tags["results"][0]["series"][0]["values"].as_array().expect("series").len();
    assert_eq!((series, tags.to_string().contains("reading,group=sensors,sensor=a-3")), (11, true));
}
