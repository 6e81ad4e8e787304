#!/usr/bin/env bash
# Measures peers on loopback, as a table; of throughput also the share of a yardstick that does the same work without a protocol,
# in the same run.
#
#   scripts/bench.sh                                throughput, latency, fail-over, idle cost, the price of the disk and of readers
#   scripts/bench.sh latency failover               some of it
#   scripts/bench.sh sensors sizes join             what takes minutes: many sensors, groups of up to 100 peers, a late join
#   scripts/bench.sh --save FILE …                  keeps the figures; --against FILE compares them with earlier ones
#   scripts/bench.sh --plot DIRECTORY sensors sizes draws them, as SVG; --saved FILE takes figures from there, and measures nothing
#   scripts/bench.sh --help                         all of it; --closed gives the peers a key
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --quiet --release
cargo run --quiet --release --manifest-path benches/Cargo.toml --target-dir "${CARGO_TARGET_DIR:-target}/benches" -- \
    --peer "${CARGO_TARGET_DIR:-target}/release/peer" "$@"
