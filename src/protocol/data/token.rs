//! Numbers that nobody can guess, derived from a secret of this process. They are deterministic, so that a run can be
//! repeated, and need no record of who was told which.

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use crate::ids::PeerId;
use crate::wire::Token;

/// What this process alone knows; the source of all its tokens.
#[derive(Clone)]
pub struct Secret(pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Shows, in answer to this nonce, that the sender knows a token, without telling the token.
pub(crate) fn proof_of(token: Token, nonce: Token) -> Token {
    Secret([0; 32]).digest(b"show", format!("{token} {nonce}").as_bytes())
}

impl Secret {
    /// The token for the peer that is dialled at this endpoint.
    pub(crate) fn token_for(&self, peer: &PeerId, at: SocketAddr) -> Token {
        self.digest(b"dial", format!("{peer} {at}").as_bytes())
    }

    /// The nonce of the question of this number.
    pub(crate) fn nonce(&self, number: u64) -> Token {
        self.digest(b"call", &number.to_be_bytes())
    }

    fn digest(&self, kind: &[u8], text: &[u8]) -> Token {
        let digest = Sha256::new().chain_update(self.0).chain_update(kind).chain_update(text).finalize();
        let (first, _) = digest.split_first_chunk::<8>().expect("a digest has 32 bytes");
        Token(u64::from_be_bytes(*first))
    }
}
