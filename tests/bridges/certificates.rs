//! Engines under TLS: one whose certificate is what it has to be gets rows. Any other one gets none, and a line says what to do.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bridge::{assert_says, hands_over, refused, rows};
use crate::influx;
use crate::server::{done, Server};

/// Makes an authority, another one, and a certificate of the former for the host `localhost`. Returns whether it can.
fn make(directory: &Path) -> bool {
    let key = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let authority = |name| {
        let (cert, key_file) = (format!("{name}.pem"), format!("{name}.key"));
        done(
            "openssl",
            directory,
            &[&key[..], &["-subj", "/CN=authority", "-keyout", &key_file, "-out", &cert]].concat(),
        )
    };
    let server = ["-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=server"];
    let of = ["-CA", "authority.pem", "-CAkey", "authority.key"];
    let with = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"];
    authority("authority")
        && authority("other")
        && done("openssl", directory, &[&key[..], &server, &of, &with].concat())
}

/// Starts a server with such a certificate, which is in the directory that it gets.
fn start(program: &str, option: &str, write: impl Fn(u16, &Path) -> String) -> Option<Server> {
    let mut server = Server::prepared(program, option, write)?;
    make(&server.directory).then(|| server.run())?;
    Some(server)
}

/// `place` is what follows the port in the URL.
fn assert_tells_apart(server: &Server, scheme: &str, place: &str) {
    let group = rows();
    let file = |name: &str| -> PathBuf { server.directory.join(name) };
    let url = |host: &str| format!("{scheme}://{host}:{}{place}", server.port);
    for name in ["authority.pem", "authority.key", "other.pem"] {
        fs::copy(file(name), group.directory.join(name)).expect("a certificate");
    }
    let ends = |ca: &[&str], host: &str, parts: &[&str]| {
        assert_says(refused(&group.directory, &[ca, &["--create", &url(host)]].concat()), 1, parts);
    };
    ends(&["--ca-file", "other.pem"], "localhost", &["no authority of --ca-file other.pem vouches", "give the file"]);
    ends(
        &["--ca-file", "authority.pem"],
        "127.0.0.1",
        &["the certificate of the server is for localhost", "name it so"],
    );
    ends(&["--ca-file", "authority.key"], "localhost", &["authority.key", "no certificate"]);
    hands_over(&group.directory, &["--create", "--ca-file", "authority.pem", &url("localhost")]);
}

#[test]
fn a_stream_is_reached_under_tls() {
    let server = start("nats-server", "-c", |port, directory| {
        let files = directory.display();
        format!(
            "listen: 127.0.0.1:{port}\njetstream {{ store_dir: {files} }}\n\
             tls {{ cert_file: {files}/server.pem, key_file: {files}/server.key }}\n"
        )
    });
    let Some(server) = server else { return };
    assert_tells_apart(&server, "natss", "");
}

#[test]
fn a_broker_is_reached_under_tls() {
    let server = start("mosquitto", "-c", |port, directory| {
        let files = directory.display();
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {files}/server.pem\nkeyfile {files}/server.key\nuser root\n"
        )
    });
    let Some(server) = server else { return };
    assert_tells_apart(&server, "mqtts", "");
}

#[test]
fn a_database_is_reached_under_tls() {
    let server = start("influxd", "-config", |port, directory| {
        let files = directory.display();
        let tls = format!("https-enabled = true\nhttps-certificate = \"{files}/server.pem\"\nhttps-private-key = \"{files}/server.key\"\n");
        influx::configuration(port, directory, &tls)
    });
    let Some(server) = server else { return };
    assert_tells_apart(&server, "influxs", "/lab");
}

#[test]
fn a_server_that_wants_a_certificate_of_the_bridge_or_speaks_no_tls_is_told_of() {
    let group = rows();
    for (more, said) in [
        ("tls { cert_file: server.pem, key_file: server.key, ca_file: authority.pem, verify: true }", "by a password"),
        ("", "nobody speaks TLS there; nats:// goes without"),
    ] {
        let server = start("nats-server", "-c", |port, directory| {
            let files = directory.display().to_string();
            let more = ["server.", "authority."]
                .iter()
                .fold(more.to_owned(), |text, name| text.replace(&format!(": {name}"), &format!(": {files}/{name}")));
            format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: {files} }}\n{more}\n")
        });
        let Some(server) = server else { return };
        let ca = server.directory.join("authority.pem").display().to_string();
        let url = format!("natss://localhost:{}", server.port);
        assert_says(refused(&group.directory, &["--ca-file", &ca, &url]), 1, &[said]);
    }
}
