//! How a NATS server lets a bridge in: by a file of `nsc`, the seed of a key, a name and a password, or a token.

use async_nats::ConnectOptions;

use super::super::access::{pair, text};
use super::{Asked, Fault};

/// How a part of a file of `nsc` begins that holds a JWT, and how long the seed of a user's key is.
const JWT: &str = "-----BEGIN NATS USER JWT-----";
const SEED_CHARS: usize = 58;

/// Tells the server so. The file of `--credentials` is read at each connection: another program may have made a newer one.
pub(super) fn give(options: ConnectOptions, asked: &Asked) -> Result<ConnectOptions, Fault> {
    let Some(text) = text(asked).map_err(|error| Fault::Refused(error.to_string()))? else {
        return Ok(match asked.target.user.clone() {
            Some(user) => named(options, user),
            None => options,
        });
    };
    if text.contains(JWT) {
        let unread = |error| Fault::Refused(format!("--credentials is no whole file of nsc: {error}"));
        return options.credentials(&text).map_err(unread);
    }
    Ok(match seed(&text) {
        Some(seed) => options.nkey(seed.to_owned()),
        None => named(options, pair(&text)),
    })
}

fn named(options: ConnectOptions, (name, password): (String, String)) -> ConnectOptions {
    if password.is_empty() {
        options.token(name)
    } else {
        options.user_and_password(name, password)
    }
}

/// The seed of a user's key, alone or between lines that say what it is.
fn seed(text: &str) -> Option<&str> {
    // Of base32.
    let is_digit = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
    let is_seed = |line: &&str| line.len() == SEED_CHARS && line.starts_with("SU") && line.bytes().all(is_digit);
    text.lines().map(str::trim).find(is_seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_known_by_its_form() {
        let one = format!("SU{}", "A".repeat(56));
        assert_eq!(seed(&format!("{one}\n")), Some(one.as_str()));
        assert_eq!(seed(&format!("-----BEGIN USER NKEY SEED-----\n{one}\n---\n")), Some(one.as_str()));
        let spoilt = [":", "1", "8", "a"].map(|other| one.replacen('A', other, 1));
        for other in ["SUE:secret", &one[1..], &format!("{one}A")].into_iter().chain(spoilt.iter().map(String::as_str))
        {
            assert_eq!(seed(other), None, "{other}");
        }
    }
}
